"""How long from a pointer or a slider to the frame that shows it? Writes docs/benchmarks/live.md.

The channel is measured with a worker whose pictures are there already: client, sealing, socket or Redis, the session, the look into the
ledger that precedes each frame, and back. The engine is measured on a person of --home.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from tests.queue.fleet import Fleet

import portraitist
from portraitist.backend import embedded
from portraitist.live.photo import OpenPhoto

from .report import ROOT, table, write

WANTED = {"p50": 10.0, "p95": 30.0, "slider": 100.0, "drag": 15.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a studio's folder; default: somebody is learnt")
    parser.add_argument("--persona", default="ana", help="who of it is held open")
    parser.add_argument("--photo", type=Path, default=ROOT / "examples" / "new.jpg")
    parser.add_argument("--count", type=int, default=300, help="commands behind each figure of the channel")
    args = parser.parse_args()
    if args.home is None:
        args.home = Path(tempfile.mkdtemp())
        photos = sorted((ROOT / "examples" / "photos").glob("photo-*.jpg"))
        portraitist.connect(home=args.home).personas.create(args.persona, photos, preset="fast", wait=True)
    channel = {name: measure(args.count) for name, measure in (("embedded", by_socket), ("Redis", by_redis))}
    engine = {"photo": engine_of(args, args.photo), "portrait": engine_of(args, None)}
    write("live", "Live sessions", [INTRODUCTION, channel_table(channel), ENGINE, engine_table(engine)])


def by_socket(count: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as home:
        with_fakes()
        studio = portraitist.connect(home=home)
        try:
            return roundtrips(studio, count)
        finally:
            embedded(home).transport.stop()
            without_fakes()


def by_redis(count: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        with_fakes()
        fleet = Fleet(Path(folder), aof=True, lease_s=15.0)
        try:
            fleet.add()
            fleet.ready()
            return roundtrips(fleet.studio, count)
        finally:
            fleet.stop()
            without_fakes()


def with_fakes() -> None:
    os.environ["PORTRAITIST_TEST_OPERATIONS"] = "tests.benchmarks.live_operations"
    os.environ["PORTRAITIST_CONSENT"] = "optional"


def without_fakes() -> None:
    for name in ("PORTRAITIST_TEST_OPERATIONS", "PORTRAITIST_CONSENT"):
        os.environ.pop(name, None)


def roundtrips(studio: portraitist.Studio, count: int) -> np.ndarray:
    """Milliseconds from a command to its frame."""
    ana = studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)
    with ana.open() as photo:
        _ = photo.image
        return np.array([answered(photo, number / count) for number in range(count)])


def answered(photo: OpenPhoto, smile: float) -> float:
    began = time.perf_counter()
    photo.set(smile=smile)
    next(frame for frame in photo.frames() if photo._sees(photo._newest) >= photo._last)
    return 1000 * (time.perf_counter() - began)


def engine_of(args: argparse.Namespace, photo: Path | None) -> dict[str, float]:
    """Of sliders and of a drag whose target circles: milliseconds, frames per second, and the process's own seconds per frame."""
    studio = portraitist.connect(home=args.home)
    with studio.personas.get(args.persona).open(photo, seed=7) as opened:
        _ = opened.image
        host = psutil.Process(int(studio._backend.ledger.job(opened.id).worker.rpartition("/")[2]))
        opened.set(smile=0.5)
        _ = opened.image
        before, sliders = spent(host), []
        for number in range(40):
            sliders.append(answered(opened, 0.5 + 0.01 * (number % 30)))
        slider_cpu = (spent(host) - before) / len(sliders)
        began = time.perf_counter()
        opened.set(smile=0.3)
        _ = opened.image
        rest = time.perf_counter() - began
        x, y = (241, 398) if photo else (64, 70)
        reach = 10 if photo else 4
        opened.drag([((x, y), (x + reach, y))], wait=False)
        until_moving(opened)
        first, before, began = opened._newest.head["frame"], spent(host), time.perf_counter()
        while (passed := time.perf_counter() - began) < 6:
            opened.aim([(x + reach * np.cos(2 * passed), y + reach * np.sin(2 * passed))])
            time.sleep(1 / 60)
        frames = opened._newest.head["frame"] - first
        return {
            "p50": float(np.percentile(sliders, 50)),
            "p95": float(np.percentile(sliders, 95)),
            "slider_cpu": 1000 * slider_cpu,
            "rest": rest,
            "fps": frames / passed,
            "drag_cpu": 1000 * (spent(host) - before) / max(frames, 1),
        }


def spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def until_moving(photo: OpenPhoto) -> None:
    while photo._newest is None or photo._newest.head["kind"] != "moving":
        time.sleep(0.005)


INTRODUCTION = f"""## The channel

From a command to its frame, without the time that an engine would take. Frames have 20 kB. Wanted: {WANTED["p50"]:.0f} ms at the
median and {WANTED["p95"]:.0f} ms at the 95th percentile. Redis writes its log to the disk at each change, as it should. Frames and
commands do not touch it."""

ENGINE = f"""## With the engine

One person of the bundled prior (128 px). A slider's frame is the quick picture. Wanted: {WANTED["slider"]:.0f} ms from slider to
frame, and {WANTED["drag"]:.0f} frames a second of a drag on two cores. Elapsed times depend on what else the machine does (its load is
above). Processor time per frame, of the whole process that holds the session, does so much less."""


def channel_table(channel: dict[str, np.ndarray]) -> str:
    rows = [
        (name, len(times), *(f"{np.percentile(times, p):.1f}" for p in (50, 95, 99))) for name, times in channel.items()
    ]
    return table(("", "commands", "median, ms", "95 %, ms", "99 %, ms"), rows)


def engine_table(engine: dict[str, dict[str, float]]) -> str:
    rows = [
        ("slider to frame, median, ms", *(f"{e['p50']:.0f}" for e in engine.values())),
        ("slider to frame, 95 %, ms", *(f"{e['p95']:.0f}" for e in engine.values())),
        ("processor time of a slider's frame, ms", *(f"{e['slider_cpu']:.0f}" for e in engine.values())),
        ("slider released to the picture at rest, s", *(f"{e['rest']:.2f}" for e in engine.values())),
        ("drag, frames a second", *(f"{e['fps']:.1f}" for e in engine.values())),
        ("processor time of a drag's frame, ms", *(f"{e['drag_cpu']:.0f}" for e in engine.values())),
    ]
    return table(("", *engine), rows)


if __name__ == "__main__":
    main()
