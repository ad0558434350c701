"""Figures as a reader wants them: units, signs, as many digits as mean something."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from portraitist.attributes import ATTRIBUTES
from portraitist.results import PictureReport

NAMES = {
    "yaw": "Yaw", "pitch": "Pitch", "roll": "Roll", "smile": "Smile", "mouth_open": "Mouth open", "eyes_open": "Eyes open",
}  # fmt: skip


def name(attribute: str) -> str:
    return NAMES.get(attribute, attribute.replace("_", " ").capitalize())


def is_angle(attribute: str) -> bool:
    return attribute in ATTRIBUTES and ATTRIBUTES[attribute].unit == "deg"


def value(attribute: str, number: float, *, digits: int | None = None) -> str:
    """12°, 0.62; a real minus sign."""
    if is_angle(attribute):
        text = f"{number:.{1 if digits is None else digits}f}"
        unit = "°"
    else:
        text = f"{number:.2f}" if attribute in ATTRIBUTES or abs(number) < 10 else f"{number:.1f}"
        unit = ""
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−") + unit


def error(attribute: str, number: float) -> str:
    """The size of an error; never 'none' because of rounding."""
    if is_angle(attribute):
        return value(attribute, number) if number >= 0.05 else "< 0.1°"
    return f"{number:.3f}" if number >= 0.0005 else "< 0.001"


def seconds(number: float) -> str:
    if number < 0.095:
        return f"{1000 * number:.0f} ms"
    if number < 10:
        return f"{number:.1f} s"
    return f"{number:.0f} s" if number < 120 else f"{int(number) // 60} min {int(number) % 60:02d} s"


def size(count: float) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{count / 2**10:.0f} kB"


def wanted(report: PictureReport) -> list[tuple[str, float, float]]:
    """(attribute, aimed at, achieved) of what was asked for."""
    return [
        (n, a.requested if a.target is None else a.target, a.achieved)
        for n, a in report.attributes.items()
        if a.requested is not None
    ]


def achieved(report: PictureReport) -> str:
    """Requested -> achieved, as HTML."""
    return "".join(
        f'<span class="ask"><i>{html.escape(name(n))}</i> {value(n, asked)}<b>→</b>{value(n, got)}</span>'
        for n, asked, got in wanted(report)
    )


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's, for values without ties; None for fewer than 3."""
    if len(x) < 3:
        return None
    one, other = (np.argsort(np.argsort(v)) for v in (x, y))
    return float(np.corrcoef(one, other)[0, 1])


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
