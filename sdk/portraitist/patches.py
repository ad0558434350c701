"""Patches of a photo that a variation moves, checked before anything is sent.

[((150, 120, 260, 170), By(0, -8))]       the box from x=150, y=120 to x=260, y=170 goes 8 px up
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from .errors import InvalidRequest, printable
from .pulls import Box, By, Place
from .requests import MOST_PATCHES, Patch
from .submission import build

Patches: TypeAlias = "Iterable[tuple[Box, Place | By]]"

_AS_IN = "as in patches=[((150, 120, 260, 170), By(0, -8))]"


def moved_patches(patches: Patches) -> list[Patch]:
    """As they go into a request. Raises InvalidRequest that says which patch is wrong, and why."""
    if isinstance(patches, (str, bytes)) or not isinstance(patches, Iterable):
        raise InvalidRequest(f"patches is a {type(patches).__name__}; give a list, {_AS_IN}", param="patches")
    made = [_patch(number, pair) for number, pair in enumerate(patches, 1)]
    if len(made) > MOST_PATCHES:
        raise InvalidRequest(f"there are {len(made)} patches; give at most {MOST_PATCHES}", param="patches")
    return made


def _patch(number: int, pair: Any) -> Patch:
    try:
        box, by = pair
        return build(Patch, box=tuple(box), by=tuple(by))
    except (TypeError, ValueError):
        shown = printable(repr(pair)[:60])
        raise InvalidRequest(
            f"patch {number} is {shown}; give a box and how far it goes, {_AS_IN}", param="patches"
        ) from None
    except InvalidRequest as error:
        raise InvalidRequest(f"patch {number}: {error.message}", param="patches") from None
