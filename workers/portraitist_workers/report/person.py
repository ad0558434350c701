"""The report's first half: who was learnt, from which photos, and how far they can be moved."""

from __future__ import annotations

import html
from collections.abc import Iterable

from portraitist.results import PhotoVerdict

from . import plots, words
from .content import Content, Shown
from .embed import img, opened, tiles

_VERDICTS = {
    "no_face": "no face", "too_small": "too small", "blurred": "blurred", "exposure": "badly exposed", "duplicate": "duplicate",
    "other_person": "another person", "occluded": "covered", "undecodable": "not readable",
    "not_fetched": "not fetched",
}  # fmt: skip
# Figure of intake -> what the reader sees. Units and thresholds: docs/photos.md.
_FIGURES = {
    "face_px": "face {:.0f} px", "blur": "blur {:.1f} px", "identity": "likeness {:.2f}", "similarity": "similarity {:.3f}",
    "brightness": "brightness {:.0f}",
}  # fmt: skip
IDENTITY_FLOOR = 5.0  # percentile of the person's own photos


def section(key: str, title: str, lead: str, body: str) -> str:
    return f'<section id="{key}"><h2>{title}</h2><p class="lead">{lead}</p>{body}</section>'


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def unbroken(items: Iterable[str]) -> str:
    """Plain items on as many lines as it takes, none broken."""
    return " ".join(f'<span class="item">{html.escape(item)}</span>' for item in items)


def hero(content: Content) -> str:
    record = content.record
    accepted = sum(v.accepted for v in record.photos)
    body = [
        f'<header><p class="kicker">Portraitist · a report on one person</p><h1>{html.escape(record.name.capitalize())}, '
        f"learnt from {accepted} photos</h1>",
        '<p class="lead">Ordinary photos went in; what came out is a generator of this one person whose pose and expression '
        "are set in degrees and on scales from 0 to 1. Every picture below was made in this run, and beside each stands what "
        "was measured on it.</p>",
        _strip(content),
        _tiles(content),
        "</header>",
    ]
    if content.failures:
        items = "".join(f"<li><b>{html.escape(what)}</b>: {html.escape(why)}</li>" for what, why in content.failures)
        body.append(f'<div class="alarm"><b>Not everything worked in this run.</b><ul>{items}</ul></div>')
    return "".join(body)


def _strip(content: Content) -> str:
    if content.preview is None or not content.portraits:
        return ""
    photos, _ = tiles(content.preview)
    count = min(6, len(photos), len(content.portraits))
    step = len(photos) / count
    real = "".join(img(photos[int(i * step)], f"Real photo {i + 1}, cut to the face") for i in range(count))
    made = "".join(img(p.image, f"Synthesised portrait {i + 1}") for i, p in enumerate(content.portraits[:count]))
    return (
        f'<div class="strips" style="--n:{count}"><figure><div class="strip">{real}</div><figcaption>From the photos</figcaption>'
        f'</figure><figure><div class="strip">{made}</div><figcaption>Synthesised: new pictures that are none of the photos'
        "</figcaption></figure></div>"
    )


def _tiles(content: Content) -> str:
    record, figures = content.record, content.record.figures
    refused = sum(not v.accepted for v in record.photos)
    facts = [(str(sum(v.accepted for v in record.photos)), f"photos used, {refused} refused")]
    if "seconds" in figures:
        facts.append((words.seconds(figures["seconds"]), "to learn the person"))
    if "yaw" in content.sweeps:
        off = words.median([abs(a - b) for a, b in requested_achieved("yaw", content.sweeps["yaw"])])
        judge = content.sweeps["yaw"][0].report.attributes["yaw"].error
        facts.append((words.error("yaw", off), f"median error of yaw, as measured to ±{words.value('yaw', judge)}"))
    if (share := identity_share(synthesised(content))) is not None:
        facts.append((f"{share:.0%}", "of the portraits pass as the person"))
    if "persona_bytes" in figures:
        facts.append((words.size(figures["persona_bytes"]), "is all that is stored"))
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for value, label in facts)
        + "</dl>"
    )


def synthesised(content: Content) -> list[Shown]:
    """Every portrait made without a photo."""
    grid = list(content.grid.pictures) if content.grid else []
    return [*content.portraits, *(p for _, p in content.asked), *grid, *(p for s in content.sweeps.values() for p in s)]


def identity_share(pictures: Iterable[Shown]) -> float | None:
    """Share of pictures whose identity lies above the 5th percentile of the person's own photos."""
    ranks = [p.report.identity_percentile for p in pictures if p.report.identity_percentile is not None]
    return sum(r >= IDENTITY_FLOOR for r in ranks) / len(ranks) if ranks else None


