"""Directions in a part's codes that need no labels: SeFa (Shen and Zhou 2021, arXiv 2007.06600, equation 5), in the codes' own units.

A is the affine map from a code to the styles of all layers. SeFa takes the eigenvectors of A^T A. A code's numbers vary unequally, so
here C^(1/2) A^T A C^(1/2) is taken, C being the codes' covariance: what changes styles most, among what the prior itself does.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from portraitist.priors.parts import REACH, UNLABELLED

from ..generator.parts import Parts
from .controls import PartControls

SAMPLES = 1024
NEGLIGIBLE = 1e-4  # of the largest variance: numbers that hardly vary have no direction


def strongest(codes: Tensor, affine: Tensor) -> list[Tensor]:
    """Codes [N, D] of one kind and the map [S, D] to styles -> directions [D], a standard deviation long, the strongest first."""
    variances, axes = torch.linalg.eigh(codes.T.cov())
    kept = variances > NEGLIGIBLE * variances.max().clamp_min(1e-12)
    root = axes[:, kept] * variances[kept].sqrt()
    found = root @ torch.linalg.eigh(root.T @ affine.T @ affine @ root)[1].flip(1)
    signs = found.gather(0, found.abs().argmax(0, keepdim=True)).sign()  # eigenvectors come with either
    return list((found * signs).T)


@torch.no_grad()
def factorised(generator: Parts, directions: Callable[[Tensor, Tensor], list[Tensor]] = strongest) -> PartControls:
    """`shape_1`, ..., `texture_3` of every part, the strongest first. One unit is one standard deviation, added to what is there."""
    config, mapping = generator.config, generator.mapping
    rng = torch.Generator().manual_seed(0)
    w = mapping(torch.randn(SAMPLES, config.z_dim, generator=rng).to(mapping.w_avg.device))
    codes = w.view(SAMPLES, config.codes, config.code_dim)
    affine = torch.cat([view.weight for view in generator.local.affine_views()])
    affine = affine.view(-1, config.codes, config.code_dim)
    steps = codes.new_zeros(len(UNLABELLED), config.codes, config.code_dim)
    for part in config.parts:
        for kind, code in (("shape", config.shape_code(part)), ("texture", config.texture_code(part))):
            for number, direction in enumerate(directions(codes[:, code], affine[:, code]), 1):
                if (name := f"{kind}_{number}") in UNLABELLED:
                    steps[UNLABELLED.index(name), code] = direction
    low, high = REACH
    about = {name: {"parts": config.parts, "low": low, "high": high} for name in UNLABELLED}
    flat = steps.flatten(1)
    return PartControls(about, flat, torch.zeros_like(flat), flat.new_zeros(len(flat)))
