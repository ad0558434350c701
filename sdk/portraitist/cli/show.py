"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.segment import Segment
from rich.table import Column, Table

from ..errors import printable
from ..jobs import AnyJob, Cancelled, Failed, Queued, Running, Status, Succeeded
from ..persona import Persona
from ..picture import Picture
from ..priors.official import OFFICIAL
from ..priors.prior import BUNDLED, Prior
from ..results import PhotoVerdict, PictureReport, PointReport
from .words import spoken


class Console(RichConsole):
    """Much of what is shown comes from strangers' files, so a terminal gets no control characters but our own colours."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text, keep="\n"))


console = Console()
STAYED = 0.995  # of a part's mask: what is more is told as the whole


def as_json(data: Any) -> None:
    """Readable: letters as they are; what cannot be printed is escaped, so that no terminal obeys it."""
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False)
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


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
    _verdicts(p.photos)
    table = Table("attribute", "from", "to", "photos show", "missing", "to add", box=None, pad_edge=False)
    for r in p.reach.values():
        holes = ", ".join(f"{low:.3g} to {high:.3g}" for low, high in r.holes)
        shown = "" if r.photos_low is None else f"{r.photos_low:.3g} to {r.photos_high:.3g}"
        name = f"{r.attribute}{f' ({r.unit})' if r.unit else ''}"
        table.add_row(name, f"{r.low:.3g}", f"{r.high:.3g}", shown, holes, escape(r.advice))
    console.print(table)
    for warning in p.record.warnings:
        console.print(f"[yellow]{escape(printable(spoken(warning)))}[/]")
    if (c := p.consent) is not None:
        told = f"{c.subject}, given by {c.by} on {_day(c.when)}: {c.scope} (text {c.text_hash[:12]}…)"
        console.print(escape("consent: " + ("none recorded; you answer for it" if c.assumed else told)), soft_wrap=True)
    if p.expires is not None:
        console.print(f"expires {_day(p.expires)}")


def added(before: Persona, after: Persona) -> None:
    """Verdicts on the photos that were added, and what they changed in the reach."""
    console.print(f"[bold]{escape(after.name)}[/]  {after.id}")
    _verdicts(after.photos[len(before.photos) :])
    changed = [name for name, r in after.reach.items() if r != before.reach.get(name)]
    table = Table("attribute", "from", "to", "before", "to add", box=None, pad_edge=False)
    for name in changed:
        r, old = after.reach[name], before.reach.get(name)
        was = "" if old is None else f"{old.low:.3g} to {old.high:.3g}"
        table.add_row(
            f"{name}{f' ({r.unit})' if r.unit else ''}", f"{r.low:.3g}", f"{r.high:.3g}", was, escape(r.advice)
        )
    console.print(table if changed else "the reach is as it was")
    for warning in after.record.warnings:
        console.print(f"[yellow]{escape(printable(warning))}[/]")


def _verdicts(photos: list[PhotoVerdict]) -> None:
    table = Table("photo", "verdict", "why", box=None, pad_edge=False)
    for v in photos:
        why = spoken("; ".join(filter(None, [v.reason, *v.warnings])))
        table.add_row(
            escape(printable(v.name)), "[green]ok[/]" if v.accepted else f"[red]{v.code}[/]", escape(printable(why))
        )
    console.print(table)


def persona_data(p: Persona) -> dict[str, Any]:
    """For --json."""
    consent, expires = p.consent, p.expires
    return {
        **p.record.model_dump(mode="json"),
        "consent": None if consent is None else consent.model_dump(mode="json"),
        "expires": None if expires is None else expires.isoformat(),
    }


def _day(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d")


def picture(where: str, report: PictureReport) -> None:
    """One picture: where it is, and what was asked and achieved."""
    console.print(f"[bold]{escape(printable(where))}[/]  {escape(summary(report))}", soft_wrap=True)
    for warning in report.warnings:
        console.print(f"  [yellow]{escape(printable(warning))}[/]", soft_wrap=True)


def summary(report: PictureReport) -> str:
    """In words."""
    parts = []
    for name, a in report.attributes.items():
        if a.requested is not None:
            clamped = " clamped" if a.clamped else ""
            parts.append(f"{name} {a.achieved:.3g} ± {a.error:.2g} (asked {a.requested:.3g}{clamped})")
    if report.points:
        parts.append(_points(report.points))
    if less := sorted((iou, name) for name, iou in report.mask_iou.items() if iou < STAYED):
        parts.append("masks kept: " + ", ".join(f"{name} {100 * iou:.0f} %" for iou, name in less))
    if report.identity_percentile is not None:
        parts.append(identity(report.identity_percentile))
    if report.consistency is not None:
        parts.append(f"fits the input at {report.consistency:.1f} dB")
    if report.degradation:
        parts.append(report.degradation)
    return ", ".join(parts)


def _points(points: list[PointReport]) -> str:
    """How a drag's handles ended."""
    arrived, farthest = sum(p.end == "arrived" for p in points), max(p.left for p in points)
    return f"{arrived} of {len(points)} points arrived, at most {farthest:.1f} px left"


