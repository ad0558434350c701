"""A drag that goes too far shows somebody else. It is made more like the person again, or taken back to where it still was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from ..persona.judge import Judge, identity_scores
from .recall import recalled
from .space import Space
from .task import Step, Task

Draw = Callable[[Tensor], Tensor]  # w_plus [B, num_ws, D] -> pictures [B, 3, R, R], differentiable
BATCH = 8
HALVINGS = 4  # of the way between two steps
ARRIVED = 0.002  # of the side: a quarter of a pixel of 128
MARK = 0.008  # of likeness that the invisible mark and the photo's backdrop may cost later
LOSS = 0.02  # of likeness that a drag may cost where the picture before was hardly like the person


def guarded(
    judge: Judge, draw: Draw, synthesis: Synthesis, path: Sequence[Step], last: Step, task: Task, space: Space
) -> Step:
    """`last`, made more like the person (`recall`) where it is not like enough. If that does not do, the farthest place on the way to it
    that is. There, handles that have not arrived are "unlike".

    Like enough: above the 5th percentile of what the photos score among each other, or no more than LOSS below the picture before,
    whichever is less. Between two steps latents and points are interpolated.
    """
    before, after = scores(judge, draw, [path[0], last]).tolist()
    floor = min(float(judge.scale.quantile(0.05)) + MARK, before - LOSS)
    if after >= floor:
        return last

    def likeness(w_plus: Tensor) -> Tensor:
        return identity_scores(judge.identity(draw(w_plus)), judge.embeddings)[0]

    last = recalled(synthesis, path[0].w_plus, task, last, space, likeness, floor)
    return _farthest(judge, draw, path, last, task.targets, floor)


def _farthest(judge: Judge, draw: Draw, path: Sequence[Step], last: Step, targets: Tensor, floor: float) -> Step:
    way = [step for step in path if float(step.left.sum()) > float(last.left.sum())] + [last]
    likeness = scores(judge, draw, way)
    good = max((n for n, like in enumerate(likeness.tolist()) if like >= floor), default=0)
    if good == len(way) - 1:
        return last
    here, share, least = way[good], 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (share + least) / 2
        like = float(scores(judge, draw, [_between(way[good], way[good + 1], middle, targets)])[0])
        share, least = (middle, least) if like >= floor else (share, middle)
    if share:
        here = _between(way[good], way[good + 1], share, targets)
    ends = tuple(
        "unlike" if end == "arrived" and left > ARRIVED else end
        for end, left in zip(last.ends, here.left.tolist(), strict=True)
    )
    return replace(here, number=last.number, ends=ends)


@torch.no_grad()
def scores(judge: Judge, draw: Draw, steps: Sequence[Step]) -> Tensor:
    """[N]: mean cosine of the steps' pictures to the person's photos."""
    w = torch.cat([step.w_plus for step in steps])
    return torch.cat([identity_scores(judge.identity(draw(part)), judge.embeddings) for part in w.split(BATCH)])


def _between(one: Step, other: Step, share: float, targets: Tensor) -> Step:
    points = torch.lerp(one.points, other.points, share)
    return Step(
        torch.lerp(one.w_plus, other.w_plus, share),
        points,
        (targets.to(points) - points).norm(dim=1),
        torch.lerp(one.confidence, other.confidence, share),
        other.number,
    )
