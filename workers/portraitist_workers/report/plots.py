"""Drawings as inline SVG. Colours come from the page's style, so they follow light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from . import words

_W, _H = 320, 300  # scatter, in user units
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers inside [low, high]."""
    raw = max(high - low, 1e-9) / about
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def scatter(attribute: str, pairs: Sequence[tuple[float, float]], error: float, photos: Sequence[float]) -> str:
    """Requested against achieved. The band is the estimator's own error; the marks below are the person's photos."""
    numbers = [v for pair in pairs for v in pair]
    pad = 0.06 * (max(numbers) - min(numbers) or 1.0)
    low, high = min(numbers) - pad, max(numbers) + pad

    def x(v: float) -> float:
        return _LEFT + (v - low) / (high - low) * (_W - _LEFT - _RIGHT)

    def y(v: float) -> float:
        return _H - _BOTTOM - (v - low) / (high - low) * (_H - _TOP - _BOTTOM)

    parts = [
        f'<svg class="plot" viewBox="0 0 {_W} {_H}" role="img" aria-label="{html.escape(_described(attribute, pairs))}">'
    ]
    frame = f'x="{_LEFT}" y="{_TOP}" width="{_W - _LEFT - _RIGHT}" height="{_H - _TOP - _BOTTOM}"'
    parts.append(f'<clipPath id="clip-{html.escape(attribute)}"><rect {frame}/></clipPath>')
    for t in ticks(low, high):
        label = words.value(attribute, t, digits=0)
        parts.append(f'<line class="gridline" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{_TOP}" y2="{_H - _BOTTOM}"/>')
        parts.append(f'<line class="gridline" x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>')
        parts.append(f'<text class="tick" x="{x(t):.1f}" y="{_H - _BOTTOM + 16}" text-anchor="middle">{label}</text>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y(t) + 3.5:.1f}" text-anchor="end">{label}</text>')
    corners = [(low, low - error), (high, high - error), (high, high + error), (low, low + error)]
    band = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in corners)
    parts.append(f'<g clip-path="url(#clip-{html.escape(attribute)})"><polygon class="band" points="{band}"/>')
    parts.append(f'<line class="ideal" x1="{x(low):.1f}" y1="{y(low):.1f}" x2="{x(high):.1f}" y2="{y(high):.1f}"/></g>')
    parts += [
        f'<line class="rug" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{_H - _BOTTOM}" y2="{_H - _BOTTOM - 6}"/>'
        for v in photos
        if low <= v <= high
    ]
    parts += [f'<circle class="dot" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.6"/>' for a, b in pairs]
    parts.append(
        f'<text class="label" x="{(_LEFT + _W - _RIGHT) / 2}" y="{_H - 6}" text-anchor="middle">requested</text>'
    )
    middle = (_TOP + _H - _BOTTOM) / 2
    parts.append(
        f'<text class="label" transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">achieved</text></svg>'
    )
    return "".join(parts)


def _described(attribute: str, pairs: Sequence[tuple[float, float]]) -> str:
    worst = max(abs(a - b) for a, b in pairs)
    return f"{words.name(attribute)}: requested against achieved, {len(pairs)} pictures, largest difference {words.value(attribute, worst)}"


def reach_bar(
    attribute: str, low: float, high: float, holes: Sequence[tuple[float, float]], photos: Sequence[float]
) -> str:
    """The stretch a request may lie in, its holes hatched, every photo a dot."""
    span = max(high - low, 1e-6)
    start, end = low - 0.12 * span, high + 0.12 * span
    width, height, edge = 640, 54, 8

    def x(v: float) -> float:
        return edge + (v - start) / (end - start) * (width - 2 * edge)

    about = f"{words.name(attribute)}: reach {words.value(attribute, low)} to {words.value(attribute, high)}, {len(photos)} photos"
    parts = [f'<svg class="reach" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(about)}">']
    parts.append(f'<line class="gridline" x1="{edge}" x2="{width - edge}" y1="20" y2="20"/>')
    parts.append(f'<rect class="range" x="{x(low):.1f}" y="11" width="{x(high) - x(low):.1f}" height="18" rx="9"/>')
    parts += [
        f'<rect class="hole" x="{x(a):.1f}" y="11" width="{x(b) - x(a):.1f}" height="18"><title>no photo here</title></rect>'
        for a, b in holes
    ]
    parts += [f'<circle class="photo" cx="{x(v):.1f}" cy="20" r="4"/>' for v in photos]
    for t in ticks(start, end, 8):
        parts.append(
            f'<text class="tick" x="{x(t):.1f}" y="48" text-anchor="middle">{words.value(attribute, t, digits=0)}</text>'
        )
    return "".join(parts) + "</svg>"


def shares(items: Sequence[tuple[str, float]]) -> str:
    """One bar split by how long each stage took."""
    total = sum(v for _, v in items) or 1.0
    parts = [
        '<svg class="shares" viewBox="0 0 1000 36" preserveAspectRatio="none" role="img" aria-label="time per stage">'
    ]
    at = 0.0
    for index, (_, v) in enumerate(items):
        width = 1000 * v / total
        parts.append(
            f'<rect class="share s{index % 6}" x="{at:.1f}" y="0" width="{max(width - 2, 0.5):.1f}" height="36"/>'
        )
        at += width
    return "".join(parts) + "</svg>"
