"""A photo as a point of the personalised space: alpha projection (MyStyle, section 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..inversion.optimize import OnStep
from .hull import constrain, nearest_alpha

Objective = Callable[[Tensor, int], Tensor]  # (w_plus [1, num_ws, D], step) -> scalar loss


@dataclass
class Projection:
    """w_plus [1, num_ws, D]: the mix `alpha` [N] of the anchors plus the small per-row `offset` [num_ws, D]."""

    w_plus: Tensor
    alpha: Tensor
    offset: Tensor
    loss: float


def project(
    anchors: Tensor,
    start: Tensor,
    objective: Objective,
    *,
    num_ws: int,
    w_std: Tensor,
    steps: int,
    lr: float = 0.05,
    offset_weight: float = 0.05,
    on_step: OnStep | None = None,
) -> Projection:
    """argmin over the dilated hull of `objective`, from the hull's point nearest to `start` [D].

    alpha is optimised through `constrain`, so every iterate lies in the hull. `offset` (MyStyle's Delta, here in units
    of w_std per row of w_plus) may leave it a little. Its squared size counts `offset_weight`. An infinite weight leaves the offset
    at zero.
    """
    N = len(anchors)
    raw = nearest_alpha(anchors, start).clone().requires_grad_()
    offset = anchors.new_zeros(num_ws, anchors.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam(
        [{"params": [raw], "base": lr * 3 / N}, {"params": [offset], "base": lr}], betas=(0.9, 0.95), lr=lr
    )
    free = offset_weight < float("inf")

    def point() -> tuple[Tensor, Tensor]:
        alpha = constrain(raw)
        w = (alpha @ anchors).expand(1, num_ws, -1)
        return alpha, w + offset * w_std if free else w

    best, best_state = float("inf"), (raw.detach().clone(), offset.detach().clone())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * min(1.0, 2 * (1 - step / steps), (step + 1) / 5)
        _, w_plus = point()
        loss = objective(w_plus, step)
        if free:
            loss = loss + offset_weight * offset.square().mean()
        if float(loss.detach()) < best:
            best, best_state = float(loss.detach()), (raw.detach().clone(), offset.detach().clone())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, steps, float(loss.detach()))
    with torch.no_grad():
        raw.copy_(best_state[0])
        offset.copy_(best_state[1])
        alpha, w_plus = point()
    return Projection(w_plus.detach().clone(), alpha.detach(), (offset * w_std).detach(), best)
