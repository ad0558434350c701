"""Variations of photos: do they differ, is the face still there and still the person's, and does a patch's border show?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from portraitist.requests import Photo, Variations
from portraitist_workers.collage.interpolation import Source
from portraitist_workers.collage.patches import Patch, random_patches
from portraitist_workers.collage.varied import varied
from portraitist_workers.editing.opening import opened
from portraitist_workers.faces import image_io
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.operations.variations import patches_of
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import Response
from portraitist_workers.persona.judge import identity_scores, leave_one_out, percentile
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.warm import WarmPersona
from portraitist_workers.priors import library

from .people import NAMES, load

COUNT = 8
VARIED = f"""{COUNT} variations of a held-out photo of each of the {len(NAMES)} test people, patches drawn at random. Their generator is the
prior's. LPIPS and identity are measured at 128 px. Seams are measured along the borders of the patches' copies in the photo itself. The
control pastes the same patches as pixels, ten times as far."""


def varied_photos() -> list[tuple]:
    tallies = {strength: _Tally() for strength in (0.5, 1.0)}
    pasted, nothing = _Tally(), _Tally()
    people = [
        (person_of([p.data for p in photos if not p.held_out], name), photos)
        for name in NAMES
        for photos in [load(name)]
    ]
    for number, (person, photos) in enumerate(people):
        file = next(p.data for p in photos if p.held_out)
        photo = opened(person, file, "photo", None, space="w_plus", seed=0, on_stage=lambda stage: lambda *_: None)
        generator = person.model.generator
        with torch.no_grad():
            source = Source(generator.synthesis, generator.styles(photo.w))
            for strength, tally in (*tallies.items(), (0.0, nothing)):
                request = Variations(persona_id="", photo=Photo(name=""), n=COUNT, strength=strength, seed=number)
                ways = patches_of(request, photo)
                faces = [varied(photo, source, patches, request.layers).shown for patches in ways]
                tally.add(person, photo.scene.face, faces, ways)
            rng = torch.Generator().manual_seed(number)
            ways = [random_patches(3, generator=rng, reach=0.6, within=(0.2, 0.15, 0.8, 0.9)) for _ in range(COUNT)]
            pasted.add(person, photo.scene.face, [_pasted(photo.scene.face, patches) for patches in ways], ways)
    strangers = [person_percentile(people[k][0], people[k - 1][0].model.embeddings[:1]) for k in range(len(people))]
    low, high = tallies.values()
    return [
        ("LPIPS to the photo: mean, least", "", low.away(), high.away(), f"strength 0: {nothing.away()}"),
        ("LPIPS between two: mean, least", "mean >= 0.05", low.apart(), high.apart(), f"strength 0: {nothing.apart()}"),
        ("faces found", "all", low.faces(), high.faces(), f"pasted pixels: {pasted.faces()}"),
        ("identity to the photo (cosine): mean, least", "", low.same(), high.same(), f"pasted pixels: {pasted.same()}"),
        (
            "identity, percentile among the person's photos: median, least",
            "",
            low.rank(),
            high.rank(),
            f"the photo itself: {nothing.rank()}; another person: {np.median(strangers):.0f}, {min(strangers):.0f}",
        ),
        ("step across a copy's border, of those within", "<= 1.25", low.seam(), high.seam(), f"pasted pixels: {pasted.seam()}"),
    ]  # fmt: skip


class _Tally:
    """Of all people's pictures made in one way."""

    def __init__(self) -> None:
        self.to_photo: list[float] = []
        self.between: list[float] = []
        self.found: list[bool] = []
        self.cosines: list[float] = []
        self.percentiles: list[float] = []
        self.seams: list[float] = []

    def add(
        self, person: WarmPersona, own: np.ndarray, made: Sequence[np.ndarray], ways: Sequence[Sequence[Patch]]
    ) -> None:
        """own [S, S, 3], made [S, S, 3] each."""
        pixels = [one.round().clip(0, 255).astype(np.uint8) for one in made]
        images = image_io.at_side(image_io.to_tensor(np.stack([own, *pixels])), 128)
        lpips, known = load_perceptual(), load_identity()(images)
        self.to_photo += [float(lpips(one[None], images[:1])) for one in images[1:]]
        self.between += [
            float(lpips(images[i : i + 1], images[j : j + 1])) for i in range(1, len(images)) for j in range(1, i)
        ]
        self.found += [bool(detect_faces(one)) for one in pixels]
        self.cosines += (known[1:] @ known[0]).tolist()
        self.percentiles += [person_percentile(person, one[None]) for one in known[1:]]
        self.seams += [_seam(one, patch) for one, patches in zip(pixels, ways, strict=True) for patch in patches]

    def away(self) -> str:
        return f"{np.mean(self.to_photo):.3f}, {min(self.to_photo):.3f}"

    def apart(self) -> str:
        return f"{np.mean(self.between):.3f}, {min(self.between):.3f}"

    def faces(self) -> str:
        return f"{sum(self.found)} of {len(self.found)}"

    def same(self) -> str:
        return f"{np.mean(self.cosines):.2f}, {min(self.cosines):.2f}"

    def rank(self) -> str:
        return f"{np.median(self.percentiles):.0f}, {min(self.percentiles):.0f}"

    def seam(self) -> str:
        return f"{np.mean(self.seams):.2f}"