def requested_achieved(attribute: str, pictures: Iterable[Shown]) -> list[tuple[float, float]]:
    return [(asked, got) for p in pictures for name, asked, got in words.wanted(p.report) if name == attribute]


def photos(content: Content) -> str:
    verdicts = sorted(content.record.photos, key=lambda v: v.accepted)
    cards = "".join(_photo(v, content.photos.get(v.name, b""), content.record.attributes) for v in verdicts)
    refused = sum(not v.accepted for v in verdicts)
    lead = (
        "Each photo is decoded, searched for faces, compared with the others and judged. What is refused comes with the "
        f"reason and the remedy; {refused} of {len(verdicts)} were set aside here."
    )
    warnings = "".join(f'<p class="note">{html.escape(w)}</p>' for w in content.record.warnings)
    return section("photos", "The photos, judged", lead, warnings + f'<div class="cards">{cards}</div>')


def _photo(verdict: PhotoVerdict, data: bytes, attributes: list[str]) -> str:
    picture = opened(data) if data else None
    shown = img(picture, f"Photo {verdict.name}", side=300) if picture else '<div class="blank">no picture</div>'
    label = "used" if verdict.accepted else _VERDICTS.get(verdict.code, verdict.code)
    figures = [text.format(verdict.figures[key]) for key, text in _FIGURES.items() if key in verdict.figures]
    if verdict.accepted:
        figures = [
            f"{words.name(a).lower()} {words.value(a, verdict.attributes[a])}"
            for a in attributes
            if a in verdict.attributes
        ] + figures[:2]
    state = "ok" if verdict.accepted else "no"
    return (
        f'<figure class="card {state}">{shown}<figcaption><span class="badge">{html.escape(label)}</span>'
        f'<span class="file">{html.escape(verdict.name)}</span>'
        + (f"<p>{html.escape(verdict.reason)}</p>" if verdict.reason else "")
        + "".join(f'<p class="warn">{html.escape(w)}</p>' for w in verdict.warnings)
        + f'<p class="figures">{unbroken(figures)}</p></figcaption></figure>'
    )


def reach(content: Content) -> str:
    rows = []
    for r in content.record.reach:
        values = photo_values(content, r.attribute)
        advice = html.escape(r.advice[:1].upper() + r.advice[1:]) if r.advice else "The photos cover this well."
        rows.append(
            f'<div class="reachrow"><h3>{html.escape(words.name(r.attribute))}</h3><div>'
            + plots.reach_bar(r.attribute, r.low, r.high, r.holes, values)
            + f'<p class="figures">{words.value(r.attribute, r.low)} to {words.value(r.attribute, r.high)}'
            + "".join(
                f" · no photo from {words.value(r.attribute, a)} to {words.value(r.attribute, b)}" for a, b in r.holes
            )
            + f"</p><p>{advice}</p></div></div>"
        )
    lead = (
        "A person can be moved about as far as their photos go. The bar is the reach, each dot a photo, hatching a stretch "
        "without any. Requests beyond it are clamped, and the picture’s report says so; <code>strict=True</code> refuses them."
    )
    return section("reach", "How far each attribute goes", lead, "".join(rows))


def photo_values(content: Content, attribute: str) -> list[float]:
    return [v.attributes[attribute] for v in content.record.photos if v.accepted and attribute in v.attributes]


def reproductions(content: Content) -> str:
    if content.preview is None:
        return ""
    pairs = "".join(
        f'<figure class="pair">{img(a, f"Photo {i + 1}")}{img(b, f"Reproduction of photo {i + 1}")}</figure>'
        for i, (a, b) in enumerate(zip(*tiles(content.preview), strict=True))
    )
    figures = content.record.figures
    known = [
        f"perceptual distance {figures['perceptual']:.3f}" if "perceptual" in figures else "",
        f"PSNR {figures['psnr']:.1f} dB" if "psnr" in figures else "",
        f"likeness {figures['identity']:.2f} (the photos among themselves {figures['identity_photos']:.2f})"
        if {"identity", "identity_photos"} <= figures.keys()
        else "",
    ]
    lead = (
        "Before anything new is made: each accepted photo, cut to the face (above), and the tuned generator’s picture of its "
        f"anchor (below). On average: {', '.join(filter(None, known)) or 'not measured'}."
    )
    return section(
        "reproductions",
        "The photos, reproduced",
        lead,
        f'<div class="pairs" style="--n:{pairs.count("<figure")}">{pairs}</div>',
    )
