"""`edit` of several photos: a job for each, all submitted first; files in one folder, and a page on which they stand side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..errors import PortraitistError, printable
from ..jobs import AnyJob
from ..photos import in_folder
from ..picture import Picture
from . import options, show
from .places import Places, free, write
from .words import spoken

PAGE = "contact-sheet.html"
Written: TypeAlias = list[tuple[Path, Picture]]
Done: TypeAlias = tuple[str, Written, PortraitistError | None]  # of one photo

_STYLE = (
    "body{font:14px system-ui;margin:2em}section{display:flex;flex-wrap:wrap;gap:1em;margin-bottom:2em}"
    "figure{margin:0;max-width:320px}img{max-width:100%}figcaption{color:#555}"
)


def edit(
    photos: list[str],
    places: Places,
    pictures: int | None,
    submit: Callable[[str], AnyJob],
    *,
    no_wait: bool,
    json: bool,
) -> None:
    """`pictures` as in `Places`. A photo that cannot be edited does not stop the others; the exit code is then 1. Raises InvalidRequest,
    InvalidImage."""
    files = [options.photo(file) for given in photos for file in _files(given)]
    if no_wait:
        places.unused()
        jobs = [submit(file) for file in files]
        show.as_json([show.job_data(job) for job in jobs]) if json else print("\n".join(job.id for job in jobs))
        return
    targets = places.of_photos(files, pictures)
    folder = targets[0][0].parent
    jobs = [submit(file) for file in files]
    done: list[Done] = []
    with _Bar(len(files), quiet=json) as bar:
        try:
            for file, job, paths in zip(files, jobs, targets, strict=True):
                bar.at(file)
                try:
                    done.append((file, write(job.wait(), paths), None))
                except PortraitistError as error:
                    done.append((file, [], error))
                bar.step()
        except KeyboardInterrupt:
            print(
                "The jobs go on. Come back with `portraitist jobs`, and `portraitist jobs ID --out FILE`.",
                file=sys.stderr,
            )
            raise
    _tell(done, json)
    if any(written for _, written, _ in done):
        sheet = folder / PAGE if places.force else free(folder / PAGE)
        sheet.write_text(page(f"{places.stem}: {len(files)} photos", done, folder), encoding="utf-8")
        if not json:
            print(f"side by side: {printable(str(sheet))}")
    if any(error for *_, error in done):
        raise typer.Exit(1)


def page(title: str, done: list[Done], folder: Path) -> str:
    """HTML that shows the files themselves, which thereby keep their signatures. A grid's sheet stands there once."""
    rows = []
    for photo, written, error in done:
        address = photo if "://" in photo else _address(photo, folder)
        shown = {path: made.report for path, made in reversed(written)}
        figures = [_figure(address, photo)]
        figures += [
            _figure(_address(path, folder), f"{path.name}: {show.summary(shown[path])}") for path in reversed(shown)
        ]
        rows.append(
            f"<section>{''.join(figures)}{f'<p>{escape(spoken(error.message))}</p>' if error else ''}</section>"
        )
    head = f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>'
    return "\n".join([head, *rows, ""])


def _address(file: str | Path, folder: Path) -> str:
    return quote(os.fsencode(os.path.relpath(file, folder)))  # names need not be text


def _figure(address: str, caption: str) -> str:
    return f'<figure><img src="{escape(address)}" alt=""><figcaption>{escape(printable(caption))}</figcaption></figure>'


def _files(given: str) -> list[str]:
    path = Path(given).expanduser()
    return [str(file) for file in in_folder(path)] if path.is_dir() else [given]


def _tell(done: list[Done], json: bool) -> None:
    if json:
        return show.as_json(
            [
                {"photo": photo, "pictures": show.pictures_data(written), "error": error and error.to_dict()}
                for photo, written, error in done
            ]
        )
    for photo, written, error in done:
        show.pictures(written)
        if error:
            told = spoken(error.message).removeprefix(f"{os.path.basename(photo)}: ")  # which says the name already
            print(f"{printable(photo)}: {printable(told)}", file=sys.stderr)


class _Bar:
    """Progress over all photos, on stderr: a bar in a terminal, else a line for each."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._console, self._total, self._quiet, self._count = Console(stderr=True), total, quiet, 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("edit", total=total)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def at(self, photo: str) -> None:
        name = printable(Path(photo).name)
        self._bar.update(self._task, description=f"edit {name}".replace("[", r"\["))
        if not self._quiet and not self._console.is_terminal:
            self._console.print(f"edit {self._count + 1} of {self._total}: {name}", markup=False, highlight=False)

    def step(self) -> None:
        self._count += 1
        self._bar.advance(self._task)
