"""A wider or taller photo around a person: its own background goes on beyond the frame, and the head stays single.

The published way pads a generator's features (`spatial.padded`). On portraits that repeats or smears the head, and a prior for faces knows
of backgrounds no more than their colours (docs/benchmarks/collage.md has figures). So the photo's own pixels go on: the strip between the
border and the person is folded outwards, to and fro, softer with the distance. Where the body meets the border, its outline goes on
falling, and the cloth with it. Every pixel of the photo stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..detail.fields import spread

_MARGIN = 0.03  # of the photo's shorter side: kept from the person's outline, where colours mix
_LEAST = 0.5  # of the side: strips are at least so wide, since narrow ones show as stripes; beneath the person they are smooth
_SOFT = 0.06  # px of blur for each px beyond the border ...
_SOFTEST = 0.02  # ... and the most, of the photo's shorter side
_SLOPE = 0.7  # px that a shoulder falls at least, for each px outwards
_EDGE = 1.5  # px: softness of a continued outline
_FADES = 0.03  # of the width: over so much, what is made up for at a border fades
_ROWS = 256  # of the new picture at a time: memory grows with its width alone
_COARSE = 512  # px: longer side at which colours go on behind the person


@dataclass(frozen=True)
class Room:
    """Pixels of new picture on each side."""

    left: int
    top: int
    right: int
    bottom: int


def extended(photo: np.ndarray, person: np.ndarray, room: Room) -> np.ndarray:
    """[H + top + bottom, W + left + right, 3] uint8. photo [H, W, 3] uint8, person [H, W] in 0..1. The photo's own pixels stay."""
    height, width = photo.shape[:2]
    margin = max(2.0, _MARGIN * min(height, width))
    there = person > 0.5
    plate = _plate(photo, there, margin)
    missing = (photo.astype(np.float32) - plate) * ~there[..., None]
    ground = _Ground(plate, missing, _gaps(there, margin), _SOFTEST * min(height, width))
    bodies = [_shoulder(photo, there, side) for side in ("left", "right")]
    bodies += [_crown(photo, there)] if room.top else []
    bodies += [_cut_head(photo, there, side) for side in ("left", "right")]
    out = np.empty((room.top + height + room.bottom, room.left + width + room.right, 3), np.uint8)
    columns = np.arange(-room.left, width + room.right, dtype=np.float32)
    for first in range(0, len(out), _ROWS):
        rows = np.arange(first, min(first + _ROWS, len(out)), dtype=np.float32) - room.top
        part = ground.seen(columns, rows)
        x, y = np.meshgrid(columns, rows)
        for body in bodies:
            if body is not None:
                pixels, cover = body(x, y)
                part += cover[..., None] * (pixels - part)
        out[first : first + len(rows)] = part.round().clip(0, 255).astype(np.uint8)
    out[room.top : room.top + height, room.left : room.left + width] = photo
    return out


Body = Callable[
    [np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]
]  # of places x, y: pixels, and where they cover the background


@dataclass(frozen=True, eq=False)
class _Ground:
    """What lies behind the person, and on beyond the photo's borders."""

    plate: np.ndarray  # [H, W, 3] uint8
    missing: (
        np.ndarray
    )  # [H, W, 3]: what the photo's background has beside it; it is made up for at the borders, and fades
    gaps: tuple[float, float, float, float]
    softest: float

    def seen(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """[rows, columns, 3] float32."""
        height, width = self.plate.shape[:2]
        more = int(3 * self.softest) + 2  # rows above and below that a blur looks at
        wide = np.arange(rows[0] - more, rows[-1] + more + 1, dtype=np.float32)
        x, y = np.meshgrid(columns, wide)
        across, down = _folded(x, width, self.gaps[0], self.gaps[2]), _folded(y, height, self.gaps[1], self.gaps[3])
        back = cv2.remap(self.plate, across, down, cv2.INTER_LINEAR).astype(np.float32)
        beyond = np.maximum(np.maximum(-x, x - (width - 1)), np.maximum(-y, y - (height - 1))).clip(0)
        nearest = cv2.remap(self.missing, x.clip(0, width - 1), y.clip(0, height - 1), cv2.INTER_LINEAR)
        back = _softened(back, _SOFT * beyond, self.softest) + nearest * np.exp(-beyond / (_FADES * width))[..., None]
        return back[more : more + len(rows)]


def _gaps(there: np.ndarray, margin: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom: how wide a strip of nothing but background each border has, by the part of the border that is free."""
    height, width = there.shape

    def gap(rows: np.ndarray) -> float:
        """rows [N, M]: from the border inwards. Of the rows that begin with background, the one that a tenth of them fall short of."""
        first = np.where(rows.any(1), rows.argmax(1), rows.shape[1])
        free = first[first > margin]
        return float(np.quantile(free, 0.1)) - margin if len(free) else 0.0

    upper = there[: max(1, int(0.7 * height))]  # shoulders are not what a strip must keep from
    return gap(upper), gap(there.T), gap(upper[:, ::-1]), gap(there.T[:, ::-1])


def _folded(place: np.ndarray, length: int, low: float, high: float) -> np.ndarray:
    """Beyond 0 and `length - 1`, places go back and forth within `low` px of the one border, and `high` px of the other."""

    def fold(beyond: np.ndarray, strip: float) -> np.ndarray:
        strip = max(strip, _LEAST * length)
        turned = np.mod(beyond, 2 * strip)
        return np.minimum(turned, 2 * strip - turned)

    inside = place.clip(0, length - 1)
    inside = np.where(place < 0, fold(-place, low), inside)
    return np.where(place > length - 1, length - 1 - fold(place - (length - 1), high), inside).astype(np.float32)


def _plate(photo: np.ndarray, there: np.ndarray, margin: float) -> np.ndarray:
    """The photo [H, W, 3] uint8 with its background's colours going on behind the person."""
    scale = min(1.0, _COARSE / max(photo.shape[:2]))
    size = max(2, round(photo.shape[1] * scale)), max(2, round(photo.shape[0] * scale))
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(margin) + 1, 2 * int(margin) + 1))
    free = 1 - cv2.dilate(there.astype(np.uint8), near).astype(np.float32)
    small = cv2.resize(free, size, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    behind = cv2.resize(
        spread(colours, (small > 0.99).astype(np.float32), (0.01, 0.03, 0.1, 0.3, 1.0)), photo.shape[1::-1]
    )
    share = cv2.GaussianBlur(free, (0, 0), margin / 4)[..., None] * free[..., None]
    return (behind + share * (photo - behind)).round().clip(0, 255).astype(np.uint8)


def _softened(image: np.ndarray, sigma: np.ndarray, most: float) -> np.ndarray:
    """The image, each pixel blurred by its own `sigma` [H, W] px, up to `most`."""
    out, done = image, 0.0
    levels = [level for level in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0) if level < most] + [max(most, 1e-3)]
    for level in levels:
        blurred = cv2.GaussianBlur(image, (0, 0), level)
        share = np.clip((sigma - done) / (level - done), 0, 1)[..., None]
        out, done = out + share * (blurred - out), level
    return out


