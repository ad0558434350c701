"""Requested attribute values: checking them, and spreading lists out into one batch.

yaw=20                       one picture
yaw=20, n=4                  four pictures, each with its own random draw
yaw=[-20, 0, 20]             a list; only yaw differs
yaw=[...], smile=[...]       a grid: the first attribute runs across, the second runs down
grid=("yaw", "smile")        the same with five values over the person's reach
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .attributes import ATTRIBUTES
from .errors import InvalidRequest, OutOfRange, UnknownAttribute
from .requests import Strict
from .results import Reach

GRID_STEPS = 5
KEEP = "keep"  # as a value: stays as it is
MOST = 1024  # pictures in one call
Values = dict[str, float]
Number: TypeAlias = float | Sequence[float]  # of one picture, or of several


@dataclass(frozen=True)
class Batch:
    """`values[i]` is what picture i shall show. `shape` says how the pictures are handed back."""

    values: list[Values]
    shape: dict[str, Any]

    @property
    def varies(self) -> bool:
        """Whether the pictures differ in named values only (a sweep or grid), not in the random draw."""
        return self.shape["kind"] in ("sweep", "grid")

    @property
    def columns(self) -> int | None:
        """Of the sheet that a grid comes with."""
        return len(self.shape["columns"][1]) if self.shape["kind"] == "grid" else None


def expanded(
    asked: Mapping[str, Any],
    *,
    persona: str,
    reach: Mapping[str, Reach],
    n: int | None = None,
    grid: Sequence[str] | None = None,
    relative: bool = False,
    strict: Strict = False,
) -> Batch:
    """Check every value against what the attribute allows (and the reach, if `strict`), and spread lists out."""
    asked = dict(asked)
    if grid is not None:
        asked = _with_grid(asked, grid, persona, reach)
    values = {name: _numbers(name, value) for name, value in asked.items()}
    for name, value in values.items():
        check_name(name, reach, owner=f"persona {persona!r}")
        for v in _several(value):
            _check_value(name, v, reach[name], relative=relative, strict=strict)
    lists = [name for name, value in values.items() if isinstance(value, list)]
    fixed = {name: value for name, value in values.items() if not isinstance(value, list)}
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST):
        raise InvalidRequest(f"n={n!r}; expected a whole number from 1 to {MOST}", param="n")
    if n is not None and lists:
        raise InvalidRequest(f"n={n} together with a list for {lists[0]!r}; use one of them", param="n")
    if len(lists) > 2:
        raise InvalidRequest(
            f"lists for {', '.join(lists)}; at most two attributes can vary in one call", param=lists[2]
        )
    pictures = math.prod(len(_several(values[name])) for name in lists)
    if pictures > MOST:  # before they are spread out: two long lists would fill the memory
        raise InvalidRequest(f"{pictures} pictures in one call; at most {MOST}, ask for fewer values", param=lists[0])
    if not lists:
        return Batch([fixed] * (n or 1), {"kind": "one" if n is None else "list"})
    across = _several(values[lists[0]])
    if len(lists) == 1:
        return Batch([{**fixed, lists[0]: x} for x in across], {"kind": "sweep", "columns": [lists[0], across]})
    down = _several(values[lists[1]])
    cells = [{**fixed, lists[0]: x, lists[1]: y} for y in down for x in across]
    return Batch(cells, {"kind": "grid", "columns": [lists[0], across], "rows": [lists[1], down]})


def check_name(name: str, known: Collection[str], *, owner: str) -> None:
    """Raise UnknownAttribute, suggesting what may have been meant."""
    if name in known:
        return
    if name in ATTRIBUTES:
        raise UnknownAttribute(
            f"{owner} is not organised by {name!r}, only by {', '.join(known)}; create it with attributes=(..., {name!r})",
            param=name,
        )
    close = difflib.get_close_matches(name, list(known), 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    raise UnknownAttribute(f"{owner} knows no attribute {name!r}; {hint}", param=name)


def _numbers(name: str, value: Any) -> float | list[float]:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
        several = list(value)
        if several and all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in several):
            return [float(v) for v in several]
        raise InvalidRequest(f"{name} is an empty list or holds something else than numbers", param=name)
    raise InvalidRequest(f"{name}={value!r}; expected a number or a list of numbers", param=name)


def _several(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def _check_value(name: str, value: float, reach: Reach, *, relative: bool, strict: Strict) -> None:
    known = ATTRIBUTES.get(name)
    # Custom attributes have no range of their own; the engine clamps them to the person's reach.
    low, high = (known.low, known.high) if known else (-math.inf, math.inf)
    if relative:
        low, high = low - high, high - low
    unit = f" {reach.unit}" if reach.unit else (f" {known.unit}" if known and known.unit else "")
    if not math.isfinite(value) or not low <= value <= high:
        raise OutOfRange(
            f"{name}={value:g} is outside {low:g} to {high:g}{unit}" + (" (a relative change)" if relative else ""),
            param=name,
        )
    least, most = reach.bounds(strict)
    if strict and not relative and not least <= value <= most:
        whose = "what this person's photos show," if strict == "photos" else "this person's reach of"
        raise OutOfRange(
            f"{name}={value:g} is outside {whose} {least:.3g} to {most:.3g}{unit}; ask for less, leave "
            f"strict out to have it clamped, or add photos: {reach.advice or 'of more extreme values'}",
            param=name,
            low=least,
            high=most,
        )


def _with_grid(asked: dict[str, Any], grid: Sequence[str], persona: str, reach: Mapping[str, Reach]) -> dict[str, Any]:
    if isinstance(grid, str) or len(grid) != 2 or grid[0] == grid[1]:
        raise InvalidRequest(
            f"grid={grid!r}; expected two different attributes, as in grid=('yaw', 'smile')", param="grid"
        )
    axes = {}
    for name in grid:
        check_name(name, reach, owner=f"persona {persona!r}")
        low, high = reach[name].low, reach[name].high
        axes[name] = asked.pop(name, None) or [low + (high - low) * i / (GRID_STEPS - 1) for i in range(GRID_STEPS)]
    return {**axes, **asked}
