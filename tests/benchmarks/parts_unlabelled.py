"""Directions without labels on a prior of parts: ours, and SeFa as published, which leaves out how much codes vary."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from portraitist.priors.parts import UNLABELLED
from portraitist_workers.composing.composed import change_by_place
from portraitist_workers.composing.controls import PartControls
from portraitist_workers.composing.factorised import factorised
from portraitist_workers.generator.parts import Parts

ASKED = 2.0  # standard deviations


def unlabelled(generator: Parts, w: Tensor) -> list[tuple[str, str, str, str]]:
    """Per part the strongest direction of shape and of texture: grey levels near the part / elsewhere."""
    arms = factorised(generator), published(generator)
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


@torch.no_grad()
def published(generator: Parts) -> PartControls:
    """Eigenvectors of A^T A (SeFa, equation 5), each as long as the codes' standard deviation along it."""
    config, ours = generator.config, factorised(generator)
    rng = torch.Generator().manual_seed(0)
    codes = generator.mapping(torch.randn(1024, config.z_dim, generator=rng)).view(1024, config.codes, -1)
    affine = torch.cat([view.weight for view in generator.local.affine_views()]).view(-1, *codes.shape[1:])
    steps = torch.zeros_like(ours.steps).view(len(UNLABELLED), *codes.shape[1:])
    for part in config.parts:
        for kind, code in (("shape", config.shape_code(part)), ("texture", config.texture_code(part))):
            axes = torch.linalg.eigh(affine[:, code].T @ affine[:, code])[1].flip(1).T
            for number in (1, 2, 3):
                axis = axes[number - 1]
                steps[UNLABELLED.index(f"{kind}_{number}"), code] = axis * (codes[:, code] @ axis).std()
    return PartControls(ours.about, steps.flatten(1), ours.readings, ours.offsets)
