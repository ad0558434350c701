"""FreeDrag: no tracking, but features that are carried along the way (Ling et al. 2024, arXiv 2307.04684), under DragGAN's signature.

Each handle has a template and a place on the straight way to its target. The latent is moved until the features at the place are the
template's. Then the template learns a little of what came out, and the place goes on: farther when that went well, back when it
did not. Features are in units of their spread here. The published constants are absolute, and mean nothing to another generator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ..generator.synthesis import Synthesis
from .draggan import ARRIVED, DEFAULT, Options
from .features import Features, Maps
from .space import Space
from .task import Step, Task, ends
from .tracking import Tracker

DIFFERENCE = 0.4  # l: features at the next place differ from the template by about so many spreads
HOP = 3.0  # d, px: the next place lies at most so far ahead
TRIES = 5  # steps of Adam a hop
PATCH = 3.0  # px: radius of the patch
PLACES = 10  # looked at within a hop
SETTLED = 0.5  # px: a place that is so near to the target is at it


def freedrag(
    synthesis: Synthesis,
    w_plus: Tensor,
    task: Task,
    *,
    space: Space | None = None,
    options: Options = DEFAULT,
) -> Iterator[Step]:
    """Steps as `draggan` yields them. Of the options, `rate`, `rollback` and `steps` (of Adam) count. The points in them are tracked, so
    that both methods are judged alike."""
    space = space or Space.plain(synthesis.config.w_dim)
    hold = task.hold(synthesis, w_plus)
    if hold is not None:
        space = space.sparing(hold.felt(w_plus, space.rows))
    features = Features(synthesis, hold, windows=False)
    side, rows = features.side, space.rows
    targets, start = task.targets.to(w_plus) * side, task.handles.to(w_plus) * side
    with torch.no_grad():
        first = features(w_plus, start)
    tracker = Tracker(first, start)
    texture = tracker.texture(first, start)
    template = tracker.seen(first, start, radius=PATCH)
    places, points, w = start, start, w_plus
    came, went = (
        template.new_zeros(len(start)),
        template.new_full((len(start),), DIFFERENCE),
    )  # loss after, before a hop
    best, number = None, 0
    leaf = w_plus[:, :rows].clone().requires_grad_(True)
    optimizer = torch.optim.Adam([leaf], lr=options.rate)
    while True:
        with torch.no_grad():
            maps = features(torch.cat([leaf, w_plus[:, rows:]], 1), points)
            places = _next(tracker, maps, template, places, targets, came, went)
        for attempt in range(TRIES):
            maps = features(torch.cat([leaf, w_plus[:, rows:]], 1), points)
            misfit = _misfit(tracker, maps, template, places)
            if attempt == 0:
                went = misfit.detach()
            if bool((misfit < 0.25 * DIFFERENCE).all()):
                break
            optimizer.zero_grad()
            misfit.sum().backward()
            leaf.grad = space.cheap(leaf.grad) if leaf.grad is not None else None
            optimizer.step()
            number += 1
        with torch.no_grad():
            w = torch.cat([leaf.detach(), w_plus[:, rows:]], 1)
            maps = features(w, points)
            came = _misfit(tracker, maps, template, places)
            share = 1 / (1 + torch.exp(math.log(9) / (0.6 * DIFFERENCE) * (came - 0.2 * DIFFERENCE)))
            seen = tracker.seen(maps, places, radius=PATCH)
            template = torch.lerp(template, seen, torch.where(came > 0.5 * DIFFERENCE, 0.0, share)[:, None, None])
            found = tracker.find(maps, points)
        points, left = found.points, (targets - found.points).norm(dim=1)
        step = Step(w.clone(), points / side, left / side, found.confidence, number)
        if best is None or task.off(step.left) < task.off(best.left):
            best = step
        there = bool(((targets - places).norm(dim=1) < SETTLED).all()) and bool((came < 0.5 * DIFFERENCE).all())
        if there or number >= options.steps or bool((left < ARRIVED).all()):
            end = best if options.rollback else step
            yield replace(end, number=number, ends=ends(end, task, texture, 2 * ARRIVED / side))
            return
        number += 1  # a hop that needs no step of Adam is one, too
        yield step


def _misfit(tracker: Tracker, maps: Maps, template: Tensor, places: Tensor) -> Tensor:
    """[P]: mean difference of the features at the places from the template, in spreads."""
    return (tracker.seen(maps, places, radius=PATCH) - template).abs().mean((1, 2))


def _next(
    tracker: Tracker, maps: Maps, template: Tensor, places: Tensor, targets: Tensor, came: Tensor, went: Tensor
) -> Tensor:
    """[P, 2]: on, to where the features differ by about DIFFERENCE. If the last hop made it worse, back to where they fit best."""
    way = targets - places
    length = way.norm(dim=1, keepdim=True)
    ahead = way / length.clamp(min=1e-6)
    on = [
        places + ahead * torch.minimum(length, torch.full_like(length, HOP * (k + 1) / PLACES)) for k in range(PLACES)
    ]
    back = [places + ahead * HOP * (2 * k / PLACES - 1) for k in range(PLACES)]
    result = places
    for candidates, wanted, chosen in ((on, DIFFERENCE, came <= 0.5 * DIFFERENCE), (back, 0.0, came > went)):
        off = torch.stack([(_misfit(tracker, maps, template, c) - wanted).abs() for c in candidates])
        pick = torch.stack(candidates)[off.argmin(0), torch.arange(len(places))]
        result = torch.where(chosen[:, None], pick, result)
    return result
