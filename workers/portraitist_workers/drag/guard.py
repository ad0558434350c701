"""A drag that goes too far shows somebody else. It is taken back to the last step at which the picture is still the person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..persona.judge import Judge, identity_scores
from .task import Step

Draw = Callable[[Tensor], Tensor]  # w_plus [B, num_ws, D] -> pictures [B, 3, R, R]
BATCH = 8
LOSS = 0.02  # of likeness that a drag may cost where the picture before was hardly like the person


@torch.no_grad()
def guarded(judge: Judge, draw: Draw, path: Sequence[Step], last: Step) -> Step:
    """`last`, or of the steps before it the farthest that is like the person; of that one, handles that had not arrived are "unlike".

    Like: above the 5th percentile of what the photos score among each other, or no more than LOSS below the picture before, whichever
    is less.
    """
    likeness = scores(judge, draw, [path[0], last])
    floor = min(float(judge.scale.quantile(0.05)), float(likeness[0]) - LOSS)
    if float(likeness[1]) >= floor:
        return last
    steps = [step for step in path if float(step.left.sum()) > float(last.left.sum())]
    kept = [step for step, like in zip(steps, scores(judge, draw, steps).tolist(), strict=True) if like >= floor]
    best = min(kept or [path[0]], key=lambda step: float(step.left.sum()))
    ends = tuple("unlike" if end == "arrived" else end for end in last.ends)
    return replace(best, number=last.number, ends=ends)


def scores(judge: Judge, draw: Draw, steps: Sequence[Step]) -> Tensor:
    """[N]: mean cosine of the steps' pictures to the person's photos."""
    w = torch.cat([step.w_plus for step in steps])
    return torch.cat([identity_scores(judge.identity(draw(part)), judge.embeddings) for part in w.split(BATCH)])
