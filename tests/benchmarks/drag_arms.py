"""The ways of dragging that `bench_drag` compares, under one signature."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from portraitist_workers.drag.draggan import Options, draggan
from portraitist_workers.drag.hold import Hold
from portraitist_workers.drag.official import official
from portraitist_workers.drag.space import Space
from portraitist_workers.drag.task import Task

from .drag_cases import Case, World

TURNS = ("yaw", "pitch", "roll")


@dataclass(frozen=True, eq=False)
class Result:
    """points [P, 2] px, where the method says that the handles are; image [1, 3, R, R]; cpu in seconds."""

    w: Tensor
    points: Tensor
    image: Tensor
    steps: int
    cpu: float
    arrived: bool


Arm = Callable[[World, Case], Result]


def released(rate: float, most: int) -> Arm:
    """The released algorithm (`compat`), at most so many steps."""

    def run(world: World, case: Case) -> Result:
        handles, targets = (((p - 0.5).round().flip(1).long()).tolist() for p in (case.handles, case.targets))
        begun, number, step = time.process_time(), 0, None
        steps = official(
            world.synthesis,
            case.w,
            [tuple(p) for p in handles],
            [tuple(p) for p in targets],
            fixed=case.fixed,
            rate=rate,
        )
        for number, step in enumerate(steps, 1):  # noqa: B007
            if number > most:
                break
        assert step is not None
        w = case.w.clone()
        w[0, : len(step.w)] = step.w
        cpu = time.process_time() - begun
        points = torch.tensor(step.points).flip(1) + 0.5
        return Result(w, points, world.draw(w), number, cpu, step.arrived)

    return run


def ours(method=draggan, *, turning: bool = True, shared: float | None = None, **options: object) -> Arm:
    def run(world: World, case: Case) -> Result:
        space = Space.of(world.prior.steps_for(TURNS), nuisance=world.prior.nuisance)
        if not turning:
            space = Space.plain(world.generator.w_dim)
        if shared is not None:
            space = Space(space.spread, shared=shared)
        task = Task(case.handles / world.side, case.targets / world.side, case.fixed)
        begun = time.process_time()
        *_, last = method(world.synthesis, case.w, task, space=space, options=Options(**options))  # type: ignore[arg-type]
        cpu = time.process_time() - begun
        if case.fixed is None:
            image = world.draw(last.w_plus)
        else:
            image = Hold(world.synthesis, case.w, case.fixed).image(last.w_plus).detach()
        arrived = all(end == "arrived" for end in last.ends)
        return Result(last.w_plus, last.points * world.side, image, last.number, cpu, arrived)

    return run


def nothing(world: World, case: Case) -> Result:
    return Result(case.w, case.handles, world.draw(case.w), 0, 0.0, False)
