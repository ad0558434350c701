"""docs/benchmarks/drag.md: a function for each section that `bench_drag` measures, and the words."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.reference_vectors import load

from .drag_cases import PRIORS
from .report import table

INTRODUCTION = """One thread. CPU time is the process's own. "Released" is DragGAN's released algorithm, as `drag/official.py` walks it:
the tests compare it with runs of the released code, point by point. It runs on our faster generator here, so its CPU
time is lower than that of the released code. Of its rates, 3e-2 lands well and changes
little else (section "Switch by switch"). It stops within 2 px, 1.6 % at 128 px. Sections may come from runs of their own."""
TEN = """The nose is pulled by 7 % of the picture's width, with a mask in two cases and with eyes and mouth in two. The judge
is MTCNN, which takes no part in any drag. It looks at the picture at 256 px. Lines "released code itself" are of
recorded runs. The fixed region is what the masks fix. Identity is the cosine to the picture before. The handles are
MTCNN's, rounded to whole pixels. Claimed is what the tracker says is left. "Motion claimed and seen" is how far the
nose's motion by the tracker's word is from that by a judge's. There the rounding does not count."""
JUDGED = """The ten pictures, shifted as a whole by up to 7 % of the width, in random directions. Where the nose must then
lie is known. So this is the judges' own error, without any drag; below it no gap says anything."""
JUDGES = "MTCNN", "mesh"
COST = """Features, tracking and the change of the latent. The first line is the reference formulation of the generator, with
the whole picture drawn and the weights' gradients computed, as the released renderer does. Newton takes two gradients
for a handle, Adam one."""
SWITCHES = "One change at a time, on cases that are not among the ten."
LANDMARKS = """Protocol of DragGAN's table 1, on `default`: the landmarks of one random face are pulled to those of another. One: the
nose; five: with eyes and mouth, both found and judged by MTCNN. All: 67 points of the face mesh, found and judged by
the mesh. The released algorithm may take 100 steps, ours 60. The intervals are paired bootstraps."""
ROUND = "The ten cases and others are dragged there and back; then the picture is compared with the first one."
PERSON = """Portraits of the example person, parts of whose face are pulled in random directions. Identity is the mean cosine to
the person's photos. The percentile is that of what the photos score among each other. Unguarded is the plain drag,
without the person's own ways, recall and guard. Recall optimises the likeness that is measured here. The latent
transformer is the bundled prior's, on the person's own generator. The mesh says where its part is then, which is
another place than the handle's skin when the head has turned. CPU time contains the guard."""


def ten(found: Any) -> str:
    recorded, text = load("draggan"), ["## The ten recorded cases", TEN]
    for prior in PRIORS:
        side, rows = (128 if prior == "default" else 256), []
        for rate in ("1e-3", "2e-3", "1e-2"):
            off, steps = [], []
            for seed in range(10):
                target = recorded[f"{prior}/{seed}/targets"][0][::-1] + 0.5
                off.append(100 * np.linalg.norm(recorded[f"{prior}/{seed}/nose/{rate}"] - target) / side)
                steps.append(int(recorded[f"{prior}/{seed}/steps/{rate}"]))
            rows.append(
                [
                    f"released code itself, rate {rate}",
                    f"{np.mean(off):.2f}",
                    "",
                    "",
                    "",
                    f"{np.mean(steps):.0f}",
                    "",
                    "",
                    "",
                    "",
                ]
            )
        for name, cases in found.items():
            if not name.startswith(f"{prior}/") or name.endswith("/sheet"):
                continue
            fixed = [c["fixed"] for c in cases if c["fixed"] is not None]
            rows.append(
                [
                    name.split("/")[1],
                    mean(cases, "judge"),
                    mean(cases, "claim"),
                    *(mean([c["gaps"] for c in cases], judge) for judge in JUDGES),
                    mean(cases, "steps", 0),
                    f"{sum(c['arrived'] for c in cases)} of {len(cases)}",
                    mean(cases, "cpu"),
                    mean(cases, "identity", 3),
                    f"{np.mean(fixed):.2f}",
                ]
            )
        header = (
            prior,
            "nose to target, %",
            "claimed, %",
            *(f"motion claimed and seen by {judge}, %" for judge in JUDGES),
            "steps",
            "arrived",
            "CPU s",
            "identity",
            "fixed region, of 255",
        )
        text += [table(header, rows), found[f"{prior}/sheet"]]
    return "\n\n".join(text)


