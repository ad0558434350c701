"""What the way of a picture to its user is made of: pixels with the mark in them, and how they came to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class MarkedImage:
    """`pixels` [H, W, 3] uint8 with the mark in them. `marking.py` alone makes these."""

    pixels: np.ndarray
    score: float  # of the mark, at half size and JPEG 80
    generated: bool = True  # False: a photo in which nothing was generated, and which has no mark


@dataclass(frozen=True)
class Origin:
    """How a picture came to be. `photo`: the file that it is an edit of; None: nothing but generated. `others`: files that something was
    taken from."""

    verb: str  # the operation's name
    photo: bytes | None = None
    others: tuple[bytes, ...] = ()
