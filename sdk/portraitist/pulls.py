"""What a drag pulls where: pairs of a handle and its target, checked before anything is sent.

[((212, 180), (230, 180))]                the point at x=212, y=180 goes to x=230, y=180
[("mouth_left", By(-4, -6))]              the mouth's corner at the picture's left: 4 px to the left, 6 up
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, get_args

from .errors import InvalidRequest, printable
from .requests import Landmark, Pull

LANDMARKS: tuple[str, ...] = get_args(Landmark)
MOST = 64  # points of one drag
APART = 1.0  # px: handles that are nearer to each other coincide


class By(NamedTuple):
    """A target, counted from where the handle is: `x` px to the right, `y` px down."""

    x: float
    y: float


Place: TypeAlias = tuple[float, float]
Points: TypeAlias = "Iterable[tuple[Place | str, Place | By]]"


def pulls(points: Points) -> list[Pull]:
    """As they go into a request. Raises InvalidRequest that says which point is wrong, and why."""
    if isinstance(points, (str, bytes)) or not isinstance(points, Iterable):
        raise _refusal(f"points is a {type(points).__name__}", "give a list, as in points=[((212, 180), (230, 180))]")
    made = [_pull(number, pair) for number, pair in enumerate(points, 1)]
    if not 1 <= len(made) <= MOST:
        raise _refusal(f"points holds {len(made)} of them", f"give 1 to {MOST} pairs of a handle and its target")
    check_apart([pull.handle for pull in made])
    return made


def check_apart(handles: Sequence[Place | str]) -> None:
    """Raises InvalidRequest where two handles are the same place."""
    for number, one in enumerate(handles):
        for earlier, other in enumerate(handles[:number]):
            same = one == other if isinstance(one, str) or isinstance(other, str) else math.dist(one, other) < APART
            if same:
                raise _refusal(f"points {earlier + 1} and {number + 1} have the same handle", "leave one of them out")


def _pull(number: int, pair: Any) -> Pull:
    if isinstance(pair, (str, bytes)) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise _refusal(
            f"point {number} is {printable(repr(pair)[:60])}", "give a handle and its target: ((212, 180), (230, 180))"
        )
    handle, target = pair
    if isinstance(handle, str):
        if handle not in LANDMARKS:
            raise _refusal(
                f"point {number}: {printable(handle[:40])!r} is no part of the face", f"use {', '.join(LANDMARKS)}"
            )
    else:
        handle = _place(number, "handle", handle)
    if isinstance(target, By):
        return Pull(handle=handle, by=_place(number, "target", target))
    return Pull(handle=handle, to=_place(number, "target", target))


def _place(number: int, what: str, given: Any) -> Place:
    try:
        x, y = (float(v) for v in given)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise _refusal(
            f"the {what} of point {number} is {printable(repr(given)[:60])}",
            "give two numbers, (x, y) in the photo's pixels",
        )
    return x, y


def _refusal(fault: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(f"{fault}; {remedy}", param="points")
