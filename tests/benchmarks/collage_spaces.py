"""Where a photo is sought: W, W+, or style space with and without its Gaussian. How near it comes, and what edits and blends make of it."""

from __future__ import annotations

from functools import partial
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from portraitist_workers.collage.interpolation import Source, interpolate
from portraitist_workers.collage.weights import ramp, second
from portraitist_workers.editing.opening import invert_photo
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.generator import Generator
from portraitist_workers.inversion import style_prior
from portraitist_workers.persona.presets import PRESETS
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.warm import WarmPersona

from . import judges, people
from .collage_variations import person_of

YAW, SMILE = 20.0, 0.7  # changes
ARMS = {
    "W": ("w", False),
    "W+": ("w_plus", False),
    "styles": ("s", False),
    "styles, the published Gaussian": ("s_gaussian", True),
    "styles, by principal components": ("s_gaussian", False),
}
SOUGHT = f"""Two held-out photos of each of the {len(people.NAMES)} test people by the preset `fast`, which then tunes the generator to the
photo. Their generator is the prior's. A turn by {YAW:.0f} degrees and {SMILE} more of a smile are steps along the prior's directions.
A blend goes from the one photo to the other, from left to right."""


def sought() -> list[tuple]:
    found: dict[str, list[list[float]]] = {arm: [] for arm in ARMS}
    attributes = load_attributes()
    yaw, smile = (attributes.names.index(name) for name in ("yaw", "smile"))
    for name in people.NAMES:
        photos = people.load(name)
        person = person_of([p.data for p in photos if not p.held_out], name)
        aligned = people.stack(people.align([p for p in photos if p.held_out][:2], person.model.prior.resolution))
        for arm, (space, diagonal) in ARMS.items():
            opened = [_inverted(person, photo[None], space, diagonal) for photo in aligned]
            found[arm] += _figures(person, aligned, opened, yaw, smile)
    header = np.array([np.mean(rows, 0) for rows in found.values()])
    return [
        (arm, f"{d:.4f}", f"{psnr:.1f}", f"{turn:.2f}", f"{wide:.2f}", f"{kept:.2f}", f"{blend:.2f}")
        for arm, (d, psnr, turn, wide, kept, blend) in zip(found, header.tolist(), strict=True)
    ]


def _inverted(person: WarmPersona, pixels: Tensor, space: str, diagonal: bool) -> tuple[Tensor, Generator]:
    of = partial(style_prior.StylePrior.of, diagonal=diagonal)
    with mock.patch.object(style_prior.StylePrior, "of", of):
        return invert_photo(
            person.model,
            pixels,
            torch.ones_like(pixels[:, :1]),
            PRESETS["fast"],
            space,
            0,
            lambda stage: lambda *_: None,
        )


@torch.no_grad()
def _figures(
    person: WarmPersona, aligned: Tensor, opened: list[tuple[Tensor, Generator]], yaw: int, smile: int
) -> list:
    """Of each photo: LPIPS, PSNR, how much of a turn and of a smile is reached, identity after them, identity of the blend."""
    attributes, identity, steps = load_attributes(), load_identity(), person.model.axes.steps
    sources = [Source(generator.synthesis, generator.styles(w)) for w, generator in opened]
    blend = interpolate(sources, second(ramp())).clamp(-1, 1)
    rows = []
    for photo, (w, generator) in zip(aligned, opened, strict=True):
        plain, turned, smiling = (
            render(generator, at).clamp(-1, 1) for at in (w, w + YAW * steps[yaw], w + SMILE * steps[smile])
        )
        known = identity(torch.cat([photo[None], turned, smiling, blend]))
        before, *after = (attributes(one)[0][0] for one in (plain, turned, smiling))
        rows.append(
            [
                float(judges.lpips(plain, photo[None])),
                float(10 * torch.log10(4 / (plain - photo).square().mean())),
                float(after[0][yaw] - before[yaw]) / YAW,
                float(after[1][smile] - before[smile]) / SMILE,
                float((known[1:3] @ known[0]).mean()),
                float(known[3] @ known[0]),
            ]
        )
    return rows