def _shoulder(photo: np.ndarray, there: np.ndarray, side: str) -> Body | None:
    """The body beyond one side's border: the border's own pixels, sliding down along an outline that falls. None: no body meets it."""
    height, width = there.shape
    columns = there if side == "left" else there[:, ::-1]
    near = max(4, round(0.08 * width))
    tops = np.array([_top(columns[:, k]) for k in range(near)], np.float32)
    if tops[0] >= height - 2:
        return None
    steps = np.arange(near // 2, near)
    slope = max(_SLOPE, float(np.median((tops[0] - tops[steps]) / steps)))
    strip = max(2.0, 0.5 * _width_of(columns, int((tops[0] + height) / 2)))

    def seen(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (-x if side == "left" else x - (width - 1)).clip(0)
        fall = slope * away + away**2 / height
        turned = np.mod(away, 2 * strip)
        inwards = np.minimum(turned, 2 * strip - turned).astype(np.float32)
        outline = np.interp(inwards, np.arange(near), tops)  # it rises on the way in, and rows are counted from it
        rows = (y - fall + outline - tops[0]).clip(0, height - 1).astype(np.float32)
        places = inwards if side == "left" else width - 1 - inwards
        cover = np.clip((y - (tops[0] + fall)) / _EDGE + 0.5, 0, 1) * (away > 0)
        return cv2.remap(photo, places, rows, cv2.INTER_LINEAR).astype(np.float32), cover.astype(np.float32)

    return seen


def _crown(photo: np.ndarray, there: np.ndarray) -> Body | None:
    """The top of a head that the upper border cuts, as half an ellipse of the hair below. None: it is not cut."""
    columns = np.flatnonzero(there[0])
    if len(columns) < 0.02 * there.shape[1]:
        return None
    left, right = float(columns[0]), float(columns[-1])
    middle, half = (left + right) / 2, max((right - left) / 2, 1.0)
    tall, strip = 0.45 * half, max(2.0, 0.12 * half)

    def seen(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        up = (-y).clip(0)
        turned = np.mod(up, 2 * strip)
        rows = np.minimum(turned, 2 * strip - turned).astype(np.float32)
        radius = np.hypot((x - middle) / half, up / tall)
        cover = np.clip((1 - radius) * tall / _EDGE + 0.5, 0, 1) * (y < 0)
        hair = cv2.remap(photo, x.clip(left, right).astype(np.float32), rows, cv2.INTER_LINEAR)
        return hair.astype(np.float32), cover.astype(np.float32)

    return seen


def _cut_head(photo: np.ndarray, there: np.ndarray, side: str) -> Body | None:
    """The same for a head that a side's border cuts: the picture is turned so that the border lies on top. What reaches the bottom is no
    head. None: it is not cut."""
    width = there.shape[1]
    turned, image = (there, photo) if side == "left" else (there[:, ::-1], photo[:, ::-1])
    head = turned.copy()
    head[_top(turned[:, 0]) :] = False
    closed = _crown(np.ascontiguousarray(image.swapaxes(0, 1)), head.T)
    if closed is None:
        return None
    return lambda x, y: closed(y, x if side == "left" else width - 1 - x)


def _top(column: np.ndarray) -> int:
    """The row at which the lowest run of a column begins; its length where it does not reach the bottom."""
    if not column[-1]:
        return len(column)
    free = np.flatnonzero(~column)
    return int(free[-1]) + 1 if len(free) else 0


def _width_of(columns: np.ndarray, row: int) -> int:
    """Pixels from the border inwards that are the person's, in a row."""
    free = np.flatnonzero(~columns[row])
    return int(free[0]) if len(free) else columns.shape[1]
