"""Serving: passes for several people at once, latency through the queue, warm routing -> docs/benchmarks/serving.md.

    python -m tests.benchmarks.bench_serving [--quick] [--threads N]

The people are made up (tests/serving/people.py): a persona costs the same to serve whoever it shows.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import portraitist
from portraitist.requests import Synthesize
from portraitist.transport import EmbeddedTransport, RedisTransport
from portraitist_workers import operations
from portraitist_workers.generator.crowd import crowd
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona.warm import PERSONAS
from portraitist_workers.priors import library
from portraitist_workers.queue.execution import execute

from ..queue.fleet import Fleet
from ..serving import people
from .options import like_a_worker
from .report import table, write

VALUES = {"yaw": 8.0, "smile": 0.6}
CROWDS = (1, 4, 16)
PEOPLE, WORKERS, ROOM = 30, 3, 10  # of the routing; ROOM: personas that one worker can hold


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer requests behind each figure")
    parser.add_argument("--threads", type=int, default=1, help="torch threads, here and in the workers")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "PORTRAITIST_CONSENT": "optional", "PORTRAITIST_IDLE_S": "60"}
    few = 6 if args.quick else 12
    sections = [passes(few), job(few)]
    with tempfile.TemporaryDirectory() as folder:
        sections += [
            latency(Path(folder), few),
            batches(Path(folder), 16),
            routing(Path(folder), 60 if args.quick else 200),
        ]
    write("serving", "Serving", sections)


def passes(runs: int) -> str:
    """Milliseconds for one picture each of so many people, by way and number format."""
    prior = library.load().generator
    members = [copy.deepcopy(prior).requires_grad_(False) for _ in range(max(CROWDS))]
    for seed, member in enumerate(members):
        for parameter in member.synthesis.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    w = torch.randn(max(CROWDS), prior.config.w_dim, generator=torch.Generator().manual_seed(0)) * library.load().w_std
    rows = []
    for dtype, label in ((torch.float32, "fp32"), (torch.bfloat16, "bf16")):
        for count in CROWDS:
            stacked = crowd(members[:count])
            ways: dict[str, Callable[[], object]] = {
                "one by one": lambda: [m.synthesis(w[i : i + 1], dtype=dtype) for i, m in enumerate(members[:count])],  # noqa: B023
                "crowd": lambda: stacked(w[:count], dtype=dtype),  # noqa: B023
                "same person": lambda: members[0].synthesis(w[:count], dtype=dtype),  # noqa: B023
            }
            with torch.no_grad():
                single, crowded, same = compare(list(ways.values()), runs)
            gains = [f"{single / other:.2f}×" for other in (crowded, same)]
            rows.append([label, count, f"{single:.0f}", f"{crowded:.0f}", gains[0], f"{same:.0f}", gains[1]])
            print(rows[-1], flush=True)
    note = (
        "## One pass for several people\n\nMilliseconds of the generator's pass, one picture of 128 px each. *One by one*: a pass per "
        "person. *Crowd*: one pass with each person's own weights (generator/crowd.py: grouped convolutions), their stacking not counted. "
        "*Same person*: as many pictures of one person in one pass. Processor time; the ways take turns, the smallest of each counts."
    )
    header = ("format", "people", "one by one, ms", "crowd, ms", "gain", "same person, ms", "gain")
    return f"{note}\n\n{table(header, rows)}"


def compare(ways: list[Callable[[], object]], runs: int) -> list[float]:
    """Smallest milliseconds of processor time of each, taking turns, so that whatever else runs disturbs all alike."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(runs + 1):
        for way, mine in zip(ways, times, strict=True):
            began = time.process_time()
            way()
            mine.append(1000 * (time.process_time() - began))
    return [min(mine[1:]) for mine in times]


def job(runs: int) -> str:
    """Milliseconds of the operation alone, in this process."""
    world = people.context(1)
    who = people.persona_id(1)

    def ask(**more: object) -> Callable[[], object]:
        return lambda: operations.run(Synthesize(persona_id=who, **more), world)

    def cold() -> None:
        PERSONAS.forget(who)
        PERSONAS.load(people.record(1), world.blob)

    kinds = {
        "load a persona (unpack, render its anchors)": cold,
        "one picture, nothing asked for": ask(),
        "one picture, yaw and smile": ask(values=[VALUES]),
        "16 pictures, yaw and smile": ask(values=[VALUES] * 16),
    }
    [run() for run in kinds.values()]
    rows = [[name, f"{compare([run], runs)[0]:.0f}"] for name, run in kinds.items()]
    size = PERSONAS.load(people.record(1), world.blob).nbytes() / 2**20
    note = f"Smallest milliseconds of processor time, warm but for the first line. A warm persona takes {size:.0f} MB."
    return f"## The operation alone\n\n{note}\n\n{table(('what', 'ms'), rows)}"


def settle(studio: portraitist.Studio, count: int) -> list[portraitist.Persona]:
    """Put so many made-up people into a ledger and a store, without a worker."""
    backend = studio._backend
    settled = []
    for number in range(count):
        made = studio.personas.create(f"person-{number}", [("a.jpg", b"%d" % number)])
        row = backend.ledger.claim(made.id, worker="bench/1", lease_s=60.0)

        def run(request: object, context: MemoryContext, number: int = number) -> object:
            return people.record(number).model_copy(
                update={
                    "persona_id": request.persona_id,
                    "name": request.name,
                    "weights": context.put(people.weights(number)),
                }
            )

        execute(backend, row, run=run)
        settled.append(made.wait(timeout=60))
    return settled


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def picture(person: portraitist.Persona, values: dict[str, float], seed: int = 0) -> object:
    return person.synthesize(**values, seed=seed).image


