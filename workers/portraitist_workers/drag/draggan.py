"""DragGAN: pull points of a picture to targets by moving its latent (Pan et al. 2023, arXiv 2305.10973), in few exact steps.

Every step looks where the handles are now (`tracking`), and moves the latent so that they come nearer. The paper takes a gradient step of
a loss whose length is set by hand. Here the handles' places are smooth functions of the latent, so the step can be solved for: the
smallest change of w_plus that moves all handles as far as they shall go, by the derivative of their places (Gauss and Newton).

    change = M J^T (J M J^T + damping)^-1 shift

J [2P, rows D] is that derivative, M says which changes are cheap (`space`). Each shift is at most `stride` px. Where a step does not
bring the handles nearer, the best latent is taken up again with half the stride.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from .features import Features, Maps
from .space import Space
from .task import Step, Task
from .tracking import LOST, Tracker

DAMPING = 0.05  # of the mean diagonal of J M J^T
ARRIVED = 0.25  # px of the features' map, left at most
PATIENCE = 3  # steps without progress, each at half the stride, after which the drag has stalled
PROGRESS = 0.05  # px: less is none


@dataclass(frozen=True)
class Options:
    """What distinguishes this from the released code, to be switched off one by one.

    newton    solve for the step; else Adam on the paper's loss at `rate`
    blend     share of the template that follows the face as it turns
    stride    px of the features' map that a handle moves in one step at most
    steps     at most so many
    """

    newton: bool = True
    blend: float = 0.0
    stride: float = 2.5
    steps: int = 30
    rate: float = 1e-2


def draggan(
    synthesis: Synthesis,
    w_plus: Tensor,
    task: Task,
    *,
    space: Space | None = None,
    options: Options = Options(),
) -> Iterator[Step]:
    """Steps until all points have arrived or nothing moves any more. The last one is the best. w_plus [1, num_ws, D]."""
    space = space or Space.plain(synthesis.config.w_dim)
    features = Features(synthesis, task.hold(synthesis, w_plus))
    side = features.side
    targets = task.targets.to(w_plus) * side
    points = task.handles.to(w_plus) * side
    with torch.no_grad():
        first = features(w_plus, points)
    tracker = Tracker(first, points)
    w, stride, stalled = w_plus, options.stride, 0
    best: Step | None = None
    for number in range(options.steps + 1):
        leaf = w[:, : space.rows].detach().requires_grad_(True)
        maps = features(torch.cat([leaf, w[:, space.rows :]], 1), points)
        found = tracker.find(maps.detach(), points)
        left = (targets - found.points).norm(dim=1)
        step = Step(w, found.points / side, left / side, (1 - found.misfit / LOST).clamp(0, 1), number)
        if best is None or float(step.left.sum()) < float(best.left.sum()) - PROGRESS / side:
            best, stalled, points = step, 0, found.points
            if options.blend:
                tracker.blend(maps.detach(), points, options.blend)
        else:
            stalled, stride = stalled + 1, stride / 2
        if bool((left < ARRIVED).all()) or stalled > PATIENCE or number == options.steps:
            yield replace(best, number=number, over=True)
            return
        yield step
        if stalled:  # back to the best, more carefully
            w, points = best.w_plus, best.points * side
            leaf = w[:, : space.rows].detach().requires_grad_(True)
            maps = features(torch.cat([leaf, w[:, space.rows :]], 1), points)
        J = derivative(tracker, maps, points, leaf)
        shift = targets - points
        shift = shift * (stride / shift.norm(dim=1, keepdim=True).clamp(min=stride))
        change = solved(J, shift.flatten(), space)
        w = torch.cat([leaf.detach() + change, w[:, space.rows :]], 1)
        points = points + torch.einsum("prd,rd->p", J, change).view(-1, 2)


def derivative(tracker: Tracker, maps: Maps, points: Tensor, leaf: Tensor) -> Tensor:
    """J [2P, rows, D]: how far the handles move, x and y of each in turn, per change of the latent `leaf` that `maps` come from."""
    places = tracker.position(maps, points).flatten()
    rows = [
        torch.autograd.grad(place, leaf, retain_graph=index < len(places) - 1)[0][0]
        for index, place in enumerate(places)
    ]
    return torch.stack(rows)


def solved(J: Tensor, shift: Tensor, space: Space) -> Tensor:
    """The cheapest change [rows, D] that moves the handles by `shift` [2P]."""
    cheap = space.cheap(J)
    gram = torch.einsum("ard,brd->ab", J, cheap)
    damping = DAMPING * gram.diagonal().mean() * torch.eye(len(gram)).to(gram)
    return torch.einsum("a,ard->rd", torch.linalg.solve(gram + damping, shift), cheap)
