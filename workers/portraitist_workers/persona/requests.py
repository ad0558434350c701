"""Requested values against what this person can do: names checked, values clamped to the reach or refused."""

from __future__ import annotations

from collections.abc import Sequence

from portraitist.attributes import ATTRIBUTES
from portraitist.errors import OutOfRange, UnknownAttribute
from portraitist.results import Reach


def resolve(requested: dict[str, float], reach: Sequence[Reach], *, strict: bool) -> dict[str, float]:
    """The values to aim at. Raises UnknownAttribute, or with `strict` OutOfRange instead of clamping."""
    by_name = {r.attribute: r for r in reach}
    targets = {}
    for name, value in requested.items():
        if name not in by_name:
            raise UnknownAttribute(
                f"this persona has no control for {name!r}; it has {', '.join(by_name)}. "
                "Create it with attributes=(...) that include the name.", param=name,
            )
        limits = by_name[name]
        low, high = limits.low, limits.high
        if name in ATTRIBUTES:
            low, high = max(low, ATTRIBUTES[name].low), min(high, ATTRIBUTES[name].high)
        target = min(max(value, low), high)
        if strict and abs(target - value) > 1e-9:
            raise OutOfRange(
                f"{name}={value:g} lies outside this person's reach {low:.3g}..{high:.3g} {limits.unit}".rstrip()
                + ". Ask for less, drop strict=True to clamp, or add photos: " + (limits.advice or "more extreme ones."), param=name,
            )
        targets[name] = target
    return targets


MARGIN = 0.08  # how far beyond the photos a request may go, as a share of the range they cover


def measure_reach(names: Sequence[str], values: Sequence[Sequence[float]]) -> list[Reach]:
    """Reach per attribute from the photos' values [N][M]: range, holes, and the photo to add next."""
    reach = []
    for m, name in enumerate(names):
        column = sorted(row[m] for row in values)
        attribute = ATTRIBUTES.get(name)
        unit = attribute.unit if attribute else ""
        span = max(column[-1] - column[0], 1e-6)
        low, high = column[0] - MARGIN * span, column[-1] + MARGIN * span
        if attribute:
            low, high = max(low, attribute.low), min(high, attribute.high)
        gap = 15.0 if unit == "deg" else 0.35 if attribute else span / 2
        holes = [(round(a, 3), round(b, 3)) for a, b in zip(column[:-1], column[1:], strict=True) if b - a > gap]
        reach.append(Reach(attribute=name, unit=unit, low=round(low, 3), high=round(high, 3), holes=holes,
                           advice=_advice(name, unit, column, holes)))
    return reach


_WANTED = {
    "yaw": (-20.0, 20.0), "pitch": (-8.0, 8.0), "roll": (-8.0, 8.0), "smile": (0.1, 0.8), "mouth_open": (0.1, 0.4),
    "eyes_open": (0.3, 0.9),
}
_SIDES = {
    "yaw": ("turned to the image's left", "turned to the image's right"), "pitch": ("looking down", "looking up"),
    "roll": ("tilted counter-clockwise", "tilted clockwise"), "smile": ("with a neutral mouth", "with a broad smile"),
    "mouth_open": ("with closed lips", "with the mouth open"), "eyes_open": ("with closed eyes", "with open eyes"),
}


def _advice(name: str, unit: str, column: list[float], holes: list[tuple[float, float]]) -> str:
    """Which photo to add next; empty when nothing is missing."""
    if name not in _WANTED:
        return ""
    low, high = _WANTED[name]
    shortfall = (column[0] - low, high - column[-1])
    if max(shortfall) > 0:
        side = shortfall[1] > shortfall[0]
        beyond = f"{(high if side else low):g}{'°' if unit == 'deg' else ''}"
        return f"add a photo {_SIDES[name][side]} ({name} about {beyond}; the photos end at {column[-1 if side else 0]:.2g})"
    if holes:
        a, b = max(holes, key=lambda h: h[1] - h[0])
        return f"add a photo with {name} near {(a + b) / 2:.2g}: there is none between {a:.2g} and {b:.2g}"
    return ""