def latency(folder: Path, runs: int) -> str:
    """From the call to the picture in the caller's hand."""
    rows = []
    for name in ("embedded", "redis"):
        (folder / name).mkdir()
        fleet = Fleet(folder / name, aof=True) if name == "redis" else None
        studio = fleet.studio if fleet else portraitist.connect(home=folder / name)
        try:
            transport = RedisTransport if fleet else EmbeddedTransport
            wake, check, transport.wake, transport.check = (
                transport.wake,
                transport.check,
                lambda *_: None,
                lambda _: None,
            )
            ones = settle(studio, runs + 1)  # before there is a worker
            transport.wake, transport.check = wake, check
            if fleet:
                fleet.add(queues="serve")
                fleet.ready()
            first, *others = ones
            first.synthesize(**VALUES)
            cold = [timed(partial(picture, other, VALUES)) for other in others]
            hot = [timed(partial(picture, first, VALUES, seed)) for seed in range(1, runs + 1)]
            plain = [timed(partial(picture, first, {}, seed)) for seed in range(1, runs + 1)]
        finally:
            fleet.stop() if fleet else studio._backend.transport.stop()
        for what, times in (
            ("warm, nothing asked for", plain),
            ("warm, yaw and smile", hot),
            ("cold, yaw and smile", cold),
        ):
            rows.append([name, what, f"{min(times):.0f}", f"{statistics.median(times):.0f}", f"{max(times):.0f}"])
            print(rows[-1], flush=True)
    note = (
        "## Through the queue\n\nMilliseconds from `person.synthesize(…)` to the decoded picture, one after the other, one worker. "
        "*Cold*: the person was never served by it. Redis with `appendfsync always`."
    )
    return f"{note}\n\n{table(('ledger', 'request', 'least', 'median', 'most'), rows)}"


def batches(folder: Path, count: int) -> str:
    """Seconds for so many waiting jobs about as many people, by the size of the batch."""
    rows = []
    for batch in (1, 4):
        (folder / f"batch-{batch}").mkdir()
        fleet = Fleet(folder / f"batch-{batch}", aof=True)
        try:
            wake, RedisTransport.wake = RedisTransport.wake, lambda *_: None
            ones = settle(fleet.studio, count)
            RedisTransport.wake = wake
            fleet.add(queues="serve", more=("--batch", str(batch)))
            fleet.ready()
            for attempt in range(2):  # the second time they are warm
                jobs, began = [p.synthesize(**VALUES, seed=attempt, wait=False) for p in ones], time.perf_counter()
                [one.wait(timeout=300) for one in jobs]
                seconds = time.perf_counter() - began
        finally:
            fleet.stop()
        rows.append([batch, f"{seconds:.1f}", f"{count / seconds:.1f}"])
        print(rows[-1], flush=True)
    note = (
        f"## Jobs in shared passes\n\n{count} waiting jobs about {count} people, one picture each with yaw and smile, one worker on "
        "Redis, everybody warm. "
        "`--batch 1` is the default."
    )
    return f"{note}\n\n{table(('--batch', 'seconds', 'jobs a second'), rows)}"


def routing(folder: Path, requests: int) -> str:
    """Share of requests that found their person warm, and how long they took; one request at a time."""
    rows = []
    for name in ("any worker", "warm worker"):
        (folder / name).mkdir()
        fleet = Fleet(folder / name, aof=True)
        os.environ["PORTRAITIST_WARM_MB"] = str(ROOM * 27)
        best_for, wake = RedisTransport._best_for, RedisTransport.wake
        try:
            RedisTransport.wake = lambda *_: None
            ones = settle(fleet.studio, PEOPLE)
            RedisTransport.wake = wake
            if name == "any worker":
                RedisTransport._best_for = lambda *_: None
            fleet.add(WORKERS, queues="serve")
            fleet.ready()
            for person in [*ones, *ones[:WORKERS]]:  # everybody once, to begin with
                person.synthesize()
            hits, times, rng = 0, [], random.Random(0)
            for seed in range(requests):
                person = rng.choice(ones)
                holders = {w.node for w in fleet.transport.workers() if person.id in w.warm}
                made = person.synthesize(seed=seed, wait=False)
                times.append(timed(partial(made.wait, timeout=120)))
                hits += fleet.ledger.job(made.id).worker.rpartition("/")[0] in holders
                time.sleep(0.3)  # as in quiet times: the worker has reported that it is idle again
        finally:
            RedisTransport._best_for, RedisTransport.wake = best_for, wake
            os.environ.pop("PORTRAITIST_WARM_MB")
            fleet.stop()
        rows.append(
            [name, f"{100 * hits / requests:.0f} %", f"{statistics.median(times):.0f}", f"{statistics.mean(times):.0f}"]
        )
        print(rows[-1], flush=True)
    note = (
        f"## Warm routing\n\n{WORKERS} workers that can each hold {ROOM} people, {PEOPLE} people, {requests} requests about one of them "
        "at random, one picture, one request after the other. *Any worker*: wake-ups to the common queue only. *Warm worker*: as shipped."
    )
    return f"{note}\n\n{table(('wake-ups to', 'found warm', 'median, ms', 'mean, ms'), rows)}"


if __name__ == "__main__":
    main()
