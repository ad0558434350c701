"""What a drag is asked to do, and what it says at each step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..generator.synthesis import Synthesis
from .hold import Hold


@dataclass(frozen=True, eq=False)
class Task:
    """handles, targets [P, 2] (x, y) in shares of the picture's side. fixed [R, R] in [0, 1]: 1 where the picture must stay; None: nowhere."""

    handles: Tensor
    targets: Tensor
    fixed: Tensor | None = None

    def hold(self, synthesis: Synthesis, w_plus: Tensor) -> Hold | None:
        return None if self.fixed is None else Hold(synthesis, w_plus, self.fixed)


@dataclass(frozen=True, eq=False)
class Step:
    """w_plus [1, num_ws, D]. points [P, 2] where the handles are, left [P] how far from their targets, both in shares of the picture's
    side. confidence [P] in [0, 1]: how far the face around each still looks as it did at first. over: it is the last step, and the best."""

    w_plus: Tensor
    points: Tensor
    left: Tensor
    confidence: Tensor
    number: int
    over: bool = False
