"""Refining latents by optimisation, all photos of a set in one batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..generator import Generator
from .reconstruction import Reconstruction
from .style_prior import StylePrior

OnStep = Callable[[int, int, float], None]  # (step, steps, loss)

NEAR = 0.001  # weight of a style prior's distance, beside a loss of about 0.1: below, edits are no better; above, the fit is worse


def refine_w(
    generator: Generator,
    photos: Tensor,
    w: Tensor,
    loss: Reconstruction,
    *,
    steps: int,
    lr: float = 0.04,
    w_std: Tensor,
    batch: int = 16,
    known: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    on_step: OnStep | None = None,
) -> Tensor:
    """Latents w [N, D] (or w_plus [N, num_ws, D]) whose images match photos [N, 3, R, R] better than at the start, where they are
    `known` [N, 1, R, R].

    Adam in units of `w_std` [D], so that one rate fits every direction; the rate falls to zero over the last half.
    A weak pull towards the start keeps what the encoder knew where the photo says nothing.
    """
    N = photos.shape[0]
    start = w.detach().clone()
    offset = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([offset], lr=lr, betas=(0.9, 0.95))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps), (step + 1) / 5)
        side = loss.side(generator.resolution, step, steps)
        total = 0.0
        optimizer.zero_grad(set_to_none=True)
        for first in range(0, N, batch):
            rows = slice(first, first + batch)
            image = generator.images(start[rows] + offset[rows] * w_std, dtype=dtype, until=side)
            distance = loss(image, photos[rows], step, None if known is None else known[rows])
            rows_loss = (distance + 0.002 * offset[rows].square().flatten(1).mean(1)).sum()
            rows_loss.backward()
            total += float(rows_loss.detach())
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, steps, total / N)
    return (start + offset * w_std).detach()


def refine_styles(
    generator: Generator,
    photos: Tensor,
    styles: list[Tensor],
    loss: Reconstruction,
    *,
    steps: int,
    lr: float = 0.03,
    prior: StylePrior | None = None,
    known: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    on_step: OnStep | None = None,
) -> list[Tensor]:
    """The same in S space: one [N, channels] per layer (see `Generator.styles`). Closest fit, least editable. `prior` holds them to styles
    that latents have."""
    styles = [s.detach().clone().requires_grad_() for s in styles]
    optimizer = torch.optim.Adam(styles, lr=lr, betas=(0.9, 0.95))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps), (step + 1) / 5)
        optimizer.zero_grad(set_to_none=True)
        total = loss(generator.images(styles, dtype=dtype), photos, step, known).sum()
        if prior is not None:
            total = total + NEAR * prior.distance(styles).sum()
        total.backward()
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, steps, float(total.detach()) / len(photos))
    return [s.detach() for s in styles]


def with_styles(generator: Generator, w: Tensor, styles: list[Tensor]) -> Generator:
    """A copy of `generator` whose styles at w [1, D] or [1, num_ws, D] are `styles`; elsewhere they are offset alike.

    A style is an affine function of w, so the offset is a change of its bias.
    """
    shifted = generator.copy()
    for layer, old, new in zip(shifted.layers(), generator.styles(w), styles, strict=True):
        layer.affine.shift((new - old)[0])
    return shifted
