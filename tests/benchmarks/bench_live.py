"""How long from a pointer or a slider to the frame that shows it? Writes docs/benchmarks/live.md.

The channel is measured with a worker whose pictures are there already: client, sealing, socket or Redis, the session, the look into the
ledger that precedes each frame, and back. The engine is measured on a person of --home.

Sections may be measured in runs of their own (--sections). Each keeps its figures in --work, and the page is written once all are there.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from platformdirs import user_cache_dir
from tests.queue.fleet import Fleet

import portraitist
from portraitist.backend import embedded
from portraitist.live.photo import OpenPhoto

from .report import ROOT, table, write

WANTED = {"p50": 10.0, "p95": 30.0, "slider": 100.0, "drag": 15.0, "turn": 1.0}
SECTIONS = ("channel", "engine", "others")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a studio's folder; default: somebody is learnt")
    parser.add_argument("--persona", default="ana", help="who of it is held open")
    parser.add_argument("--photo", type=Path, default=ROOT / "examples" / "new.jpg")
    parser.add_argument("--count", type=int, default=300, help="commands behind each figure of the channel")
    parser.add_argument("--jobs", type=int, default=20, help="jobs behind each figure of the others")
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument(
        "--work", type=Path, default=Path(user_cache_dir("portraitist")) / "benchmarks", help="where figures are kept"
    )
    args = parser.parse_args()
    work = args.work / "live"
    work.mkdir(parents=True, exist_ok=True)
    if args.home is None:
        args.home = Path(tempfile.mkdtemp())
        photos = sorted((ROOT / "examples" / "photos").glob("photo-*.jpg"))
        portraitist.connect(home=args.home).personas.create(args.persona, photos, preset="fast", wait=True)
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "channel": lambda: {name: list(by(args.count)) for name, by in (("embedded", by_socket), ("Redis", by_redis))},
        "engine": lambda: {"photo": engine_of(args, args.photo), "portrait": engine_of(args, None)},
        "others": lambda: others(args),
    }
    for section in args.sections.split(","):
        (work / f"{section}.json").write_text(json.dumps(measures[section](), indent=1))
    if not all((work / f"{section}.json").exists() for section in SECTIONS):
        print("the page waits for the other sections")
        return
    channel, engine, served = (json.loads((work / f"{section}.json").read_text()) for section in SECTIONS)
    write(
        "live",
        "Live sessions",
        [INTRODUCTION, channel_table(channel), ENGINE, engine_table(engine), OTHERS, others_table(served)],
    )


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


def others(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Of small jobs, one after the other: seconds from submission to the claim and to the end. Without a session, and beside a drag
    whose target circles."""
    persona = portraitist.connect(home=args.home).personas.get(args.persona)
    persona.synthesize(yaw=5, seed=99)  # a warm worker
    alone = [timed(persona, number) for number in range(args.jobs)]
    over = threading.Event()
    with persona.open(seed=7) as photo:
        _ = photo.image
        photo.drag([((64, 70), (68, 70))], wait=False)
        until_moving(photo)
        hand = threading.Thread(target=circle, args=(photo, over))
        hand.start()
        try:
            first = photo._newest.head["frame"]
            beside = [timed(persona, number) for number in range(args.jobs)]
            frames = photo._newest.head["frame"] - first
        finally:
            over.set()
            hand.join()
    found = {"without a session": summary(alone), "beside a drag": summary(beside)}
    found["beside a drag"]["frames"] = frames / sum(end for _, end in beside)
    return found


def circle(photo: OpenPhoto, over: threading.Event) -> None:
    began = time.perf_counter()
    while not over.wait(1 / 60):
        passed = time.perf_counter() - began
        photo.aim([(64 + 4 * np.cos(2 * passed), 70 + 4 * np.sin(2 * passed))])


def timed(persona: portraitist.Persona, seed: int) -> tuple[float, float]:
    job = persona.synthesize(yaw=5, seed=seed, wait=False)
    job.wait()
    row = persona._backend.ledger.job(job.id)
    return row.started - row.created, row.finished - row.created


def summary(times: list[tuple[float, float]]) -> dict[str, float]:
    waited, whole = np.array(times).T
    return {"waited": float(np.median(waited)), "longest": float(waited.max()), "whole": float(np.median(whole))}


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


OTHERS = f"""## Others beside a session

Portraits of one yaw, asked for one after the other, embedded, by one worker that is warm. Their turn comes when they are submitted:
nothing else waits. Beside a drag whose target moves without end, they must begin within {WANTED["turn"]:.0f} s. Sessions have a process
of their own, so what they share with jobs is the processor."""


def others_table(found: dict[str, dict[str, float]]) -> str:
    rows = [
        ("submitted to begun, median, s", *(f"{one['waited']:.2f}" for one in found.values())),
        ("submitted to begun, longest, s", *(f"{one['longest']:.2f}" for one in found.values())),
        ("submitted to done, median, s", *(f"{one['whole']:.2f}" for one in found.values())),
        ("frames a second meanwhile", *(f"{one['frames']:.1f}" if "frames" in one else "" for one in found.values())),
    ]
    return table(("", *found), rows)


def channel_table(channel: dict[str, list[float]]) -> str:
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
