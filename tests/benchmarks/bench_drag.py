"""Do points land where they are pulled, at what cost, and what else changes? Against DragGAN's released algorithm.

Writes docs/benchmarks/drag.md.

Sections may be measured in runs of their own (--sections, and --prior for the first two). Each keeps its figures in --work, and the
page shows all that are there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import portraitist
from portraitist.errors import FaceNotFound
from portraitist_workers.drag.draggan import draggan
from portraitist_workers.drag.features import Features
from portraitist_workers.drag.freedrag import freedrag
from portraitist_workers.drag.guard import guarded
from portraitist_workers.drag.landmarks import landmarks as named
from portraitist_workers.drag.moving import landed, mover_of
from portraitist_workers.drag.space import Space
from portraitist_workers.drag.steps import Adam, Newton
from portraitist_workers.drag.task import Task
from portraitist_workers.drag.tracking import Tracker
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.persona import hull
from portraitist_workers.persona.judge import Judge, identity_scores
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render

from . import drag_page, options, reference_generator
from .bench_generator import medians
from .drag_arms import TURNS, Arm, Result, nothing, ours, released
from .drag_cases import PRIORS, Case, World, detected, landmarks
from .report import write
from .sheets import save, sheet

MOST = 300  # steps of the released algorithm
SECTIONS = ("ten", "judges", "cost", "switches", "landmarks", "back", "person")
SHOWN = "nothing", "released, rate 3e-2", "ours"  # on the sheets
ALONE = SECTIONS[:-1]  # what needs no persona
SHIFTED = 0.07  # of the width: copies of a picture are shifted by at most so much, as far as a drag goes
HOW = ("nose", "mouth_left", "mouth_right", "chin", "brow_left", "mouth_bottom")


def main() -> None:
    parser = options.common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--sections", default=",".join(ALONE), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--arms", help="of the ten cases, those to measure anew, with ; between")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--home", type=Path, help="a studio's folder, for the section `person`")
    parser.add_argument("--persona", default="ana", help="who of it is dragged")
    args = parser.parse_args()
    torch.set_num_threads(args.threads or 1)
    work = args.work / "drag"
    work.mkdir(parents=True, exist_ok=True)
    for section in args.sections.split(","):
        path = work / f"{section}.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        found = before | globals()[f"measure_{section}"](args, work)
        path.write_text(json.dumps(found, indent=1))
    kept = {s: json.loads((work / f"{s}.json").read_text()) for s in SECTIONS if (work / f"{s}.json").exists()}
    if any(
        not any(key.split("/")[0] == prior for key in kept.get(section, {}))
        for prior in PRIORS
        for section in ("ten", "cost")
    ):
        print("the page waits for the sections ten and cost of both priors")
        return
    write(
        "drag", "Dragging", [drag_page.INTRODUCTION, *(getattr(drag_page, section)(kept[section]) for section in kept)]
    )


# -- the ten recorded cases ------------------------------------------------------------------------------------------------


def measure_ten(args: argparse.Namespace, work: Path) -> Any:
    arms: dict[str, Arm] = {
        "nothing": nothing,
        "released, rate 1e-2": released(1e-2, MOST),
        "released, rate 3e-2": released(3e-2, MOST),
        "ours": ours(),
        "ours in bfloat16": ours(dtype=torch.bfloat16),
        "ours, FreeDrag": ours(freedrag, rate=1e-2, steps=150),
    }
    if args.arms:
        arms = {name: arm for name, arm in arms.items() if name in args.arms.split(";")}
    found: dict[str, Any] = {}
    for prior in [args.prior] if args.prior else PRIORS:
        world, images = World(prior), {}
        cases = world.recorded()
        for name, arm in arms.items():
            results = [arm(world, case) for case in cases]
            found[f"{prior}/{name}"] = [judged(world, c, r) for c, r in zip(cases, results, strict=True)]
            images[name] = torch.cat([r.image for r in results])
        if set(SHOWN) - set(images):
            continue
        shown = [(label.replace(", ", "\n"), images[label]) for label in SHOWN]
        found[f"{prior}/sheet"] = save(sheet(shown), f"drag-{prior}", work)
    return found


def judged(world: World, case: Case, result: Result) -> dict[str, float | None]:
    before, target = world.draw(case.w), case.targets[0].numpy()
    points, whole = detected(result.image), 100 / world.side
    seen = None if points is None else whole * float(np.linalg.norm(points[2] - target))
    claim = whole * float((result.points[0] - case.targets[0]).norm())
    one, other = load_identity()(torch.cat([before, result.image]))
    claimed = (result.points[0] - case.handles[0]).numpy()
    gaps = {}
    for judge, nose in NOSES.items():  # how the nose has moved: where judge and handle saw it at first does not count
        places = nose(before), nose(result.image)
        missing = any(place is None for place in places)
        gaps[judge] = None if missing else whole * float(np.linalg.norm(places[1] - places[0] - claimed))
    changed = None
    if case.fixed is not None:
        difference = (result.image.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean(1)[0] * 127.5
        changed = float((difference * case.fixed).sum() / case.fixed.sum())
    return {
        "judge": seen,
        "claim": claim,
        "gaps": gaps,
        "steps": result.steps,
        "cpu": result.cpu,
        "arrived": result.arrived,
        "identity": float(one @ other),
        "fixed": changed,
    }


# -- how well the judges see -----------------------------------------------------------------------------------------------


def by_mtcnn(image: Tensor) -> np.ndarray | None:
    points = detected(image)
    return None if points is None else points[2]


def by_mesh(image: Tensor) -> np.ndarray | None:
    try:
        return np.array(named(image)["nose"]) * image.shape[-1]
    except FaceNotFound:
        return None


NOSES: dict[str, Callable[[Tensor], np.ndarray | None]] = {"MTCNN": by_mtcnn, "mesh": by_mesh}


def measure_judges(args: argparse.Namespace, work: Path) -> Any:
    """How far a judge's nose lies from where it must lie, in copies of one picture that are shifted as a whole; % of the width."""
    found: dict[str, Any] = {}
    for prior in [args.prior] if args.prior else PRIORS:
        world, rng = World(prior), np.random.RandomState(0)
        for name, nose in NOSES.items():
            off = []
            for case in world.recorded():
                image = world.draw(case.w)
                first = nose(image)
                for _ in range(4 if args.quick else 12):
                    angle, by = 2 * np.pi * rng.rand(), SHIFTED * world.side * rng.rand()
                    way = by * np.array([np.cos(angle), np.sin(angle)])
                    seen = nose(shifted(image, way))
                    if first is not None and seen is not None:
                        off.append(100 / world.side * float(np.linalg.norm(seen - first - way)))
            found[f"{prior}/{name}"] = off
    return found


