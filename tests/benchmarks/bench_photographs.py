"""Edits of photographs at the photographs' own size, today's way and the way of another commit -> docs/benchmarks/photographs.md.

    python -m tests.benchmarks.bench_photographs --sources DATA --before CHECKOUT [--people DIR] [--larger NAME] [--threads N]
    python -m tests.benchmarks.bench_photographs --only portraits [--people DIR]

DATA holds london/: of its eight people who are held out there is a neutral and a smiling photograph each, taken in one sitting. Each is
asked for the expression of the other, and the result compared with that other. CHECKOUT is a folder with another commit. DIR holds
folders of ordinary photos of real people, one folder a person. Pictures of real people are in WORK alone.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from portraitist_workers.faces.align import crop
from portraitist_workers.faces.image_io import decode, to_tensor
from portraitist_workers.priors.engine.people import HELD_OUT

from . import judges, metrics
from .options import like_a_worker
from .photograph_portraits import portraits
from .photograph_tasks import HELD_OUT_PHOTOS, SIDE, Task, edits, folders, london, values_of
from .report import ROOT, table, write, write_part
from .turned_figures import frame_of, gradient, likeness, yaw_of

LARGER = "default-256"
FOLLOW = ("mouth_open", "eyes_open")  # what is not named, and follows a smile


@dataclass
class Arm:
    name: str
    root: Path  # whose package it runs
    more: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, help="folder with london/")
    parser.add_argument("--before", type=Path, help="a checkout of the commit to compare with")
    parser.add_argument("--only", choices=("portraits",), help="this part of the page alone")
    parser.add_argument("--people", type=Path, help="folder of folders of ordinary photos")
    parser.add_argument(
        "--pairs", type=int, default=len(HELD_OUT), help="of so many people a neutral and a smiling photo"
    )
    parser.add_argument(
        "--photos", type=int, default=HELD_OUT_PHOTOS, help="edited photos of each person who is learnt"
    )
    parser.add_argument("--larger", default="", help=f"names of people to learn on {LARGER}, too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if not args.only and not (args.sources and args.before):
        parser.error("--sources and --before are needed, or --only")
    torch.set_num_threads(args.threads)
    judges.distance()
    args.work.mkdir(parents=True, exist_ok=True)
    photos = folders(args.people)
    own = [task for name in photos for task in edits(name, photos[name], args.work, args.photos)]
    names = args.larger.split(",") if args.larger else []
    larger = [task for name in names for task in edits(name, photos[name], args.work, args.photos, LARGER)]
    if args.only:
        write_part("photographs", portraits(own + larger, args.work))
        return
    arms = [Arm(f"before ({commit(args.before)})", args.before), Arm("now", ROOT)]
    more = [Arm('now, `preset="best"`', ROOT, {"preset": "best"}), Arm(f"now, `{LARGER}`", ROOT)]
    pairs, alone = london(args.sources, args.pairs)
    # Each photo's second edit finds it open.
    twice = [task for pair in zip(pairs, alone, strict=True) for task in pair]
    done = [run(arm, twice + own, args.work) for arm in arms]
    others = [run(more[0], pairs, args.work), run(more[1], london(args.sources, args.pairs, LARGER)[0], args.work)]
    of_pairs, of_own = [d[: len(twice)] for d in done], [d[len(twice) :] for d in done]
    write(
        "photographs",
        "Edits of photographs",
        [
            "Everything at the photographs' own size, by the `edit` operation: whole pictures, with their marks. "
            + judges.describe(),
            *judged("expressions", pairs, arms + more, [*(d[::2] for d in of_pairs), *others], args.work),
            *followed(alone, arms, [d[1::2] for d in of_pairs]),
            *judged("edits", own, arms, of_own, args.work),
            *portraits(own + larger, args.work),
        ],
    )


# -- arms ------------------------------------------------------------------------------------------------------------------


def run(arm: Arm, tasks: Sequence[Task], work: Path) -> list[dict[str, Any]]:
    """All tasks by the arm's own package, in a process of its own with as many threads as this one."""
    asked, answered = work / "photographs-asked.pickle", work / "photographs-answered.pickle"
    asked.write_bytes(pickle.dumps([vars(task) | {"more": task.more | arm.more} for task in tasks]))
    path = os.pathsep.join(str(arm.root / part) for part in ("sdk", "workers"))
    program = Path(__file__).with_name("photograph_edits.py")
    subprocess.run(
        [sys.executable, program, asked, answered, str(torch.get_num_threads())],
        check=True,
        env=os.environ | {"PYTHONPATH": path},
        cwd=work,
    )
    return pickle.loads(answered.read_bytes())


