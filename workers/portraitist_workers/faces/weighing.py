"""How much a photo counts, and which of its pixels: everything that can be used is used, the worse the less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .covers import Cover
from .hands import Palm

SMALL = 1.0  # side of the frame in photo px / side of the prior's pictures; below, it counts for less
SOFT, BLURRED = 1.55, 1.8  # sigma in px of a 128 px crop (quality.blur_sigma); above: said, and counts for less
DARK, BRIGHT = 35, 235  # mean luma of the face; outside, it counts for half
FLAT = 32  # contrast of the face in grey levels; below, it counts for half
CLIPPED = 0.30  # share of the face without detail, full or black; above, it counts for half
UNLIKE = 0.12  # of likeness less than the person's photos usually have among each other; beyond, it counts for less
PRESENT = 0.5  # probability by the face mesh that a face is there; below, it counts for half
LEAST = 0.2  # no photo that is used counts for less
_SURROUNDINGS = 0.75  # weight of a pixel far from the head
_PALM_TO_HAND = 0.35  # of a palm's box, by which it grows to all sides to hold the fingers


@dataclass(frozen=True, eq=False)
class Weighed:
    """`weight` is in [LEAST, 1]. `known` [S, S] float32 is 1 where pixels are the person's. `notes` say why they are not all 1."""

    weight: float
    known: np.ndarray
    notes: list[str]


def weigh(
    figures: dict[str, float],
    inside: np.ndarray,
    hands: Sequence[Palm],
    faces: int,
    *,
    cover: Cover | None = None,
    unlike: float = 0.0,
) -> Weighed:
    """By a photo's `figures` (docs/photos.md), the crop's pixels inside the photo [S, S], the hands in it, and how many faces there are.

    cover: what else is before the face.
    unlike: how far its likeness lies below the median of the person's photos. Dark glasses, a mask, make-up or many years show there.
    """
    side = len(inside)
    weight, notes = 1.0, []

    def less(factor: float, note: str) -> None:
        nonlocal weight
        weight *= factor
        notes.append(note)

    if figures["face_px"] < SMALL * side:
        less(
            figures["face_px"] / side,
            f"the face is {figures['face_px']:.0f} px, smaller than the {side} px the model learns at",
        )
    if figures["blur"] > BLURRED:
        less(
            (BLURRED / figures["blur"]) ** 2,
            f"blurred (about {figures['blur']:.1f} px at portrait size), so it counts for less",
        )
    elif figures["blur"] > SOFT:
        notes.append("slightly blurred")
    if not DARK <= figures["brightness"] <= BRIGHT or figures["contrast"] < FLAT or figures["clipped"] > CLIPPED:
        less(
            0.5,
            f"too dark, too bright or without contrast (brightness {figures['brightness']:.0f} of 255, contrast "
            f"{figures['contrast']:.0f}, {figures['clipped']:.0%} without detail), so it counts for less",
        )
    if figures["presence"] < PRESENT:
        less(0.5, "the face is hard to see, perhaps covered, so it counts for less")
    if unlike > UNLIKE:
        less(
            max(1 - 2 * (unlike - UNLIKE), 0.4),
            "less like the person's other photos (covered, made up, or of another time), so it counts for less",
        )
    known = inside.copy()
    if hands:
        for palm in hands:
            _cover(known, palm)
        notes.append("a hand is before the face or beside it; what it covers is not learnt from")
    if cover is not None:
        known[cover.where] = 0
        notes.append(f"something covers the {' and the '.join(cover.parts)}; what it covers is not learnt from")
    if faces > 1:
        notes.append(f"{faces - 1} other face{'s' if faces > 2 else ''} set aside")
    return Weighed(round(max(weight, LEAST), 3), known, notes)


def head_first(side: int) -> np.ndarray:
    """[side, side] float32: how much each pixel of an aligned photo counts, 1 in the face and _SURROUNDINGS in the corners.

    What is behind a head is another thing in every photo. Learnt as hard as the face, it takes what the face needs.
    """
    t = (np.arange(side) + 0.5) / side
    radius = np.hypot((t[None] - 0.5) / 0.40, (t[:, None] - 0.53) / 0.50)
    head = np.clip((1.25 - radius) / 0.5, 0, 1)
    return (_SURROUNDINGS + (1 - _SURROUNDINGS) * head * head * (3 - 2 * head)).astype(np.float32)


def _cover(known: np.ndarray, palm: Palm) -> None:
    side = len(known)
    left, top, right, bottom = palm.box
    grown = _PALM_TO_HAND * max(right - left, bottom - top)
    x0, y0, x1, y1 = (
        int(np.clip(round(v * side), 0, side)) for v in (left - grown, top - grown, right + grown, bottom + grown)
    )
    known[y0:y1, x0:x1] = 0
