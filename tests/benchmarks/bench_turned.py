"""Turned heads against renders in which the head has turned, today's way and the way of another commit -> docs/benchmarks/turned.md.

    python -m tests.benchmarks.bench_turned --canvas DIR --before CHECKOUT... [--photos N] [--threads N]

DIR is the engine's canvas (`priors/engine/build.py`). Each CHECKOUT is a folder with another commit.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from PIL import Image

from portraitist.priors.prior import DEFAULT
from portraitist_workers.faces.image_io import encode_png

from . import judges
from .bench_photographs import LARGER, Arm, commit, run
from .options import like_a_worker
from .photograph_tasks import Task, known_by_one_photo
from .report import ROOT, table, write
from .turned_figures import NAMES, figures_of, rows_of
from .turned_renders import FRAME, PEOPLE, Pair, pairs


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=Path, required=True, help="folder made by priors/engine/build.py")
    parser.add_argument("--before", type=Path, nargs="+", required=True, help="checkouts of commits to compare with")
    parser.add_argument("--people", default=",".join(PEOPLE))
    parser.add_argument("--photos", type=int, default=1, help="of each of the people")
    parser.add_argument("--larger", action="store_true", help=f"also on {LARGER}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judges.distance()
    args.work.mkdir(parents=True, exist_ok=True)
    arms = [Arm(f"before ({commit(folder)})", folder) for folder in args.before] + [Arm("now", ROOT)]
    found = pairs(args.canvas, args.people.split(","), per_person=args.photos)
    asked = [edits(found)] * len(arms)
    if args.larger:
        arms.append(Arm(f"now, `{LARGER}`", ROOT))
        asked.append(edits(found, LARGER))
    figures, busy = [[figures_of(pair, None) for pair in found]], [float("nan")]
    for index, (arm, tasks) in enumerate(zip(arms, asked, strict=True)):
        done = run(arm, tasks, args.work)
        figures.append([figures_of(pair, one["picture"]) for pair, one in zip(found, done, strict=True)])
        busy.append(sorted(one["busy"] for one in done)[len(done) // 2])
        for pair, one in zip(found, done, strict=True):
            (args.work / f"turned-{index}-{pair.photo}{pair.yaw:+.0f}.png").write_bytes(one["picture"])
    for pair in found:
        Image.fromarray(pair.after).save(args.work / f"turned-truth-{pair.photo}{pair.yaw:+.0f}.png")
    names = ["the photo as it is", *(arm.name for arm in arms)]
    write(
        "turned",
        "Turned heads",
        [
            f"{len(found)} edits of {len({p.photo for p in found})} rendered photos of {len({p.person for p in found})} made-up people, "
            "each known by that one photo: "
            f"{FRAME.width} px, with a face's crop of {FRAME.side:.0f} px. The engine turned the head alone: body, light and camera "
            "stayed. The edit is compared with that render. Medians.",
            judges.describe(),
            table(("", "degrees", *NAMES), rows_of(found, names, figures, "{:.3f}".format)),
            "* Halo: mean difference in grey levels, where the render shows background within 8 % of the crop beside the head. The "
            "engine's head ends at its outline. A real one goes on behind it, so its outline is drawn in less.\n"
            "* Gradient: along the crop's border, against the photo's.\n"
            "* Share of the yaw: by five points of a detector that steers nothing, against what it says of the render.\n"
            "* Identity: cosine to the render.\n"
            "* Sharpness: against the photo's.",
            "Processor seconds of an edit, median; three of four times the photo was open already: "
            + ", ".join(
                f"{seconds:.2f} ({name})" for name, seconds in zip(names, busy, strict=True) if seconds == seconds
            )
            + ".",
        ],
    )


def edits(found: list[Pair], prior: str = DEFAULT) -> list[Task]:
    tasks, known = [], {}
    for pair in found:
        file = encode_png(pair.before)
        if pair.photo not in known:
            known[pair.photo] = known_by_one_photo(pair.photo, file, prior)
        values = {"yaw": pair.yaw}
        tasks.append(Task(pair.person, *known[pair.photo], pair.photo, file, values, True, more={"relative": True}))
    return tasks


if __name__ == "__main__":
    main()