def shifted(image: Tensor, way: np.ndarray) -> Tensor:
    """The picture [1, 3, R, R], `way` px to the right and down; its border goes on."""
    theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    theta[0, :, 2] = torch.tensor(-2 * way / image.shape[-1], dtype=torch.float32)
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)


# -- what a step costs -----------------------------------------------------------------------------------------------------


def measure_cost(args: argparse.Namespace, work: Path) -> Any:
    return {prior: costs(World(prior)) for prior in ([args.prior] if args.prior else PRIORS)}


def costs(world: World) -> dict[str, float]:
    """Seconds of a step with one handle."""
    case = world.recorded()[0]
    points = case.handles * Features(world.synthesis).side / world.side
    space = Space.plain(world.generator.w_dim)
    runs: dict[str, Callable[[], Any]] = {
        "reference formulation": partial(reference_step, world, case.w),
        "released algorithm on our generator, two steps": partial(released(1e-3, 1), world, case),
    }
    for label, stepper in (("Adam", Adam(1e-2, space)), ("Newton", Newton(2.5, space))):
        for windows, where in ((False, "whole maps"), (True, "in windows")):
            for dtype in (torch.float32, torch.bfloat16):
                features = Features(world.synthesis, windows=windows, dtype=dtype)
                with torch.no_grad():
                    tracker = Tracker(features(case.w, points), points)
                name = f"{label}, {where}, {str(dtype).removeprefix('torch.')}"
                runs[name] = partial(our_step, case.w, features, tracker, stepper, points)
    found = dict(zip(runs, medians(*runs.values()), strict=True))
    found["released algorithm on our generator"] = found.pop("released algorithm on our generator, two steps") / 2
    return found


def our_step(w: Tensor, features: Features, tracker: Tracker, stepper: Adam | Newton, points: Tensor) -> None:
    leaf = w[:, :6].clone().requires_grad_(True)
    maps = features(torch.cat([leaf, w[:, 6:]], 1), points)
    found = tracker.find(maps.detach(), points)
    stepper(tracker, maps, found.points, points + 2.0, leaf, lambda rows: points)


def reference_step(world: World, w_plus: Tensor) -> None:
    """What the released renderer does in a step, by the plain formulation: the whole picture, weights not frozen."""
    kept: list[Tensor] = []
    layer = reference_generator._layer

    def keep(module, x, w):
        y = layer(module, x, w)
        if module.resolution == 128 and not module.up:
            kept.append(y)
        return y

    world.synthesis.requires_grad_(True)
    reference_generator._layer = keep
    try:
        w = w_plus.clone().requires_grad_(True)
        reference_generator.synthesis(world.generator, w)
        resized = F.interpolate(kept[0], (world.side, world.side), mode="bilinear")
        resized[0, :, 60:63, 60:63].abs().mean().backward()
    finally:
        reference_generator._layer = layer
        world.synthesis.requires_grad_(False)
        world.synthesis.zero_grad(set_to_none=True)


# -- each switch -----------------------------------------------------------------------------------------------------------


def measure_switches(args: argparse.Namespace, work: Path) -> Any:
    world, count = World("default"), 6 if args.quick else 18
    cases = world.other(count)
    arms: dict[str, Arm] = {
        "ours": ours(),
        "all changes of the latent alike": ours(turning=False),
        "W instead of W+": ours(shared=1.0),
        "template follows by half": ours(blend=0.5),
        "no way back": ours(rollback=False),
        "Adam, rate 2e-2": ours(newton=False, rate=2e-2),
        "Adam, whole pixels": ours(newton=False, subpixel=False, rate=2e-2),
        "released, rate 1e-2": released(1e-2, MOST),
        "released, rate 3e-2": released(3e-2, MOST),
        "released, rate 6e-2": released(6e-2, MOST),
    }
    return {name: [judged(world, c, arm(world, c)) for c in cases] for name, arm in arms.items()}


