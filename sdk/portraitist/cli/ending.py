"""How a command that makes pictures ends: with the job's id, or with the pictures."""

from __future__ import annotations

import json as json_text
from pathlib import Path

from ..errors import StorageError
from ..jobs import AnyJob
from ..picture import Picture
from . import show
from .places import write


def started(job: AnyJob, json: bool) -> None:
    if json:
        show.as_json(show.job_data(job))
    else:
        print(job.id)


def deliver(job: AnyJob, paths: list[Path], json: bool, video: Path | None = None, recipe: Path | None = None) -> None:
    """Wait for the pictures, write them, say what they show. `video`: where to write the way there, too; `recipe`: how it was made."""
    made = job.wait(progress=not json)
    written = write(made, paths)
    if video is not None and isinstance(made, Picture):
        made.save_way(video)
    if recipe is not None:
        write_recipe(written[0][1], recipe)
    show.as_json({"job": job.id, "pictures": show.pictures_data(written)}) if json else show.pictures(written)


def write_recipe(made: Picture, path: Path) -> None:
    """How it was made, and what was made with it. Raises InvalidRequest (it has none), StorageError."""
    try:
        path.write_text(json_text.dumps(made.recipe, indent=2) + "\n")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", param="--recipe") from error
