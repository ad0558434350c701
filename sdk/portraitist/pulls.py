"""What a drag pulls where, and what a move moves: handles and targets, checked before anything is sent.

[((212, 180), (230, 180))]                the point at x=212, y=180 goes to x=230, y=180
[("mouth_left", By(-4, -6))]              the mouth's corner at the picture's left: 4 px to the left, 6 up
[("brows", By(0, -5))]                    the region of both brows as a whole, 5 px up
[((190, 410, 290, 460), By(0, -3))]       the region from x=190, y=410 to x=290, y=460, 3 px up
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, get_args

from .errors import InvalidRequest, printable
from .requests import FaceRegion, Landmark, Pull

LANDMARKS: tuple[str, ...] = get_args(Landmark)
REGIONS: tuple[str, ...] = get_args(FaceRegion)
MOST = 64  # points of one drag
WITHIN = 6  # points by which a region is held, at most; so many of MOST it counts for
APART = 1.0  # px: handles that are nearer to each other coincide


class By(NamedTuple):
    """A target, counted from where the handle is: `x` px to the right, `y` px down."""

    x: float
    y: float


Place: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom: px of the upright photo
Points: TypeAlias = "Iterable[tuple[Place | Box | str, Place | By]]"


def is_region(handle: Place | Box | str) -> bool:
    return handle in REGIONS if isinstance(handle, str) else len(handle) == 4


def pulls(points: Points) -> list[Pull]:
    """As they go into a request. Raises InvalidRequest that says which point is wrong, and why."""
    if isinstance(points, (str, bytes)) or not isinstance(points, Iterable):
        raise _refusal(f"points is a {type(points).__name__}", "give a list, as in points=[((212, 180), (230, 180))]")
    made = [_pull(number, pair) for number, pair in enumerate(points, 1)]
    if not 1 <= len(made) <= MOST:
        raise _refusal(f"points holds {len(made)} of them", f"give 1 to {MOST} pairs of a handle and its target")
    check_handles([pull.handle for pull in made])
    return made


def movement(at: Place | Box | str, by: Place, dz: float, anchors: Iterable[Place | Box | str]) -> list[Pull]:
    """What a move asks for, as a drag's points: the one that moves, then those that stay. Raises InvalidRequest."""
    way = _place("by", by, "by")
    near = dz if isinstance(dz, (int, float)) and math.isfinite(dz) else math.inf
    if abs(near) > 0.5:
        raise InvalidRequest(f"dz is {printable(repr(dz)[:40])}; give a number from -0.5 to 0.5", param="dz")
    if way == (0.0, 0.0) and not near:
        raise InvalidRequest("by and dz are both zero, so that nothing would move; give one of them", param="by")
    if isinstance(anchors, (str, bytes)) or not isinstance(anchors, Iterable):
        raise InvalidRequest(
            f"anchors is a {type(anchors).__name__}; give a list of places in pixels, or of parts of the face",
            param="anchors",
        )
    made = [Pull(handle=_handle("at", at, "at"), by=way, grow=float(near))]
    made += [Pull(handle=_handle(f"anchor {n}", one, "anchors"), by=(0.0, 0.0)) for n, one in enumerate(anchors, 1)]
    if len(made) > MOST:
        raise InvalidRequest(f"there are {len(made) - 1} anchors; give at most {MOST - 1}", param="anchors")
    check_handles([pull.handle for pull in made])
    return made


def check_handles(handles: Sequence[Place | Box | str]) -> None:
    """Raises InvalidRequest where two are the same, and where there are too many."""
    regions = sum(map(is_region, handles))
    if len(handles) + (WITHIN - 1) * regions > MOST:
        raise _refusal(
            f"{regions} of the {len(handles)} points are regions, each of which counts for {WITHIN} points",
            f"give fewer: {MOST} is the most",
        )
    for number, one in enumerate(handles):
        for earlier, other in enumerate(handles[:number]):
            both = not isinstance(one, str) and not isinstance(other, str) and len(one) == len(other) == 2
            if math.dist(one, other) < APART if both else one == other:  # type: ignore[arg-type]
                raise _refusal(f"points {earlier + 1} and {number + 1} have the same handle", "leave one of them out")


def _pull(number: int, pair: Any) -> Pull:
    if isinstance(pair, (str, bytes)) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise _refusal(
            f"point {number} is {printable(repr(pair)[:60])}", "give a handle and its target: ((212, 180), (230, 180))"
        )
    handle, target = pair
    handle = _handle(f"point {number}" if isinstance(handle, str) else f"the handle of point {number}", handle)
    target_is = f"the target of point {number}"
    if isinstance(target, By):
        return Pull(handle=handle, by=_place(target_is, target))
    return Pull(handle=handle, to=_place(target_is, target))


def _handle(what: str, given: Any, param: str = "points") -> Any:
    if not isinstance(given, str):
        return (
            _box(what, given, param) if isinstance(given, Sequence) and len(given) == 4 else _place(what, given, param)
        )
    if given not in LANDMARKS + REGIONS:
        raise _refusal(
            f"{what}: {printable(given[:40])!r} is no part of the face",
            f"use {', '.join(LANDMARKS)}; or a region: {', '.join(REGIONS)}",
            param,
        )
    return given


def _box(what: str, given: Sequence[Any], param: str) -> Box:
    left, top = _place(what, given[:2], param)
    right, bottom = _place(what, given[2:], param)
    if right <= left or bottom <= top:
        raise _refusal(
            f"{what} is the box {printable(repr(tuple(given))[:60])}, which is empty",
            "give left, top, right, bottom: right must be beyond left, and bottom beyond top",
            param,
        )
    return left, top, right, bottom


def _place(what: str, given: Any, param: str = "points") -> Place:
    try:
        x, y = (float(v) for v in given)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise _refusal(
            f"{what} is {printable(repr(given)[:60])}", "give two numbers, (x, y) in the photo's pixels", param
        )
    return x, y


def _refusal(fault: str, remedy: str, param: str = "points") -> InvalidRequest:
    return InvalidRequest(f"{fault}; {remedy}", param=param)