def judged(
    name: str, tasks: Sequence[Task], arms: Sequence[Arm], answers: Sequence[list[dict[str, Any]]], work: Path
) -> list[str]:
    """Tables of what the arms made of the tasks."""
    rows = []
    for index, (arm, done) in enumerate(zip(arms, answers, strict=True)):
        figures = [figures_of(task, one) for task, one in zip(tasks, done, strict=True)]
        for task, one in zip(tasks, done, strict=True):
            asked = "-".join(f"{k}{v:.0f}" if abs(v) > 1 else f"{k}{v:.1f}" for k, v in task.values.items())
            (work / f"photographs-{name}-{index}-{task.name}-{asked}.png").write_bytes(one["picture"])
        rows.append((arm, figures))
    names = list(rows[0][1][0])
    if name == "expressions":
        rows.insert(0, (Arm("the photo as it is", ROOT), [figures_of(task, None) for task in tasks]))
    heading = "Expressions" if name == "expressions" else "Edits of new photos"
    asked = (
        f"{len(tasks)} edits: {len({t.person for t in tasks})} people, neutral to smiling and back, who are known by this one photo. The "
        "smile and the opening of the mouth are those of the other photo, with which the result is compared."
        if name == "expressions"
        else f"{len(tasks)} edits of photos that {len({t.person for t in tasks})} personas (`fast`) did not learn from: a smile of 0.9, "
        "and the head turned by 10 and 15 degrees to either side. The turn is read by a detector's five points, which took no part."
    )
    by_person = [
        (arm.name if i == 0 else "", person, *(_median(figures, key, tasks, person) for key in names))
        for arm, figures in rows
        for i, person in enumerate(dict.fromkeys(t.person for t in tasks))
    ]
    return [
        f"## {heading}",
        asked + " Medians.",
        table(("", *names), [(arm.name, *(_median(figures, key) for key in names)) for arm, figures in rows]),
        table(("", "person", *names), by_person),
    ]


def _median(figures: list[dict], key: str, tasks: Sequence[Task] = (), person: str = "") -> str:
    chosen = [f[key] for i, f in enumerate(figures) if not tasks or tasks[i].person == person]
    value = float(np.nanmedian(chosen)) if np.isfinite(chosen).any() else float("nan")
    return "" if np.isnan(value) else f"{value:.3f}" if abs(value) < 3 else f"{value:.1f}"


def followed(tasks: Sequence[Task], arms: Sequence[Arm], answers: Sequence[list[dict[str, Any]]]) -> list[str]:
    """A table of how far what was not named is from the other photo."""
    rows = []
    for arm, done in [(Arm("the photo as it is", ROOT), [None] * len(tasks)), *zip(arms, answers, strict=True)]:
        off = []
        for task, one in zip(tasks, done, strict=True):
            shown, there = (
                values_of(face_of(picture)) for picture in (result_of(task, one), decode(task.target, task.name))
            )
            off.append([abs(shown[name] - there[name]) for name in FOLLOW])
        rows.append((arm.name, *(f"{v:.3f}" for v in (*np.mean(off, 0), np.mean(off)))))
    return [
        "## What follows a smile",
        f"The same {len(tasks)} edits with the smile alone. How far what was not named is from the other photo, which shows that smile; on "
        "[0, 1] scales, as the steering network reads it. Means.",
        table(("", *FOLLOW, "both"), rows),
    ]


# -- figures ---------------------------------------------------------------------------------------------------------------


def figures_of(task: Task, done: dict[str, Any] | None) -> dict[str, float]:
    """What the table says of one edit; None: of the photo as it is."""
    photo, result = decode(task.photo, task.name), result_of(task, done)
    frame = frame_of(photo)
    now = frame_of(result)  # a turned face lies elsewhere in the photo
    face = crop(result, now, SIDE)
    found: dict[str, float] = {}
    if task.target is not None:
        truth = face_of(decode(task.target, task.name))
        found["LPIPS to the other"] = float(judges.lpips(to_tensor(face), to_tensor(truth)))
        found["identity: to the other"] = likeness(face, truth)
    found["identity: to the photo"] = likeness(face, crop(photo, frame, SIDE))
    for part in metrics.SHARP_PARTS:
        found[f"sharpness: {part}"] = metrics.sharpness_at(result, now, part) / metrics.sharpness_at(photo, frame, part)
    name, asked = next(iter(task.values.items()))
    if task.relative:
        share = (yaw_of(result) - yaw_of(photo)) / asked
    else:
        was = values_of(crop(photo, frame, SIDE))[name]
        share = (values_of(face)[name] - was) / (asked - was)
    found["share of what was asked"] = share
    found["gradient at the border"] = gradient(result, frame) / gradient(photo, frame)
    found["seconds"] = float("nan") if done is None else done["seconds"]
    found["processor seconds"] = float("nan") if done is None else done["busy"]
    return found


def result_of(task: Task, done: dict[str, Any] | None) -> np.ndarray:
    """[H, W, 3] uint8: the edited photo; None: the photo as it is."""
    if done is None:
        return decode(task.photo, task.name)
    return np.array(Image.open(io.BytesIO(done["picture"])).convert("RGB"))


def face_of(photo: np.ndarray) -> np.ndarray:
    return crop(photo, frame_of(photo), SIDE)


def commit(checkout: Path) -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
