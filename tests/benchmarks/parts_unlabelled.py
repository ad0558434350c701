"""Directions without labels on a prior of parts: ours, and SeFa as published, which leaves out how much codes vary."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from portraitist_workers.composing.composed import change_by_place
from portraitist_workers.composing.controls import PartControls
from portraitist_workers.composing.factorised import factorised
from portraitist_workers.generator.parts import Parts

ASKED = 2.0  # standard deviations


def unlabelled(generator: Parts, w: Tensor) -> list[tuple[str, str, str, str]]:
    """Per part the strongest direction of shape and of texture: grey levels near the part / elsewhere."""
    arms = factorised(generator), factorised(generator, published)
    rows = [
        (part, name, *(_change(generator, controls, w, part, name) for controls in arms))
        for part in generator.config.parts
        for name in ("shape_1", "texture_1")
    ]
    near, far = (statistics.median(float(row[column].split(" / ")[0]) for row in rows) for column in (2, 3))
    return [*rows, ("median of all", "near", f"{near:.1f}", f"{far:.1f}")]


@torch.no_grad()
def _change(generator: Parts, controls: PartControls, w: Tensor, part: str, name: str) -> str:
    after = controls.set(generator.config, w, part, {name: ASKED})
    before, made = (generator.make(own, noise="none") for own in (w, after))
    near, elsewhere = change_by_place(before, made, [generator.config.part(part)])
    return f"{near:.1f} / {elsewhere:.2f}"


def published(codes: Tensor, affine: Tensor) -> list[Tensor]:
    """Eigenvectors of A^T A (SeFa, equation 5), each as long as the codes' standard deviation along it."""
    axes = torch.linalg.eigh(affine.T @ affine)[1].flip(1).T
    return [axis * (codes @ axis).std() for axis in axes]
