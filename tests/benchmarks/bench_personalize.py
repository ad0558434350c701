"""Personalises the test people by every method and measures what came of it -> docs/benchmarks/personalize.md.

python -m tests.benchmarks.bench_personalize [--quick] [--people ada,bruno] [--methods regression,mystyle,untuned] ...
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from portraitist_workers.priors import library

from . import judges, methods, people, second_opinion
from .figures import Effort, Figures, estimator_errors, measure
from .options import common, to_options
from .personalize_page import write_page


def main() -> None:
    parser = common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--methods", default=",".join(methods.METHODS))
    parser.add_argument("--mystyle-updates-per-photo", type=int, default=1000, help="published: 1000")
    parser.add_argument(
        "--mystyle-seconds", type=float, default=None, help="stop the baseline's tuning early (--quick: 60)"
    )
    parser.add_argument(
        "--variants-people", type=int, default=None, help="people for mystyle_pp and mystyle_pp_sefa (--quick: 1)"
    )
    parser.add_argument(
        "--steps", type=int, default=None, help="tuning steps instead of the preset's, to try the suite out"
    )
    parser.add_argument("--out", default="personalize", help="name of the page under docs/benchmarks")
    args = parser.parse_args()
    if args.quick:
        args.mystyle_seconds = args.mystyle_seconds or 60.0
        args.variants_people = 1 if args.variants_people is None else args.variants_people
    effort = Effort(draws=3, targets=5, held_out=2) if args.quick else Effort()
    judges.distance()
    options = to_options(args)

    names, chosen = args.people.split(","), args.methods.split(",")
    side = library.load().resolution
    results: dict[tuple[str, str], Figures] = {}
    mades: dict[tuple[str, str], methods.Made] = {}
    errors: dict[str, list[float]] = {}
    aligned = {p: people.align(people.load(p), side) for p in people.NAMES}
    points = {p: second_opinion.measure(a) for p, a in aligned.items()}
    print("photos aligned", flush=True)
    for index, person in enumerate(names):
        unseen = [p for p in people.load(person) if p.held_out]
        held_out = [a for a in aligned[person] if a.name in {p.name for p in unseen}]
        opinion = second_opinion.fit(points, person)
        for judge, own in (("network", estimator_errors(aligned[person])), ("points", opinion.errors)):
            for name, values in own.items():
                errors.setdefault(f"{name} {judge}", []).extend(values)
        for method in chosen:
            if method.startswith("mystyle_pp") and args.variants_people is not None and index >= args.variants_people:
                continue
            begun = time.monotonic()
            made = methods.personalise(person, method, options, args.work)
            figures = measure(
                made,
                held_out,
                unseen,
                opinion,
                effort,
                closed_loop=method not in methods.OPEN_LOOP,
                costs=index == 0 and method in ("regression", chosen[0]),
            )
            results[person, method], mades[person, method] = figures, made
            print(f"{person} {method}: {time.monotonic() - begun:.0f} s, {_brief(figures)}", flush=True)
            _dump(results, args.work / f"{args.out}.json")
        write_page(
            args.out, results, mades, errors, chosen, args.work
        )  # after every person, so that a run can be cut short


def _brief(figures: Figures) -> str:
    value = {k: float(np.median(v)) for k, v in figures.values.items()}
    return (
        f"LPIPS {value['reconstruction_lpips']:.4f}, yaw {value['yaw_error_closed']:.2f}/{value['yaw_error_open']:.2f}, "
        f"leakage {figures.single['leakage']:.3f}, made in {figures.single['seconds_all']:.0f} s"
    )


def _dump(results: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {
        f"{p} {m}": {"values": f.values, "single": f.single, "leakage": f.leakage} for (p, m), f in results.items()
    }
    path.write_text(json.dumps(plain, indent=1))


if __name__ == "__main__":
    main()
