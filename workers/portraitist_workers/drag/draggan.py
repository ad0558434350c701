"""DragGAN: pull points of a picture to targets by moving its latent (Pan et al. 2023, arXiv 2305.10973), in few exact steps.

Every step looks where the handles are now (`tracking`), and moves the latent so that they come nearer (`steps`). Where it does not
bring them nearer, the best latent is taken up again, more carefully. So a drag ends in three ways: all handles have arrived, nothing moves
any more, or it had all its steps. The last step that it yields is the best of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from .features import Features, Maps
from .space import Space
from .steps import Adam, Newton
from .task import Step, Task, ends
from .tracking import Found, Tracker

ARRIVED = 0.25  # px of the features' map: what may be left
PROGRESS = 0.05  # px, on average over the pulls: less is none

Find = Callable[[Maps, Tensor], Found]


@dataclass(frozen=True)
class Options:
    """What distinguishes this from the paper, to be switched off one by one (docs/benchmarks/drag.md has the figures).

    newton    solve for the step; else Adam on the paper's loss, at `rate`
    subpixel  find handles to a fraction of a pixel by a disc of features; else the pixel whose one feature vector is nearest
    blend     share of what is seen at the best step so far, by which the handles' features follow a face that turns
    rollback  go back to the best latent where a step goes astray
    windows   draw features around the points only
    stride    px of the features' map that a handle moves in one step at most
    steps     at most so many
    dtype     of the feature maps
    """

    newton: bool = True
    subpixel: bool = True
    blend: float = 0.0
    rollback: bool = True
    windows: bool = True
    stride: float = 2.5
    rate: float = 2e-2
    steps: int = 60
    dtype: torch.dtype = torch.float32


DEFAULT = Options()


def draggan(
    synthesis: Synthesis,
    w_plus: Tensor,
    task: Task,
    *,
    space: Space | None = None,
    options: Options = DEFAULT,
    aim: Callable[[], Tensor] | None = None,
) -> Iterator[Step]:
    """Steps until all points have arrived or nothing moves any more. w_plus [1, num_ws, D]; the weights must not be in training.

    aim  asked before each step for the targets [P, 2] as they are by then, where somebody moves them; None: they stay"""
    space = space or Space.plain(synthesis.config.w_dim)
    hold = task.hold(synthesis, w_plus)
    if hold is not None:
        space = space.sparing(hold.felt(w_plus, space.rows))
    features = Features(synthesis, hold, windows=options.windows, dtype=options.dtype)
    side, rows = features.side, space.rows
    targets, points = task.targets.to(w_plus) * side, task.handles.to(w_plus) * side
    with torch.no_grad():
        first = features(w_plus, points)
    tracker = Tracker(first, points)
    texture = tracker.texture(first, points)
    stepper = Newton(options.stride, space) if options.newton else Adam(options.rate, space)
    find = tracker.find if options.subpixel else tracker.nearest
    w, best, astray = w_plus, None, 0
    for number in range(options.steps + 1):
        if aim is not None and not torch.equal(there := aim().to(w_plus) * side, targets):
            targets, best, astray = there, None, 0
            stepper = Newton(options.stride, space) if options.newton else Adam(options.rate, space)
        leaf = w[:, :rows].detach().requires_grad_(True)
        maps = features(torch.cat([leaf, w[:, rows:]], 1), points)
        found = find(maps.detach(), points)
        left = (targets - found.points).norm(dim=1)
        step = Step(w, found.points / side, left / side, found.confidence, number)
        if best is None or (task.off(best.left) - task.off(step.left)) * side > PROGRESS:
            best, astray, points = step, 0, found.points
            tracker.blend(maps.detach(), points, options.blend)
        else:
            astray += 1
            if options.rollback and stepper.retreats:
                w, points = best.w_plus, best.points * side
                leaf = w[:, :rows].detach().requires_grad_(True)
                maps = features(torch.cat([leaf, w[:, rows:]], 1), points)
                stepper.careful()
            else:
                points = found.points
        arrived = bool((left < ARRIVED).all())
        if arrived or astray > stepper.patience or number == options.steps:
            end = best if options.rollback else step
            yield replace(end, number=number, ends=ends(end, task, texture, ARRIVED / side))
            return
        yield step
        change, points = stepper(tracker, maps, points, targets, leaf, partial(_look, features, find, w, points))
        w = torch.cat([leaf.detach() + change, w[:, rows:]], 1)


@torch.no_grad()
def _look(features: Features, find: Find, w_plus: Tensor, points: Tensor, rows: Tensor) -> Tensor:
    """Where the handles are, once the first rows of w_plus are `rows`."""
    return find(features(torch.cat([rows, w_plus[:, rows.shape[1] :]], 1), points), points).points
