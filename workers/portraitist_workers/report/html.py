"""Puts the sections on the page and writes it."""

from __future__ import annotations

import html
import os
from datetime import datetime
from pathlib import Path
from string import Template

from portraitist.atomic import write_atomically

from . import facts, person, pictures, pulled
from .content import Content

_HERE = Path(__file__).parent
_LINKS = {
    "photos": "Photos", "reach": "Reach", "reproductions": "Reproductions", "portraits": "Portraits", "grid": "Grid",
    "precision": "Precision", "edit": "Edit", "pull": "Pull", "group": "Group", "restore": "Restore", "time": "Time", "limits": "Limits",
    "licence": "Licence",
}  # fmt: skip


def page(content: Content, *, made: datetime | None = None) -> str:
    """The whole report. `made`: when, for the footer."""
    body = "".join(
        [
            person.hero(content), _links(content), person.photos(content), person.reach(content), person.reproductions(content),
            pictures.portraits(content), pictures.grid(content), pictures.precision(content), pictures.edits(content),
            pulled.pulls(content), pictures.group(content), pictures.restorations(content), facts.timings(content),
            facts.provenance(content), facts.limits(), facts.licence(content),
        ]
    )  # fmt: skip
    return Template((_HERE / "template.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{content.record.name} · Portraitist"),
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        body=body,
        made=(made or datetime.now()).strftime("%-d %B %Y, %H:%M"),
    )


def write(content: Content, path: str | os.PathLike[str]) -> Path:
    """Write the report to `path` in one step; raises OSError."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, page(content).encode(), durable=False)
    return target


def _links(content: Content) -> str:
    present = {
        "reproductions": content.preview, "portraits": content.asked, "grid": content.grid, "precision": content.sweeps,
        "edit": content.edits, "pull": content.pulls, "group": content.group, "restore": content.restorations,
    }  # fmt: skip
    items = "".join(f'<a href="#{key}">{label}</a>' for key, label in _LINKS.items() if present.get(key, True))
    return f'<nav aria-label="Sections">{items}</nav>'
