"""The progress bar of `job.wait(progress=True)`; plain lines where there is no terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .errors import printable
from .jobs import Event
from .operations import OPERATIONS


class Watch:
    """Feed it events; close it in any case. Writes to stderr, so that a pipe gets results only."""

    def __init__(self, operation: str, console: Console | None = None) -> None:
        self._what = OPERATIONS[operation].label if operation in OPERATIONS else operation  # a newer version's
        self._console = console or Console(stderr=True)
        self._stage = ""
        self._began = time.monotonic()
        self._task: TaskID | None = None
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("[bold]{task.fields[what]}[/] {task.description}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[steps]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[eta]}"),
                console=self._console,
                expand=True,
            )
            self._task = self._bar.add_task("queued", total=None, what=self._what, steps="", eta="")
            self._bar.start()

    def show(self, event: Event, ahead: int = 0) -> None:
        if event.kind == "queued":
            self._say(f"queued, {ahead} ahead" if ahead else "queued")
        elif event.kind == "started":
            self._say("started")
        elif event.kind == "requeued":
            self._say(f"again: {event.detail}")
        elif event.kind == "cancel_requested":
            self._say("stopping")
        elif event.progress is not None:
            now = event.progress
            detail = escape(printable(now.photo or now.message))
            if self._bar is not None and self._task is not None:
                self._bar.update(
                    self._task,
                    description=f"{now.stage}{': ' + detail if detail else ''}",
                    total=max(now.steps, 1),
                    completed=now.step,
                    steps=f"{now.step}/{now.steps}",
                    eta="" if now.eta is None else f"about {_duration(now.eta)} left",
                )
            elif now.stage != self._stage:
                self._say(now.stage)
            self._stage = now.stage

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)
        elif not self._console.is_terminal:
            self._console.print(
                f"[{time.monotonic() - self._began:6.1f} s] {self._what}: {text}", markup=False, highlight=False
            )


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