def identity(percentile: float) -> str:
    """Where a picture's likeness lies among what the person's own photos score against each other, 0 to 100."""
    if percentile < 0.5:
        return "identity: less like the person's photos than any of these is like the others"
    if percentile >= 99.5:
        return "identity: more like the person's photos than any of these is like the others"
    return f"identity at the {ordinal(round(percentile))} percentile of the person's photos"


def ordinal(number: int) -> str:
    """21st, 92nd, 93rd, 11th."""
    return f"{number}{'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def pictures(written: list[tuple[Path, Picture]]) -> None:
    for path, made in written:
        picture(str(path), made.report)


def pictures_data(written: list[tuple[Path, Picture]]) -> list[dict[str, Any]]:
    """For --json."""
    return [{"path": str(path), "report": made.report.model_dump(mode="json")} for path, made in written]


def personas(people: list[Persona]) -> None:
    name, attributes = Column("name", overflow="fold"), Column("attributes", min_width=len("mouth_open,"))
    table = Table(name, "photos", attributes, "preset", Column("id", no_wrap=True), "consent", box=None, pad_edge=False)
    for p in people:
        accepted = f"{sum(v.accepted for v in p.photos)} of {len(p.photos)}"
        consent, expires = p.consent, p.expires
        told = "none recorded" if consent is None or consent.assumed else f"by {consent.by}"
        told += "" if expires is None else f", until {_day(expires)}"
        table.add_row(escape(p.name), accepted, ", ".join(p.reach), p.record.preset, p.id, escape(told))
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
            return f"failed: {printable(spoken(error.message))}"
        case Cancelled():
            return "cancelled"


def job_data(job: AnyJob) -> dict[str, Any]:
    """For --json."""
    now = job.status
    data = {"id": job.id, "operation": job.operation, "persona_id": job.persona_id, "created": job.created}
    fields = {"error": now.error.to_dict()} if isinstance(now, Failed) else vars(now)
    return {**data, "status": type(now).__name__.lower(), **fields}


def priors(found: list[Prior]) -> None:
    """One line each, then what is known by name."""
    table = Table("prior", "px", "from", "use", "assets", "ready", box=None, pad_edge=False)
    for p in found:
        if (r := p.record) is None:
            table.add_row(p.name, str(BUNDLED[p.name]), "bundled", "commercial too", ", ".join(p.assets), "yes")
            continue
        ready = "yes" if p.calibrated else "after `priors calibrate`"
        use = "commercial too" if r.licence.commercial else "see its licence"
        table.add_row(
            p.name, str(r.resolution), escape(f"{r.source.file} ({r.source.layout})"), use, ", ".join(p.assets), ready
        )
    console.print(table)
    have = {p.record.source.official for p in found if p.record}
    if missing := [o for o in OFFICIAL.values() if o.name not in have]:
        console.print(
            "\nknown by name: " + ", ".join(o.name for o in missing) + "; `portraitist priors add NAME` fetches one"
        )


def prior(p: Prior) -> None:
    """Everything about one."""
    if (r := p.record) is None:
        card = f"docs/priors/{'default-parts' if p.name == 'default-parts' else 'default'}.md"
        console.print(f"[bold]{p.name}[/]  {BUNDLED[p.name]} px, bundled with Portraitist; {card}", soft_wrap=True)
        console.print(f"  assets: {', '.join(p.assets)}", soft_wrap=True)
        return
    vouched = f"NVIDIA's published {r.source.official}" if r.source.official else "no published network known to us"
    lines = {
        "generator": f"{r.resolution} px, z {r.z_dim}, w {r.w_dim}, {r.parameters / 1e6:.1f} M parameters",
        "file": f"{r.source.file}, {r.source.bytes:,} bytes, layout {r.source.layout}; {vouched}",
        "source sha256": r.source.sha256,
        "mapping from": r.source.mapping_from or "",
        **{f"asset {asset}": f"sha256 {sha256}" for asset, sha256 in r.assets.items()},
        "missing": ", ".join(f"{asset} (for {purpose})" for asset, purpose in p.missing.items()),
        "licence": r.licence.note + (f" (accepted {r.licence.accepted})" if r.licence.accepted else ""),
        "added": f"{r.added}, read behind: {', '.join(r.source.walls)}",
        "calibration": "none yet"
        if r.calibration is None
        else f"{r.calibration.samples} pictures, {r.calibration.seconds:.0f} s",
    }
    console.print(f"[bold]{p.name}[/]")
    for label, text in lines.items():
        if text:
            console.print(f"  {label}: ", end="")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if r.calibration is not None:
        for label, value in r.calibration.figures.items():
            console.print(f"    {label}: {value:g}", highlight=False)
        for warning in r.calibration.warnings:
            console.print(f"  [yellow]{escape(warning)}[/]", soft_wrap=True)


def checks(found: dict[str, bool | None]) -> None:
    for label, state in found.items():
        mark = {True: "[green]ok  [/]", False: "[red]fail[/]", None: "[dim]none[/]"}[state]
        console.print(f"{mark} {label}")


class Download:
    """A bar on stderr, from the first byte on."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Download:
        return self

    def on_bytes(self, have: int, total: int | None) -> None:
        if self._quiet:
            return
        if self._bar is None:
            columns = (BarColumn(bar_width=None), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=Console(file=sys.stderr), expand=True)
            self._task = self._bar.add_task("download", total=total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=have, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
