"""The loop around the steps of a long training: it says how it goes, and keeps what was reached."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

LOG_SECONDS = 30
SAVE_SECONDS = 120


def run_for(
    minutes: float, step: Callable[[float], dict[str, float]], *, save: Callable[[], None], told: Callable[[], str]
) -> None:
    """`run` for so long; `step` is told the share of the minutes that is over."""
    begun = time.monotonic()

    def share() -> float:
        return (time.monotonic() - begun) / (60 * minutes)

    run(lambda: step(share()), save=save, told=told, going=lambda: share() < 1)


def run(
    step: Callable[[], dict[str, float]],
    *,
    save: Callable[[], None],
    told: Callable[[], str],
    going: Callable[[], bool],
) -> None:
    """Calls `step` while `going`. Prints the means of the figures it returns and what `told` says; saves from time to time and
    at the end. On SIGTERM it saves, too, and raises SystemExit."""
    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    begun = saved = logged = time.monotonic()
    rows: list[dict[str, float]] = []
    while not stop and going():
        rows.append(step())
        now = time.monotonic()
        if now - logged > LOG_SECONDS:
            means = {
                name: round(float(np.mean([row[name] for row in rows if name in row])), 4)
                for name in sorted(set().union(*rows))
            }
            print(f"{now - begun:7.0f} s  {told()}  {len(rows) / (now - logged):.2f} steps/s  {means}", flush=True)
            rows, logged = [], now
        if now - saved > SAVE_SECONDS:
            save()
            saved = now
    save()
    if stop:
        raise SystemExit(f"{told()}: stopped; the same command goes on")


def save_atomically(state: dict, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)
