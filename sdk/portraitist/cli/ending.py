"""How a command that makes pictures ends: with the job's id, or with the pictures."""

from __future__ import annotations

from pathlib import Path

from ..jobs import AnyJob
from ..picture import Picture
from . import show
from .places import write


def started(job: AnyJob, json: bool) -> None:
    if json:
        show.as_json(show.job_data(job))
    else:
        print(job.id)


def deliver(job: AnyJob, paths: list[Path], json: bool, video: Path | None = None) -> None:
    """Wait for the pictures, write them, say what they show. `video`: where to write the way there, too."""
    made = job.wait(progress=not json)
    written = write(made, paths)
    if video is not None and isinstance(made, Picture):
        made.save_way(video)
    show.as_json({"job": job.id, "pictures": show.pictures_data(written)}) if json else show.pictures(written)
