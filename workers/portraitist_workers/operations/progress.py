"""Progress of a long operation: stages, steps and an honest ETA."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from portraitist.results import PhotoVerdict, Progress

from ..editing.opening import OnStage
from ..inversion.optimize import OnStep
from .context import Context

# Share of the work by stage, for the ETA (16 photos, balanced).
WEIGHTS = {"intake": 0.08, "invert": 0.23, "tune": 0.62, "calibrate": 0.04, "evaluate": 0.02, "package": 0.01}


def losses(context: Context) -> OnStage:
    """What an opened photo reports: each stage's steps, with the loss."""

    def on_stage(stage: str) -> OnStep:
        return lambda step, steps, loss: context.on_step(
            Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}")
        )

    return on_stage


class Stages:
    """Turns steps into Progress with an ETA, and remembers how long each stage took."""

    def __init__(self, context: Context, weights: dict[str, float] = WEIGHTS) -> None:
        self.context, self.weights, self.begun = context, weights, time.monotonic()
        self.first: float | None = None  # share that was done when this attempt began
        self.stage, self.entered = "", self.begun
        self.spent: dict[str, float] = {}

    def steps(self, stage: str) -> Callable[..., None]:
        """An `on_step(step, steps, loss)` that reports as `stage`."""

        def on_step(step: int, steps: int, loss: float = 0.0) -> None:
            self._tell(stage, step, steps, message=f"loss {loss:.3f}" if loss else "")

        return on_step

    def photos(self, stage: str) -> Callable[..., None]:
        """An `on_step(done, total, name, verdicts)` that reports as `stage` which photo was looked at, and the verdicts so far."""

        def on_step(done: int, total: int, name: str = "", verdicts: Sequence[PhotoVerdict] = ()) -> None:
            self._tell(stage, done, total, photo=name, photos=list(verdicts))

        return on_step

    def _tell(self, stage: str, step: int, steps: int, **said: Any) -> None:
        self._enter(stage)
        before = sum(w for s, w in list(self.weights.items())[: list(self.weights).index(stage)])
        done = before + self.weights[stage] * step / max(steps, 1)
        self.first = done if self.first is None else self.first
        elapsed, gone = time.monotonic() - self.begun, done - self.first
        eta = round(elapsed * (1 - done) / gone, 1) if gone > 0.02 else None
        self.context.on_step(Progress(stage=stage, step=step, steps=steps, eta=eta, **said))

    def _enter(self, stage: str) -> None:
        if stage != self.stage:
            self.finish(stage)

    def finish(self, next_stage: str) -> None:
        now = time.monotonic()
        if self.stage:
            self.spent[self.stage] = self.spent.get(self.stage, 0.0) + now - self.entered
        self.stage, self.entered = next_stage, now

    def seconds(self) -> dict[str, float]:
        return {f"seconds_{k}": v for k, v in self.spent.items()} | {"seconds": time.monotonic() - self.begun}
