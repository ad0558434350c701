"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..jobs import AnyJob, Cancelled, Failed, Queued, Running, Status, Succeeded
from ..persona import Persona
from ..results import PictureReport

console = Console()


def as_json(data: Any) -> None:
    print(json.dumps(_finite(data), indent=2, ensure_ascii=False))


def _finite(data: Any) -> Any:
    """JSON knows no infinity (the PSNR of equal pictures) and no NaN."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def persona(p: Persona) -> None:
    """Verdicts, reach and advice."""
    console.print(f"[bold]{escape(p.name)}[/]  {p.id}  ({p.record.preset}, {p.record.organizer})")
    table = Table("photo", "verdict", "why", box=None, pad_edge=False)
    for v in p.photos:
        why = "; ".join(filter(None, [v.reason, *v.warnings]))
        table.add_row(escape(v.name), "[green]ok[/]" if v.accepted else f"[red]{v.code}[/]", escape(why))
    console.print(table)
    table = Table("attribute", "from", "to", "missing", "to add", box=None, pad_edge=False)
    for r in p.reach.values():
        holes = ", ".join(f"{low:.3g} to {high:.3g}" for low, high in r.holes)
        table.add_row(
            f"{r.attribute}{f' ({r.unit})' if r.unit else ''}", f"{r.low:.3g}", f"{r.high:.3g}", holes, escape(r.advice)
        )
    console.print(table)
    for warning in p.record.warnings:
        console.print(f"[yellow]{escape(warning)}[/]")


def picture(where: str, report: PictureReport) -> None:
    """One picture: where it is, and what was asked and achieved."""
    parts = []
    for name, a in report.attributes.items():
        if a.requested is not None:
            clamped = " clamped" if a.clamped else ""
            parts.append(f"{name} {a.achieved:.3g} ± {a.error:.2g} (asked {a.requested:.3g}{clamped})")
    if report.identity_percentile is not None:
        parts.append(f"identity {report.identity_percentile:.0f}th percentile")
    if report.consistency is not None:
        parts.append(f"fits the input at {report.consistency:.1f} dB")
    if report.degradation:
        parts.append(report.degradation)
    console.print(f"[bold]{escape(where)}[/]  {escape(', '.join(parts))}", soft_wrap=True)


def personas(people: list[Persona]) -> None:
    table = Table("name", "photos", "attributes", "preset", "id", box=None, pad_edge=False)
    for p in people:
        accepted = sum(v.accepted for v in p.photos)
        table.add_row(escape(p.name), f"{accepted} of {len(p.photos)}", ", ".join(p.reach), p.record.preset, p.id)
    console.print(table if people else "no personas yet; `portraitist create NAME PHOTOS` makes one")


def jobs(items: list[AnyJob]) -> None:
    table = Table(
        Column("job", no_wrap=True), "what", "since", Column("status", overflow="fold"), box=None, pad_edge=False
    )
    for job in items:
        since = datetime.fromtimestamp(job.created).strftime("%d %b %H:%M:%S")
        table.add_row(job.id, job.operation, since, escape(status(job.status)))
    console.print(table if items else "no jobs")


def status(now: Status) -> str:
    """In words."""
    match now:
        case Queued(ahead, attempt):
            return "queued" + (f", {ahead} ahead" if ahead else "") + (f", attempt {attempt}" if attempt > 1 else "")
        case Running(stage, step, steps, eta, _, attempt):
            left = f", about {eta:.0f} s left" if eta is not None else ""
            return f"running: {stage} {step}/{steps}{left}" + (f", attempt {attempt}" if attempt > 1 else "")
        case Succeeded(seconds):
            return f"succeeded in {seconds:.1f} s"
        case Failed(error):
            return f"failed: {error.message}"
        case Cancelled():
            return "cancelled"


def job_data(job: AnyJob) -> dict[str, Any]:
    """For --json."""
    now = job.status
    data = {"id": job.id, "operation": job.operation, "persona_id": job.persona_id, "created": job.created}
    fields = {"error": now.error.to_dict()} if isinstance(now, Failed) else vars(now)
    return {**data, "status": type(now).__name__.lower(), **fields}