def person_percentile(person: WarmPersona, known: Tensor) -> float:
    embeddings = person.model.embeddings
    return percentile(float(identity_scores(known, embeddings)[0]), leave_one_out(embeddings))


def _box(patch: Patch, side: int) -> tuple[int, int, int, int]:
    """Of its copy, px."""
    left, top, right, bottom = patch.box
    moved = (left + patch.right, top + patch.down, right + patch.right, bottom + patch.down)
    x0, y0, x1, y1 = (round(side * share) for share in moved)
    return x0, y0, x1, y1


def _seam(face: np.ndarray, patch: Patch) -> float:
    """The mean step of grey levels across the border of the patch's copy, of the mean step within it."""
    left, top, right, bottom = _box(patch, len(face))
    grey = face.astype(float).mean(2)
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    rows, columns = slice(top, bottom), slice(left, right)
    edges = [across[rows, left - 1], across[rows, right - 1], down[top - 1, columns], down[bottom - 1, columns]]
    within = (across[rows, left : right - 1].mean() + down[top : bottom - 1, columns].mean()) / 2
    return float(np.mean([edge.mean() for edge in edges]) / within)


def _pasted(face: np.ndarray, patches: Sequence[Patch]) -> np.ndarray:
    made = face.copy()
    for patch in patches:
        still = Patch(patch.box)
        (x0, y0, x1, y1), (left, top, *_) = _box(still, len(face)), _box(patch, len(face))
        there = made[top : top + y1 - y0, left : left + x1 - x0]
        there[:] = face[y0 : y0 + there.shape[0], x0 : x0 + there.shape[1]]
    return made.astype(np.float32)


def person_of(files: Sequence[bytes], name: str) -> WarmPersona:
    """Of photos, on the prior's own generator."""
    prior, attributes, identity = library.load(), load_attributes(), load_identity()
    crops = []
    for file in files:
        photo = image_io.decode(file, name)
        crops.append(crop(photo, ffhq_frame(max(detect_faces(photo), key=lambda face: face.side).points), 128))
    with torch.no_grad():
        pictures = image_io.to_tensor(np.stack(crops))
        w = prior.encoder(pictures)
        anchors = torch.cat([w, *(torch.lerp(w[:1], w[1:2], t) for t in (0.25, 0.5, 0.75))])
        embeddings, steps = identity(pictures), prior.steps_for(attributes.names)
        axes = Axes(attributes.names, anchors.mean(0), attributes(pictures)[0].mean(0), steps)
        response = Response(attributes.names, steps, torch.eye(len(attributes.names)))
    known = torch.cat([embeddings] * 3)[:5] if len(embeddings) < 5 else embeddings
    photos = tuple(str(number) for number in range(len(known)))
    return WarmPersona(
        f"per_{name}", name, PersonaModel(prior, prior.generator, anchors, axes, response, known, identity.name, photos)
    )
