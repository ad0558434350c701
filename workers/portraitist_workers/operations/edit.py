"""Change named attributes of a real photo of the person; what was not named stays."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import InvalidRequest
from portraitist.requests import Edit
from portraitist.results import Picture, Pictures, Progress

from ..faces import image_io
from ..faces.backdrop import Heads, keep_backdrop
from ..faces.paste import paste
from ..generator import Generator
from ..inversion.optimize import refine_styles, with_styles
from ..inversion.pivotal import tune_to_photo
from ..inversion.reconstruction import Reconstruction
from ..persona.control import solve
from ..persona.judge import Judge, judge_for
from ..persona.model import PersonaModel, render
from ..persona.presets import PRESETS, Preset
from ..persona.projection import project
from ..persona.requests import resolve
from ..persona.warm import warm
from ..precision import optimisation_dtype
from ..provenance.marking import mark_part, mark_portrait, sheet
from ..provenance.origin import Origin
from .context import Context
from .subject import find


def run(request: Edit, context: Context) -> Pictures:
    """One picture per item of `request.values`. Raises InvalidImage, FaceNotFound, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    model = warm.load(record, context)
    preset = PRESETS[record.preset]
    judge = judge_for(model)
    file = context.blob(request.photo.blob)
    photo = image_io.decode(file, request.photo.name)
    subject = find(photo, model, request.photo.name)

    def on_step(stage: str):
        return lambda step, steps, loss: context.on_step(
            Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}")
        )

    w, tuned = invert_photo(model, subject.pixels, subject.known, preset, request.space, request.seed, on_step)
    measured_photo = judge.attributes(render(tuned, w))[0][0]
    requested = [
        absolute(values, measured_photo, judge, model, w, relative=request.relative) for values in request.values
    ]
    targets = [resolve(values, record.reach, strict=request.strict) for values in requested]
    edited_w = edit_latent(model, tuned, judge, w, measured_photo, targets)
    crops, photos = [], []
    original = image_io.to_uint8(subject.pixels)[0]
    for pixels in image_io.to_uint8(render(tuned, edited_w)):
        heads = Heads.find(original, pixels)
        pixels = keep_backdrop(pixels, original, heads)
        crops.append(mark_portrait(pixels))
        photos.append(paste(photo, subject.frame, pixels, original=original, others=subject.others, heads=heads))
    images = image_io.to_tensor(np.stack([c.pixels for c in crops])).to(w)  # what is handed out is what is judged
    measured = judge.attributes(images)[0]
    reports = judge.reports(
        images,
        measured,
        requested=requested,
        targets=targets,
        seed=request.seed,
        before=measured_photo,
        reach=record.reach,
    )
    pictures, marked, origin = [], [], Origin("edit", file)
    for crop, pasted, report in zip(crops, photos, reports, strict=True):
        report.outside_change = pasted.outside_change
        marked.append(mark_part(pasted.image, pasted.mask))
        report.mark = marked[-1].score
        report.seconds = round((time.monotonic() - begun) / len(targets), 3)
        pictures.append(
            Picture(blob=context.put_picture(marked[-1], origin), crop=context.put_picture(crop, origin), report=report)
        )
    page = context.put_picture(sheet(marked, request.columns), origin) if request.columns else None
    return Pictures(pictures=pictures, sheet=page, seconds=round(time.monotonic() - begun, 3))


def invert_photo(
    model: PersonaModel, pixels: Tensor, known: Tensor, preset: Preset, space: str, seed: int, on_step
) -> tuple[Tensor, Generator]:
    """The photo's latent w_plus [1, num_ws, D] in the person's space, and a generator tuned to show exactly the photo there.

    The photo counts where it is `known` [1, 1, R, R]. space "w" is a mix of the anchors and nothing else. "w_plus" adds a small offset
    per layer (MyStyle's alpha projection). "s" also refines the styles. Their offset stays with the generator, so edits move w as ever.
    """
    dtype = optimisation_dtype()
    loss = Reconstruction(judge_distance(), seed=seed)
    with torch.no_grad():
        start = model.prior.encoder(pixels)[0]

    def objective(w_plus: Tensor, step: int) -> Tensor:
        side = loss.side(model.prior.resolution, step, preset.project_steps)
        return loss(model.generator.synthesis(w_plus, dtype=dtype, until=side), pixels, step, known).sum()

    found = project(
        model.anchors,
        start,
        objective,
        num_ws=model.generator.config.num_ws,
        w_std=model.prior.w_std,
        steps=preset.project_steps,
        offset_weight=float("inf") if space == "w" else 0.05,
        on_step=on_step("project"),
    )
    generator = model.generator
    if space == "s":
        styles = refine_styles(
            generator,
            pixels,
            generator.synthesis.styles(found.w_plus),
            loss,
            steps=preset.project_steps,
            known=known,
            dtype=dtype,
            on_step=on_step("styles"),
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
        on_step=on_step("tune"),
    )
    return found.w_plus, tuned


def judge_distance():
    from ..faces.perceptual import load_perceptual

    return load_perceptual()


def absolute(
    values: dict[str, float], photo: Tensor, judge: Judge, model: PersonaModel, w: Tensor, *, relative: bool
) -> dict[str, float]:
    """Targets in absolute units: a relative request counts from what was measured on the photo."""
    if not relative:
        return dict(values)
    coordinates = model.axes.coordinates(w.mean(1))[0]
    absolute_values = {}
    for name, change in values.items():
        if name in judge.attributes.names:
            start = float(photo[judge.attributes.names.index(name)])
        elif name in model.axes.names:
            start = float(coordinates[model.axes.names.index(name)])
        else:
            raise InvalidRequest(f"cannot change {name!r}: this persona has no control for it", param=name)
        absolute_values[name] = start + change
    return absolute_values


def edit_latent(
    model: PersonaModel, tuned: Generator, judge: Judge, w: Tensor, before: Tensor, targets: list[dict[str, float]]
) -> Tensor:
    """Latents [B, num_ws, D] for `targets` with everything else held at `before` [A]."""
    names = model.response.names
    B = len(targets)

    def measure(latents: Tensor) -> Tensor:
        return torch.cat([judge.attributes(render(tuned, part))[0] for part in latents.split(16)])

    change = w.new_zeros(B, len(model.axes.names))
    wanted = w.new_full((B, len(names)), float("nan"))
    coordinates = model.axes.coordinates(w.mean(1))[0]
    for b, values in enumerate(targets):
        for name, value in values.items():
            start = before[names.index(name)] if name in names else coordinates[model.axes.names.index(name)]
            change[b, model.axes.names.index(name)] = value - start
            if name in names:
                wanted[b, names.index(name)] = value
    moved = model.axes.move(w.expand(B, -1, -1), change)
    return solve(moved, wanted, before.expand(B, -1), model.response, measure).w
