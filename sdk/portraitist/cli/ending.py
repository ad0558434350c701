"""How a command that makes pictures ends: with the job's id, or with the pictures."""

from __future__ import annotations

from pathlib import Path

from ..jobs import AnyJob
from . import show
from .places import write


def started(job: AnyJob, json: bool) -> None:
    if json:
        show.as_json(show.job_data(job))
    else:
        print(job.id)


def deliver(job: AnyJob, paths: list[Path], json: bool) -> None:
    """Wait for the pictures, write them, say what they show."""
    written = write(job.wait(progress=not json), paths)
    show.as_json({"job": job.id, "pictures": show.pictures_data(written)}) if json else show.pictures(written)
