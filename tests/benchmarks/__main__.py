"""Every benchmark in turn: `python -m tests.benchmarks [--quick]`; further options go to the programs that know them.

--quick is a smoke run: does every program still work? Its figures come of too few pictures to be compared, so its pages go to bench/,
which git ignores. Without it the pages under docs/benchmarks are written anew. With MyStyle's published 16,000 updates for each of four
people, allow two hours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from .report import SMOKE

PROGRAMS = {  # name: the options it takes from here
    "bench_import": (),
    "bench_personalize": ("quick", "people", "preset", "threads", "work", "prior", "mystyle-seconds"),
    "bench_restoration": ("quick", "people", "preset", "threads", "work", "prior"),
    "bench_compact": ("quick", "people", "preset", "threads", "work", "prior"),
    "bench_collage": ("threads", "work"),
    "bench_drag": ("quick", "threads", "work"),
    "bench_generator": ("quick", "threads"),
    "bench_marks": ("quick",),
    "bench_move": ("quick", "threads", "work", "prior"),
    "bench_motion": ("quick", "threads", "work"),
    "bench_prior": ("threads", "work"),
    "bench_tuning": ("threads",),
    "bench_serving": ("quick", "threads"),
    "bench_http": ("quick",),
    "bench_live": (),
    "bench_page": (),
    "sim_fleet": ("quick",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PROGRAMS), help="names, separated by commas")
    parser.add_argument("--quick", action="store_true")
    for name in ("people", "preset", "threads", "work", "prior", "mystyle-seconds"):
        parser.add_argument(f"--{name}")
    args = parser.parse_args()
    pages = {"BENCH_PAGES": str(SMOKE)} if args.quick else {}
    failed = []
    for program in args.only.split(","):
        options: list[str] = []
        for name in PROGRAMS[program]:
            value = getattr(args, name.replace("-", "_"))
            options += [f"--{name}"] if value is True else [f"--{name}", value] if value else []
        begun = time.monotonic()
        print(f"== {program} {' '.join(options)}", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{program}", *options]
        if subprocess.run(command, env=os.environ | pages).returncode:
            failed.append(program)
        print(f"== {program}: {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
