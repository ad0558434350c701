"""What a drag is asked to do, and what it says at each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from .hold import Hold

FLAT = 0.06  # spreads of the features per px: below, nothing tells one place from the next
UNSURE = 0.05  # confidence below which a handle is lost


class Span(NamedTuple):
    """One pull among the points of a task: those from `first` to `end`. Those from `told` on help, and nobody asked for them."""

    first: int
    told: int
    end: int


@dataclass(frozen=True, eq=False)
class Task:
    """handles, targets [P, 2] (x, y) in shares of the picture's side. fixed [R, R] in [0, 1], 1 where the picture must stay; None:
    nowhere. `under`: what earlier drags hold in the picture that this one begins with. spans: which points belong to which pull; none: each
    point is one."""

    handles: Tensor
    targets: Tensor
    fixed: Tensor | None = None
    under: Hold | None = None
    spans: Sequence[Span] = ()

    def hold(self, synthesis: Synthesis, w_plus: Tensor) -> Hold | None:
        return None if self.fixed is None else Hold(synthesis, w_plus, self.fixed, self.under)

    def by_pull(self, values: Tensor) -> Tensor:
        """[pulls, ...]: means over the points of each pull, of values [P, ...]."""
        if not self.spans:
            return values
        return torch.stack([values[span.first : span.told].mean(0) for span in self.spans])

    def off(self, left: Tensor) -> float:
        """How far the pulls are from their targets on average. Each counts once, however many points hold it: else a region that shall
        stay would outvote a point that shall move."""
        if not self.spans:
            return float(left.mean())
        return float(torch.stack([left[span.first : span.end].mean() for span in self.spans]).mean())

    def is_fixed(self, points: Tensor) -> Tensor:
        """[P] bool: which of the points [P, 2] lie where the picture must stay."""
        if self.fixed is None:
            return torch.zeros(len(points), dtype=torch.bool)
        side = len(self.fixed)
        x, y = (points * side).long().clamp(0, side - 1).T
        return (self.fixed[y, x] > 0.5).cpu()


@dataclass(frozen=True, eq=False)
class Step:
    """w_plus [1, num_ws, D]. points [P, 2] where the handles are, left [P] how far from their targets, both in shares of the picture's
    side. confidence [P] in [0, 1]: how far the face around each still looks as it did at first. ends: of the last step, which is
    the best, how each handle ended: "arrived", "masked", "flat", "lost" or "stuck". Else empty."""

    w_plus: Tensor
    points: Tensor
    left: Tensor
    confidence: Tensor
    number: int
    ends: tuple[str, ...] = ()


def ends(step: Step, task: Task, texture: Tensor, arrived: float) -> tuple[str, ...]:
    """How each handle ended. texture [P] is that of the handles at first, `arrived` what may be left, as a share of the side."""
    masked = task.is_fixed(task.handles) | task.is_fixed(task.targets)
    rows = zip(step.left.tolist(), masked.tolist(), texture.tolist(), step.confidence.tolist(), strict=True)
    return tuple(
        "arrived" if left < arrived
        else "masked" if fixed
        else "flat" if slope < FLAT
        else "lost" if sure < UNSURE
        else "stuck"
        for left, fixed, slope, sure in rows
    )  # fmt: skip
