"""Requested values -> latents, in a closed loop: move along the axes, measure the picture, correct what is off.

Axes fitted to a few photos are never exact, and moving one attribute drags others along. The attribute network sees
both. `Response` is how the measured attributes answer to unit steps along every axis (finite differences on the
person's own anchors). Inverting it turns a measured error into a step that removes it. That holds for the attributes that were
asked for *and* for those that should have stayed as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .axes import spread

Measure = Callable[[Tensor], Tensor]  # latents [B, ...] -> measured attributes [B, A] of their pictures


@dataclass
class Response:
    """names: the A measured attributes. steps [A, D]: a direction in W for each, per unit. matrix [A, A]: d(measured) / d(unit step)."""

    names: tuple[str, ...]
    steps: Tensor
    matrix: Tensor

    def correction(self, error: Tensor, importance: Tensor, *, damping: float = 0.15) -> Tensor:
        """Unit steps [B, A] that best remove `error` [B, A]; `importance` [B, A] >= 0 says how much each attribute counts.

        Weighted, damped least squares in units of each attribute's spread.
        """
        scale = torch.tensor([spread(n) for n in self.names]).to(error)
        J = self.matrix / scale[:, None] * scale[None, :]  # measured spreads per spread of step
        e = error / scale
        weighted = importance.unsqueeze(2) * J  # [B, A, A]
        gram = weighted.transpose(1, 2) @ weighted + damping * torch.eye(len(scale), device=scale.device)
        right = (weighted.transpose(1, 2) @ (importance * e).unsqueeze(2)).squeeze(2)
        return torch.linalg.solve(gram, right) * scale


def measure_response(
    names: tuple[str, ...], steps: Tensor, w: Tensor, measure: Measure, *, spreads: float = 0.5
) -> Response:
    """Finite differences at the latents w [K, D], half a spread to both sides along each of `steps` [A, D]."""
    columns = []
    for index, name in enumerate(names):
        delta = steps[index] * (spread(name) * spreads)
        up, down = measure(w + delta), measure(w - delta)
        columns.append((up - down).mean(0) / (2 * spread(name) * spreads))
    return Response(names, steps, torch.stack(columns, 1))


CLOSE = 0.02  # spreads (a quarter of a degree of yaw): near enough to stop
FAR = 0.1  # spreads (a degree of yaw, 0.04 of a smile): what was asked for is worth more rounds
ROUNDS = 3
MORE = 3  # rounds for that


@dataclass
class Solved:
    """Latents w and what was measured on their pictures, [B, A]."""

    w: Tensor
    measured: Tensor


def solve(
    w: Tensor,
    targets: Tensor,
    held: Tensor,
    response: Response,
    measure: Measure,
    *,
    rounds: int = ROUNDS,
    more: int = MORE,
    hold_weight: float = 1.0,
    limit: float = 4.0,
) -> Solved:
    """Latents near w [B, D] or [B, num_ws, D] whose pictures measure `targets` [B, A] (NaN: not asked for).

    `held` [B, A]: values that attributes which were not asked for should keep (NaN: free to move).
    Each round moves by the damped correction; the round with the smallest weighted error wins. There are up to `more` further rounds
    while something that was asked for is far off. No attribute's step exceeds `limit` spreads in total, so a deaf attribute cannot drive
    the latent out of the person's space. A face whose photos never smile answers a step with a fifth of a smile: it needs a long one.
    """
    scale = torch.tensor([spread(n) for n in response.names]).to(targets)
    asked = ~targets.isnan()
    wanted = torch.where(asked, targets, held)
    importance = torch.where(asked, 1.0, torch.where(held.isnan(), 0.0, hold_weight))
    wanted = torch.where(wanted.isnan(), torch.zeros_like(wanted), wanted)

    total = torch.zeros_like(wanted)
    best_w, best_measured = w, measure(w)
    best_error = (((wanted - best_measured) / scale * importance) ** 2).sum(1)
    current = best_measured
    for turn in range(rounds + more):
        off = ((wanted - best_measured) / scale * importance).abs()
        if bool((off < CLOSE).all()) or (turn >= rounds and not bool((off[asked] > FAR).any())):
            break
        total = total + response.correction(wanted - current, importance)
        total = torch.maximum(torch.minimum(total, limit * scale), -limit * scale)
        delta = total @ response.steps
        candidate = w + (delta if w.ndim == 2 else delta.unsqueeze(1))
        current = measure(candidate)
        error = (((wanted - current) / scale * importance) ** 2).sum(1)
        better = error < best_error
        pick = better.view(-1, *[1] * (w.ndim - 1))
        best_w, best_measured = (
            torch.where(pick, candidate, best_w),
            torch.where(better[:, None], current, best_measured),
        )
        best_error = torch.where(better, error, best_error)
    return Solved(best_w, best_measured)
