"""A face that was pulled far, made more like the person again while the handles stay where they are.

Of all changes that leave the handles in place, it takes the one that raises the likeness most for its cost. That is the gradient of the
likeness without its part along the handles' derivative J. In place of that part, the handles are brought back to where they were.

    change = rate (M g - M J^T a) + M J^T b,    J M J^T a = J M g,    J M J^T b = targets - points

The same network measures likeness that the report is written by. So this is done where it is needed, and no farther than that.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from .features import Features
from .space import Space
from .steps import LINES
from .task import Step, Task
from .tracking import Tracker

GAIN = 0.02  # of likeness that one round is asked for
ROUNDS = 4
LET = 0.005  # of the side: farther from its target than it was, no handle may be in the end
DAMPING = 1e-3

Likeness = Callable[[Tensor], Tensor]  # w_plus [1, num_ws, D] -> a number, differentiable


def recalled(
    synthesis: Synthesis, start: Tensor, task: Task, last: Step, space: Space, likeness: Likeness, floor: float
) -> Step:
    """`last`, or what came of it once its likeness reached `floor` or would rise no more. `start` is the drag's first latent."""
    if 2 * len(task.handles) > LINES:  # what so many handles leave free is too little, and costs too much
        return last
    features = Features(synthesis, task.hold(synthesis, start))
    side, best, score = features.side, last, float(likeness(last.w_plus).detach())
    with torch.no_grad():
        tracker = Tracker(features(start, task.handles * side), task.handles * side)
    for _ in range(ROUNDS):
        if score >= floor:
            break
        step = _round(tracker, features, best, task.targets * side, space, likeness)
        risen = float(likeness(step.w_plus).detach())
        if risen <= score or float((step.left - last.left).max()) > LET:
            break
        best, score = step, risen
    return best


def _round(tracker: Tracker, features: Features, step: Step, targets: Tensor, space: Space, likeness: Likeness) -> Step:
    side, rows = features.side, space.rows
    leaf = step.w_plus[:, :rows].detach().clone().requires_grad_(True)
    w = torch.cat([leaf, step.w_plus[:, rows:]], 1)
    points = step.points * side
    places = tracker.position(features(w, points), points).flatten()
    J = torch.stack([torch.autograd.grad(place, leaf, retain_graph=True)[0][0] for place in places])
    (slope,) = torch.autograd.grad(likeness(w), leaf)
    cheap, up = space.cheap(J), space.cheap(slope)[0]
    gram = torch.einsum("ard,brd->ab", J, cheap)
    gram = gram + (DAMPING * gram.diagonal().mean() + 1e-9) * torch.eye(len(gram)).to(gram)
    along, missing = torch.einsum("ard,rd->a", J, up), (targets - points).flatten()
    a, b = torch.linalg.solve(gram, torch.stack([along, missing], 1)).T
    free = up - torch.einsum("a,ard->rd", a, cheap)
    rate = GAIN / max(float((slope[0] * free).sum()), 1e-6)
    change = rate * free + torch.einsum("a,ard->rd", b, cheap)
    with torch.no_grad():
        moved = torch.cat([leaf + change, step.w_plus[:, rows:]], 1)
        found = tracker.find(features(moved, points), points)
    left = (targets - found.points).norm(dim=1)
    return Step(moved, found.points / side, left / side, found.confidence, step.number, step.ends)
