"""docs/benchmarks/move.md: the words and tables of what `bench_move` measures."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drag_page import interval, mean
from .report import table

INTRODUCTION = """The latent transformer of `{prior}`, as it ships, on faces that no other program draws. A part of the face is
asked to go 3 or 6 % of the picture's width in a random direction. One thread; CPU time is the process's own. The judge
is the face mesh, which takes no part. Two controls: "labelled directions" is a regression from the motion of each part
to yaw, pitch, roll, smile, mouth and eyes, learnt on other faces. "Features of another place" tells the transformer
what lies elsewhere in the picture."""
ASKED = """One pass, for one pixel of the map of 64. Explained is 1 minus the squared error of the motion that came, as the
drag's tracker sees it. Doing nothing explains 0."""
LANDED = """Distance to the target in % of the width, by the judge, and as claimed by the tracker. Each pass asks for what is
left, at a strength that follows from how far the handle got. Differences to DragGAN are paired bootstraps."""
ANCHORS = "Three or four other parts of the face shall stay. Their drift is what the judge sees of it."
COST = "Milliseconds for one point."


def sections(prior: str, found: Any) -> list[str]:
    base = np.array([np.nan if c["judge"] is None else c["judge"] for c in found["landed"]["DragGAN"]])
    landed = []
    for name, rows in found["landed"].items():
        off = np.array([np.nan if c["judge"] is None else c["judge"] for c in rows])
        landed.append(
            [
                name,
                mean(rows, "judge"),
                "" if name == "DragGAN" else interval(off - base),
                mean(rows, "claim"),
                f"{sum(c['arrived'] for c in rows)} of {len(rows)}",
                mean(rows, "steps", 1),
                f"{1000 * np.mean([c['cpu'] for c in rows]):.0f}",
                mean(rows, "identity", 3),
            ]
        )
    explained = [
        [name, f"{r['explained']:.2f}", f"{r['median']:.2f}", f"{r['angle']:.0f}°"]
        for name, r in found["asked"].items()
    ]
    anchors = [[name, mean(rows, "judge"), mean(rows, "drift")] for name, rows in found["anchors"].items()]
    header = ("method", "judge, %", "minus DragGAN's, 95 %", "claimed, %", "arrived", "passes", "CPU ms", "identity")
    return [
        INTRODUCTION.format(prior=prior),
        "## What one pass does\n\n" + ASKED,
        table(("who is asked", "explained", "median", "median angle"), explained),
        "## Where it lands\n\n" + LANDED,
        table(header, landed),
        found["sheet"],
        "## Anchors\n\n" + ANCHORS,
        table(("method", "handle to target, %", "drift of the anchors, %"), anchors),
        "## What it costs\n\n" + COST,
        table(("", "CPU ms"), [[name, f"{1000 * s:.1f}"] for name, s in found["cost"].items()]),
    ]