def judges(found: Any) -> str:
    rows = [
        [*name.split("/"), f"{np.mean(off):.2f}", f"{np.percentile(off, 95):.2f}", len(off)]
        for name, off in found.items()
    ]
    header = ("prior", "judge", "mean, %", "95 %, %", "copies")
    return "\n\n".join(["## How well the judges see", JUDGED, table(header, rows)])


def cost(found: Any) -> str:
    names = list(found[PRIORS[0]])
    rows = [
        [
            name,
            *(
                cell
                for p in PRIORS
                for cell in (f"{1000 * found[p][name]:.0f}", f"{found[p][name] / found[p][names[0]]:.2f}")
            ),
        ]
        for name in names
    ]
    header = ("one step, one handle", *(cell for p in PRIORS for cell in (f"{p}, CPU ms", "share")))
    return "\n\n".join(["## What a step costs", COST, table(header, rows)])


def switches(found: Any) -> str:
    rows = [
        [
            name,
            mean(cases, "judge"),
            mean(cases, "claim"),
            mean(cases, "steps", 1),
            f"{sum(c['arrived'] for c in cases)} of {len(cases)}",
            mean(cases, "cpu"),
            mean(cases, "identity", 3),
        ]
        for name, cases in found.items()
    ]
    header = ("default", "nose to target, %", "claimed, %", "steps", "arrived", "CPU s", "identity")
    return "\n\n".join(["## Switch by switch", SWITCHES, table(header, rows)])


def landmarks(found: Any) -> str:
    rows = []
    for kind in ("1", "5", "all"):
        base = np.array([r["off"] for r in found[f"{kind}/released, rate 3e-2"]])
        for name in ("nothing", "released, rate 3e-2", "ours"):
            off = np.array([r["off"] for r in found[f"{kind}/{name}"]])
            gain = interval(off - base) if name == "ours" else ""
            cpu, steps = (np.mean([r[what] for r in found[f"{kind}/{name}"]]) for what in ("cpu", "steps"))
            rows.append([kind, name, f"{np.nanmean(off):.2f}", gain, f"{steps:.0f}", f"{cpu:.2f}", len(off)])
    header = ("points", "method", "distance, px of 512", "difference to released, 95 %", "steps", "CPU s", "pairs")
    return "\n\n".join(["## Landmarks of one face to those of another", LANDMARKS, table(header, rows)])


def back(found: Any) -> str:
    base = found["released, rate 3e-2"]
    rows = []
    for name, cases in found.items():
        gains = [
            "" if cases is base else interval(np.array([c[k] - b[k] for c, b in zip(cases, base, strict=True)]))
            for k in base[0]
        ]
        rows.append([name, mean(cases, "difference"), gains[0], mean(cases, "perceptual", 3), gains[1]])
    header = ("method", "change, of 255", "difference", "perceptual distance", "difference")
    return "\n\n".join(["## There and back", ROUND, table(header, rows)])


def person(found: Any) -> str:
    rows = []
    for share in ("0.07", "0.12"):
        for name, cases in found[share].items():
            above = np.mean([c["identity"] >= found["floor"] for c in cases])
            before = np.mean([c["before"] >= found["floor"] for c in cases])
            rows.append(
                [
                    f"{100 * float(share):.0f} % of the face's width",
                    name,
                    f"{100 * above:.0f} % (before: {100 * before:.0f} %)",
                    mean(cases, "identity", 3),
                    mean(cases, "before", 3),
                    f"{sum(c['arrived'] for c in cases)} of {len(cases)}",
                    f"{100 * np.mean([c['left'] for c in cases]):.0f} %",
                    f"{100 * np.nanmean([c['seen'] for c in cases]):.0f} %",
                    mean(cases, "cpu"),
                ]
            )
    header = (
        "distance",
        "method",
        "above the 5th percentile",
        "identity",
        "before",
        "arrived",
        "of the way left",
        "seen by the mesh",
        "CPU s",
    )
    return "\n\n".join(["## A person", PERSON, table(header, rows)])


def mean(cases: list[dict[str, Any]], what: str, digits: int = 2) -> str:
    """Of those that have it; how many have not."""
    values = [c[what] for c in cases if c[what] is not None]
    missing = f" ({len(cases) - len(values)} without)" if len(values) < len(cases) else ""
    return f"{np.mean(values):.{digits}f}{missing}"


def interval(differences: np.ndarray) -> str:
    """95 % of the mean's bootstrap."""
    differences = differences[~np.isnan(differences)]
    rng = np.random.RandomState(0)
    means = differences[rng.randint(len(differences), size=(4000, len(differences)))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{low:+.3g} to {high:+.3g}"
