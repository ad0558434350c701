"""Does a point land where the latent transformer is asked to move it, and at what cost? Against DragGAN and simple guesses.

Writes docs/benchmarks/move.md, or move-256.md with `--prior default-256`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from portraitist.errors import FaceNotFound
from portraitist_workers.drag.draggan import draggan
from portraitist_workers.drag.features import Features
from portraitist_workers.drag.landmarks import landmarks
from portraitist_workers.drag.moving import Mover, Moves, landed, moved, mover_of, published
from portraitist_workers.drag.space import Space
from portraitist_workers.drag.task import Step, Task
from portraitist_workers.drag.tracking import Tracker
from portraitist_workers.faces.identity import load_identity

from . import move_page, options
from .bench_generator import medians
from .drag_arms import TURNS
from .drag_cases import World
from .report import write
from .sheets import save, sheet

NAMES = (
    "nose", "mouth_left", "chin", "eyelid_right", "brow_left", "mouth_bottom", "jaw_right", "cheek_left", "eye_left", "mouth_top",
)  # fmt: skip
SHARES = 0.03, 0.06  # of the picture's side
FIRST = 3000  # seed of the first face; no other program draws it
SHOWN = ("mouth_left", (-0.03, -0.03)), ("chin", (0.0, 0.05)), ("nose", (0.05, 0.0)), ("eyelid_right", (0.0, 0.03))
LABELS = {"yaw": 6.0, "pitch": 5.0, "roll": 1.5, "smile": 0.3, "mouth_open": 0.25, "eyes_open": 0.25}
LEARNT = 24  # faces that the simple guess is learnt from
RIDGE = 0.03

Run = Callable[[World, Tensor, Task], list[Step]]


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    w: Tensor
    task: Task


def main() -> None:
    parser = options.common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--cases", type=int, default=60)
    args = parser.parse_args()
    torch.set_num_threads(args.threads or 1)
    world = World(args.prior or "default")
    page = "move" + world.name.removeprefix("default")
    work = args.work / "move"
    work.mkdir(parents=True, exist_ok=True)
    mover = mover_of(world.prior, world.synthesis, None)
    guess = Labelled(world)
    chosen = cases(world, 20 if args.quick else args.cases)
    found: dict[str, Any] = {
        "asked": asked(world, mover, guess, chosen),
        "landed": {name: [judged(world, c, run) for c in chosen] for name, run in arms(mover, guess).items()},
        "anchors": {name: drifts(world, chosen[::2], run) for name, run in anchored(mover).items()},
        "cost": costs(world, mover, chosen[0]),
        "sheet": save(shown(world, mover), page, work),
    }
    (work / "figures.json").write_text(json.dumps(found, indent=1))
    write(page, "Moving", move_page.sections(world.name, found))


def cases(world: World, count: int) -> list[Case]:
    """Parts of faces that go in a random direction, by one of SHARES."""
    rng, made = np.random.RandomState(7), []
    for seed in range(FIRST, FIRST + 3 * count):
        if len(made) == count:
            break
        w = world.latent(seed)
        try:
            places = landmarks(world.draw(w))
        except FaceNotFound:
            continue
        name, share = NAMES[len(made) % len(NAMES)], SHARES[len(made) // len(NAMES) % len(SHARES)]
        angle = rng.rand() * 2 * np.pi
        handle = torch.tensor([places[name]])
        way = share * torch.tensor([[np.cos(angle), np.sin(angle)]], dtype=torch.float32)
        made.append(Case(name, w, Task(handle, handle + way)))
    return made


# -- who moves -------------------------------------------------------------------------------------------------------------


class Labelled:
    """The simple guess: a regression from the motion of a part of the face to the prior's labelled directions.

    How each part moves on average is measured by the face mesh on LEARNT faces. So it knows which part it is asked to move."""

    def __init__(self, world: World) -> None:
        self.scale = torch.tensor([1.0, 1.0, 0.02])
        names = tuple(LABELS)
        self.steps = world.prior.steps_for(names) * torch.tensor(list(LABELS.values()))[:, None]
        places, answers = [], []
        for seed in range(LEARNT):
            w = world.latent(FIRST - 1000 + seed)
            seen = [places_of(world, w + sign * step) for step in self.steps for sign in (1, -1)]
            middle = places_of(world, w)
            if middle is None or any(one is None for one in seen):
                continue
            both = torch.stack(seen).unflatten(0, (-1, 2))  # type: ignore[arg-type]
            places.append(middle)
            answers.append((both[:, 0] - both[:, 1]) / 2 * 64)
        self.places, self.answers = torch.stack(places).mean(0), torch.stack(answers).mean(0)  # [17, 2], [6, 17, 2]

    def change(self, synthesis: object, w_plus: Tensor, points: Tensor, motion: Tensor) -> Tensor:
        nearest = torch.cdist(points, self.places).argmin(1)
        J = self.answers[:, nearest].flatten(1).T
        gram = J @ J.T
        gram = gram + RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
        amount = torch.linalg.solve(gram, motion[:, :2].flatten()) @ J
        return (amount @ self.steps).expand(1, 6, -1)


def places_of(world: World, w: Tensor) -> Tensor | None:
    try:
        return torch.tensor(list(landmarks(world.draw(w)).values()))
    except FaceNotFound:
        return None


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """The transformer, told the features of another place: what the motion alone says."""

    mover: Mover

    @property
    def scale(self) -> Tensor:
        return self.mover.scale

    def change(self, synthesis: Any, w_plus: Tensor, points: Tensor, motion: Tensor) -> Tensor:
        return self.mover.change(synthesis, w_plus, (points + 0.37) % 1, motion)


def passes(moves: Moves, count: int) -> Run:
    return lambda world, w, task: list(landed(moves, world.synthesis, w, task, passes=count))


def by_draggan(world: World, w: Tensor, task: Task) -> list[Step]:
    space = Space.of(world.prior.steps_for(TURNS), nuisance=world.prior.nuisance)
    return list(draggan(world.synthesis, w, task, space=space))


def as_published(mover: Moves) -> Run:
    def run(world: World, w: Tensor, task: Task) -> list[Step]:
        features = Features(world.synthesis)
        handles = task.handles * features.side
        with torch.no_grad():
            tracker = Tracker(features(w, handles), handles)
            after = published(mover, world.synthesis, w, task)
            found = tracker.find(features(after, handles), handles)
        points = found.points / features.side
        return [Step(after, points, (task.targets - points).norm(dim=1), found.confidence, 1, ("",))]

    return run


def arms(mover: Mover, guess: Labelled) -> dict[str, Run]:
    return {
        "nothing": lambda world, w, task: list(islice(by_draggan_steps(world, w, task), 1)),
        "labelled directions, 1 pass": passes(guess, 1),
        "labelled directions, 10 passes": passes(guess, 10),
        "transformer, features of another place, 10 passes": passes(Elsewhere(mover), 10),
        "transformer, published strength": as_published(mover),
        "transformer, 1 pass": passes(mover, 1),
        "transformer, 2 passes": passes(mover, 2),
        "transformer, 4 passes": passes(mover, 4),
        "transformer, 10 passes": passes(mover, 10),
        "DragGAN": by_draggan,
    }


def by_draggan_steps(world: World, w: Tensor, task: Task) -> Iterator[Step]:
    return draggan(world.synthesis, w, task)


def anchored(mover: Mover) -> dict[str, Run]:
    return {
        "transformer, no anchors": lambda world, w, task: passes(mover, 10)(world, w, alone(task)),
        "transformer": passes(mover, 10),
        "DragGAN": by_draggan,
    }


def alone(task: Task) -> Task:
    return replace(task, handles=task.handles[:1], targets=task.targets[:1])


# -- how well --------------------------------------------------------------------------------------------------------------


def asked(world: World, mover: Mover, guess: Labelled, chosen: list[Case]) -> dict[str, dict[str, float]]:
    """One pass for one px of the map of 64: share of the motion explained, and the angle between what was asked for and what came."""
    found = {}
    for name, moves in {"labelled directions": guess, "another place": Elsewhere(mover), "transformer": mover}.items():
        missed, angles = [], []
        for case in chosen:
            features, task = Features(world.synthesis), case.task
            handles = task.handles * features.side
            way = torch.nn.functional.normalize(task.targets - task.handles, dim=1)
            with torch.no_grad():
                tracker = Tracker(features(case.w, handles), handles)
                motion = torch.cat([way, torch.zeros(1, 1)], 1)
                after = moved(case.w, moves.change(world.synthesis, case.w, task.handles, motion))
                got = (tracker.find(features(after, handles), handles).points - handles)[0] * 64 / features.side
            missed.append(float((got - way[0]).square().sum()))
            angles.append(float(torch.rad2deg(torch.arccos((got @ way[0] / got.norm().clamp(min=1e-6)).clamp(-1, 1)))))
        found[name] = {
            "explained": 1 - float(np.mean(missed)),
            "median": 1 - float(np.median(missed)),
            "angle": float(np.median(angles)),
        }
    return found


def judged(world: World, case: Case, run: Run) -> dict[str, Any]:
    begun = time.process_time()
    *_, last = run(world, case.w, case.task)
    cpu = time.process_time() - begun
    image, side = world.draw(last.w_plus), 100.0
    try:
        seen = side * float((torch.tensor(landmarks(image)[case.name]) - case.task.targets[0]).norm())
    except FaceNotFound:
        seen = None
    one, other = load_identity()(torch.cat([world.draw(case.w), image]))
    return {
        "judge": seen,
        "claim": side * float(last.left[0]),
        "steps": last.number,
        "cpu": cpu,
        "arrived": "arrived" in last.ends,
        "identity": float(one @ other),
    }


def drifts(world: World, chosen: list[Case], run: Run) -> list[dict[str, Any]]:
    """Three other parts of the face shall stay, by the mesh."""
    rows = []
    for number, case in enumerate(chosen):
        places = landmarks(world.draw(case.w))
        others = [name for name in NAMES if name != case.name][number % 3 :: 3]
        stay = torch.tensor([places[name] for name in others])
        task = Task(torch.cat([case.task.handles, stay]), torch.cat([case.task.targets, stay]))
        *_, last = run(world, case.w, task)
        try:
            after = landmarks(world.draw(last.w_plus))
        except FaceNotFound:
            continue
        drift = (torch.tensor([after[name] for name in others]) - stay).norm(dim=1).mean()
        off = (torch.tensor(after[case.name]) - case.task.targets[0]).norm()
        rows.append({"judge": 100 * float(off), "drift": 100 * float(drift)})
    return rows


def costs(world: World, mover: Mover, case: Case) -> dict[str, float]:
    rows, motion = mover.network.sizes.rows, torch.tensor([[[1.0, 0.0, 0.0]]])
    seen = torch.zeros(1, 1, mover.network.sizes.feature_dim)
    runs: dict[str, Callable[[], Any]] = {
        "the network alone": partial(mover.network, case.w[:, :rows], motion, seen),
        "with the features that it is told": partial(
            mover.change, world.synthesis, case.w, case.task.handles, motion[0]
        ),
        "and the picture": lambda: world.draw(
            moved(case.w, mover.change(world.synthesis, case.w, case.task.handles, motion[0]))
        ),
    }
    return dict(zip(runs, medians(*runs.values()), strict=True))


def shown(world: World, mover: Mover) -> Image.Image:
    columns: dict[str, list[Tensor]] = {"before": [], "transformer,\n1 pass": [], "transformer": [], "DragGAN": []}
    for number, (name, way) in enumerate(SHOWN):
        w = world.latent(FIRST + 2 * number)
        handle = torch.tensor([landmarks(world.draw(w))[name]])
        task = Task(handle, handle + torch.tensor([way]))
        runs = passes(mover, 1), passes(mover, 10), by_draggan
        for images, after in zip(columns.values(), [w, *(run(world, w, task)[-1].w_plus for run in runs)], strict=True):
            images.append(world.draw(after))
    rows = [(label, torch.cat(images)) for label, images in columns.items()]
    headings = [f"{name} {100 * x:+.0f}, {100 * y:+.0f} %" for name, (x, y) in SHOWN]
    return sheet(rows, headings=headings, scale=256 // world.side)


if __name__ == "__main__":
    main()