# -- landmarks of one face to those of another -----------------------------------------------------------------------------


def measure_landmarks(args: argparse.Namespace, work: Path) -> Any:
    world, found = World("default"), {}
    arms: dict[str, Arm] = {"nothing": nothing, "released, rate 3e-2": released(3e-2, 100), "ours": ours()}
    for kind, count in (("1", args.pairs), ("5", args.pairs), ("all", args.pairs // 2)):
        cases = list(world.pairs(max(count // 5, 4) if args.quick else count, kind))
        for name, arm in arms.items():
            rows = []
            for case in cases:
                result = arm(world, case)
                points = landmarks(result.image, kind)
                off = np.nan if points is None else np.linalg.norm(points - case.targets.numpy(), axis=1).mean()
                rows.append({"off": float(off) * 512 / world.side, "cpu": result.cpu, "steps": result.steps})
            found[f"{kind}/{name}"] = rows
    return found


# -- there and back --------------------------------------------------------------------------------------------------------


def measure_back(args: argparse.Namespace, work: Path) -> Any:
    world, found = World("default"), {}
    cases = [*world.recorded(), *world.other(4 if args.quick else 14)]
    for name, arm in {"released, rate 3e-2": released(3e-2, MOST), "ours": ours()}.items():
        rows = []
        for case in cases:
            there = arm(world, case)
            back = arm(world, Case(there.w, there.points, case.handles))
            before = world.draw(case.w)
            difference = float((back.image.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean()) * 127.5
            rows.append({"difference": difference, "perceptual": float(load_perceptual()(back.image, before)[0])})
        found[name] = rows
    return found


# -- a person --------------------------------------------------------------------------------------------------------------


def measure_person(args: argparse.Namespace, work: Path) -> Any:
    studio = portraitist.connect(home=args.home)
    persona = studio.personas.get(args.persona)
    model = PersonaModel.from_bytes(studio._backend.sealed(persona.id).get(persona.record.weights))
    judge, rng, found = Judge(model), np.random.RandomState(0), {"floor": float(0)}
    found["floor"] = float(judge.scale.quantile(0.05))
    turns, nuisance = model.prior.steps_for(TURNS), model.prior.nuisance
    own, synthesis = Space.of(turns, anchors=model.anchors, nuisance=nuisance), model.generator.synthesis
    by_draggan, by_mover = (
        partial(draggan, synthesis),
        partial(landed, mover_of(model.prior, synthesis, None), synthesis),
    )
    ways: dict[
        str, tuple[Callable[..., Any], Space, bool]
    ] = {  # who moves the points; the guard's space, whether there is one
        "guarded": (partial(by_draggan, space=own), own, True),
        "unguarded": (partial(by_draggan, space=Space.plain(model.generator.w_dim)), own, False),
        "transformer, guarded": (by_mover, own, True),
        "transformer, unguarded": (by_mover, own, False),
    }
    for share in (0.07, 0.12):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for seed in range(8 if args.quick else 16):
            w = hull.sample(model.anchors, 1, torch.Generator().manual_seed(seed))[:, None]
            w = w.expand(-1, model.generator.num_ws, -1).contiguous()
            before = render(model.generator, w)
            places, angle = named(before), rng.rand() * 2 * np.pi
            width = (
                float(np.hypot(*(np.array(places["cheek_right"]) - places["cheek_left"]))) / 0.62
            )  # cheeks lie inside of the face
            part = HOW[seed % len(HOW)]
            handle = torch.tensor([places[part]])
            target = handle + share * width * torch.tensor([[np.cos(angle), np.sin(angle)]], dtype=torch.float32)
            for name, (move, space, keeping) in ways.items():
                task, begun = Task(handle, target), time.process_time()
                path = list(move(w, task))
                last = path[-1]
                if keeping:
                    last = guarded(judge, model.generator.images, synthesis, path, last, task, space)
                cpu = time.process_time() - begun
                image = render(model.generator, last.w_plus)
                score, was = (float(identity_scores(judge.identity(x), judge.embeddings)[0]) for x in (image, before))
                rows[name].append(
                    {
                        "identity": score,
                        "before": was,
                        "arrived": last.ends[0] == "arrived",
                        "left": float(last.left[0]) / (share * width),
                        "seen": seen_left(image, part, target) / (share * width),
                        "cpu": cpu,
                    }
                )
        found[f"{share}"] = rows
    return found


def seen_left(image: Tensor, part: str, target: Tensor) -> float:
    """By the mesh, in shares of the side; NaN where it sees no face."""
    try:
        return float((torch.tensor([named(image)[part]]) - target).norm())
    except FaceNotFound:
        return float("nan")


if __name__ == "__main__":
    main()
