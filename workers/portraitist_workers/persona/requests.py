"""Requested values against what this person can do: names checked, values clamped to the reach or refused."""

from __future__ import annotations

from collections.abc import Sequence

from portraitist.attributes import ATTRIBUTES
from portraitist.errors import OutOfRange, UnknownAttribute
from portraitist.requests import Strict
from portraitist.results import Reach


def resolve(requested: dict[str, float], reach: Sequence[Reach], *, strict: Strict) -> dict[str, float]:
    """The values to aim at. Raises UnknownAttribute, or with `strict` OutOfRange where it would clamp."""
    by_name = {r.attribute: r for r in reach}
    targets = {}
    for name, value in requested.items():
        if name not in by_name:
            raise UnknownAttribute(
                f"this persona has no control for {name!r}; it has {', '.join(by_name)}. "
                "Create it with attributes=(...) that include the name.",
                param=name,
            )
        limits = by_name[name]
        low, high = limits.bounds(strict)
        if name in ATTRIBUTES:
            low, high = max(low, ATTRIBUTES[name].low), min(high, ATTRIBUTES[name].high)
        target = min(max(value, low), high)
        if strict and abs(target - value) > 1e-9:
            raise OutOfRange(
                f"{name}={value:g} lies outside this person's reach {low:.3g}..{high:.3g} {limits.unit}".rstrip()
                + ". Ask for less, leave strict out to clamp, or add photos: "
                + (limits.advice or "more extreme ones."),
                param=name,
            )
        targets[name] = target
    return targets
