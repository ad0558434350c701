"""A photo is opened once: its face found, and a latent that shows about it. What follows moves the photo's own pixels (`detail`), so the
picture need not be exact. Where it shall be, the latent is refined and the person's generator tuned to the photo: seconds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from portraitist.requests import Face

from ..beside import beside
from ..detail.mesh import Seen, seen
from ..detail.scene import Scene, scene_of
from ..faces import image_io
from ..faces.edited import EditedFace
from ..faces.image_io import to_uint8
from ..faces.perceptual import load_perceptual
from ..generator import Generator
from ..inversion.optimize import refine_styles, with_styles
from ..inversion.pivotal import tune_to_photo
from ..inversion.reconstruction import Reconstruction
from ..inversion.style_prior import StylePrior
from ..persona.control import solve
from ..persona.hull import nearest_alpha
from ..persona.model import PersonaModel
from ..persona.mouths import open_mouths
from ..persona.presets import Preset
from ..persona.projection import project
from ..persona.rendering import render
from ..persona.subject import Subject, find
from ..persona.warm import WarmPersona
from ..precision import optimisation_dtype
from .caution import cautions

OnStage = Callable[
    [str], Callable[[int, int, float], None]
]  # of a stage's name: what to call at each step with its loss


@dataclass(frozen=True, eq=False)
class OpenedPhoto:
    """A photo of the person, ready to be changed.

    subject    where the face is; the photo itself, [H, W, 3] uint8
    scene      what of the photo no edit changes
    w          [1, num_ws, D] its latent in the person's space
    generator  the person's; it shows about the photo at `w` ...
    before     ... in this picture
    measured   [A] what the attribute network sees on the photo
    shown      [A] what it sees on the generator's picture at `w`
    mouths     the person's other faces with an open mouth, by their photos' names
    cautions   sentences for the report: what was in the way
    """

    subject: Subject
    scene: Scene
    w: Tensor
    generator: Generator
    before: Seen
    measured: Tensor
    shown: Tensor
    mouths: dict[str, Seen]
    cautions: tuple[str, ...]
    faces: OrderedDict[bytes, EditedFace] = field(default_factory=OrderedDict)  # made last (`carrying`)

    def tensors(self) -> Iterator[Tensor]:
        """What it holds beyond the person's model."""
        yield from (self.w, self.subject.pixels, self.subject.known)
        yield from map(torch.from_numpy, self.scene.arrays())
        yield from self.generator.held()


def opened(
    person: WarmPersona,
    file: bytes,
    name: str,
    preset: Preset | None,
    *,
    space: str,
    seed: int,
    on_stage: OnStage,
    face: Face = None,
) -> OpenedPhoto:
    """The photo in `file`, opened now or, if the person holds it, before: the same bits. `face`: a place in the face that is meant.

    Raises InvalidImage, FaceNotFound, InvalidRequest."""
    key = hashlib.sha256(file).hexdigest(), space, seed, preset, face
    return person.opened(
        key,
        lambda: open_photo(person, file, name, preset, space=space, seed=seed, on_stage=on_stage, face=face),
    )


def open_photo(
    person: WarmPersona,
    file: bytes,
    name: str,
    preset: Preset | None,
    *,
    space: str,
    seed: int,
    on_stage: OnStage,
    face: Face = None,
) -> OpenedPhoto:
    """Find the face and guess its latent: less than a second. With a `preset`, also refine the latent and tune the generator: seconds.

    Raises InvalidImage, FaceNotFound, InvalidRequest."""
    model, attributes = person.model, person.judge.attributes
    subject = find(image_io.decode(file, name), model, name, face=face)
    found = beside(lambda: scene_of(subject.photo, subject.frame, subject.others))
    with torch.no_grad():
        measured = attributes(subject.pixels)[0]
    if preset is None:
        w, generator = guessed(person, subject.pixels, measured, space), model.generator
    else:
        w, generator = invert_photo(model, subject.pixels, subject.known, preset, space, seed, on_stage)
    picture = render(generator, w)
    [before], shown = seen([to_uint8(picture)[0]]), attributes(picture)[0][0]
    scene = found()
    ahead = cautions(subject, scene)
    return OpenedPhoto(
        subject, scene, w, generator, before, measured[0], shown, open_mouths(model, person.judge), ahead
    )


@torch.no_grad()
def guessed(person: WarmPersona, pixels: Tensor, measured: Tensor, space: str) -> Tensor:
    """A latent [1, num_ws, D] that shows about the face `pixels` [1, 3, R, R] with its values `measured` [1, A].

    It lies half way between what the encoder sees and the nearest mix of the person's anchors. The one is nearer to the photo, the other
    to the person. In space "w" it is the mix alone.
    """
    model = person.model
    encoder, num_ws = model.prior.encoder, model.generator.num_ws
    w = encoder(pixels)
    mix = nearest_alpha(model.anchors, w[0]) @ model.anchors
    start = mix.expand(1, num_ws, -1)
    if space != "w":
        seen = encoder.w_plus(pixels) if encoder.offsets is not None else w[:, None].expand(1, num_ws, -1)
        start = torch.lerp(seen, start, 0.5)

    def measure(latents: Tensor) -> Tensor:
        return person.judge.attributes(render(model.generator, latents, dtype=optimisation_dtype()))[0]

    return solve(start, measured, measured, model.response, measure, rounds=2, more=0).w


def invert_photo(
    model: PersonaModel, pixels: Tensor, known: Tensor, preset: Preset, space: str, seed: int, on_stage: OnStage
) -> tuple[Tensor, Generator]:
    """The latent w_plus [1, num_ws, D] of the face `pixels` [1, 3, R, R] in the person's space, and a generator tuned to show it there.

    The face counts where it is `known` [1, 1, R, R]. space "w" is a mix of the anchors and nothing else. "w_plus" adds a small offset
    per layer (MyStyle's alpha projection). "s" also refines the styles, and "s_gaussian" holds them to styles that latents have. Their
    offset stays with the generator, so edits move w as ever.
    """
    dtype = optimisation_dtype()
    loss = Reconstruction(load_perceptual(), seed=seed)
    with torch.no_grad():
        start = model.prior.encoder(pixels)[0]

    def objective(w_plus: Tensor, step: int) -> Tensor:
        side = loss.side(model.prior.resolution, step, preset.project_steps)
        return loss(model.generator.images(w_plus, dtype=dtype, until=side), pixels, step, known).sum()

    found = project(
        model.anchors,
        start,
        objective,
        num_ws=model.generator.num_ws,
        w_std=model.prior.w_std,
        steps=preset.project_steps,
        offset_weight=float("inf") if space == "w" else 0.05,
        on_step=on_stage("project"),
    )
    generator = model.generator
    if space in ("s", "s_gaussian"):
        styles = refine_styles(
            generator,
            pixels,
            generator.styles(found.w_plus),
            loss,
            steps=preset.project_steps,
            prior=StylePrior.of(model.prior.generator) if space == "s_gaussian" else None,
            known=known,
            dtype=dtype,
            on_step=on_stage("styles"),
        )
        generator = with_styles(generator, found.w_plus, styles)
    tuned = tune_to_photo(
        generator,
        pixels,
        found.w_plus,
        loss,
        steps=preset.edit_steps,
        anchors=model.anchors,
        weight=known,
        seed=seed,
        dtype=dtype,
        on_step=on_stage("tune"),
    )
    return found.w_plus, tuned
