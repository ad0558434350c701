"""An edited face back into its photo at the photo's own resolution, without a visible seam.

Two things hide the seam. The face's square fades out towards its border. Its low frequencies are pulled to the photo's along
that border. Pixels where the mask is zero are the photo's own, bit for bit. So are all where nothing moved and nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..beside import each
from .align import Frame, crop, face_ellipse, resample
from .edited import EditedFace, before_background

_FEATHER = 0.14  # of the crop's side: width of the fade from the border inwards
_NARROW = 0.08  # ... where the background stands still
_COLOUR_REACH = 0.30  # of the crop's side: how deep the colour match at the border reaches
_UNSEEN = 0.1  # px: a smaller blur is none
_TILE = 512  # px of the photo that are worked on at a time: memory does not grow with the photo


@dataclass(frozen=True, eq=False)
class Pasted:
    """The finished photo; `mask` [H, W] float32 says how much of each pixel is the crop's, 0 everywhere if no pixel changed."""

    image: np.ndarray
    mask: np.ndarray
    outside_change: float  # mean |change| in grey levels (0-255) where the mask is 0: zero unless something is wrong


def paste(
    photo: np.ndarray,
    frame: Frame,
    edited: EditedFace,
    *,
    others: Sequence[Frame] = (),
    missing: np.ndarray | None = None,
) -> Pasted:
    """Put `edited` into `photo` [H, W, 3] uint8 at `frame`. Time depends on the frame's size in the photo only.

    others   : frames of other people's faces, which stay untouched
    missing  : [S, S] in {0, 1}, 1 where the photo has holes: nothing of it is kept there, up to the crop's border
    """
    side = len(edited.trust)
    original = crop(photo, frame, side)
    fade = ramp(side, _FEATHER if edited.layers is None else _NARROW)
    known = np.ones_like(fade) if missing is None else 1 - missing.astype(np.float32)
    fade = np.maximum(fade, 1 - known)
    offset = _border_colour(edited.shown, original.astype(np.float32), fade, known)
    edited = replace(edited, plain=edited.plain + offset, change=edited.change + offset)

    image, mask = photo.copy(), np.zeros(photo.shape[:2], np.float32)

    def finish(tile: tuple[slice, slice]) -> None:
        image[tile], mask[tile] = _part(photo, frame, edited, fade, others, *tile)

    each(finish, _tiles(photo, frame))
    around = _around(photo, frame)
    if np.array_equal(image[around], photo[around]):
        mask[around] = 0
    return Pasted(image, mask, _outside_change(photo, image, mask, around))


def _around(photo: np.ndarray, frame: Frame) -> tuple[slice, slice]:
    """The part of the photo that the frame's upright bounding box covers."""
    H, W = photo.shape[:2]
    x0, y0 = np.clip(np.floor(frame.corners.min(0)).astype(int), 0, (W - 1, H - 1))
    x1, y1 = np.clip(np.ceil(frame.corners.max(0)).astype(int), (x0 + 1, y0 + 1), (W, H))
    return slice(y0, y1), slice(x0, x1)


def _tiles(photo: np.ndarray, frame: Frame) -> Iterator[tuple[slice, slice]]:
    """Of the part of the photo around the frame."""
    rows, columns = _around(photo, frame)
    for y in range(rows.start, rows.stop, _TILE):
        for x in range(columns.start, columns.stop, _TILE):
            yield slice(y, min(y + _TILE, rows.stop)), slice(x, min(x + _TILE, columns.stop))


def _part(
    photo: np.ndarray,
    frame: Frame,
    edited: EditedFace,
    fade: np.ndarray,
    others: Sequence[Frame],
    rows: slice,
    columns: slice,
) -> tuple[np.ndarray, np.ndarray]:
    """One tile of the finished photo, uint8, and of the mask."""
    side = len(fade)
    to_crop, to_photo = frame.to_crop(side), frame.to_photo(side)
    to_crop = np.column_stack([to_crop[:, :2], to_crop[:, 2] + to_crop[:, :2] @ (columns.start, rows.start)])
    size = columns.stop - columns.start, rows.stop - rows.start

    def seen(image: np.ndarray, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        return resample(image, to_crop, size, border=border)

    patch = photo[rows, columns].astype(np.float32)
    weight = seen(fade, cv2.BORDER_CONSTANT).clip(0, 1)
    for other in others:
        weight = weight * (1 - face_ellipse(other, (columns.start, rows.start), weight.shape))
    weight[weight < 1e-3] = 0
    if not weight.any():
        return photo[rows, columns], weight
    way = seen(edited.source) @ (side * to_photo[:, :2].T).astype(np.float32)
    x, y = np.meshgrid(
        np.arange(columns.start, columns.stop, dtype=np.float32), np.arange(rows.start, rows.stop, dtype=np.float32)
    )
    turned = (to_photo[:, :2] / np.linalg.norm(to_photo[:, 0])).astype(np.float32)
    moved = _moved(photo, x + way[..., 0], y + way[..., 1], seen(edited.across) @ turned.T)
    if edited.layers is not None:
        here = edited.layers.seen(lambda m: _at(m, frame.to_crop(len(m)), x, y))
        there = edited.layers.seen(lambda m: _at(m, frame.to_crop(len(m)), x + way[..., 0], y + way[..., 1]))
        moved = before_background(moved.astype(np.float32), patch, there, here)
    plain, trust, grain = seen(edited.plain), *(seen(m).clip(0, 1)[..., None] for m in (edited.trust, edited.grain))
    plain += grain * (moved - seen(edited.moved))
    result = plain + trust * (moved + seen(edited.change) - plain)
    if edited.fill is not None:
        over, share = (_at(m, frame.to_crop(len(m)), x, y) for m in (edited.fill.picture, edited.fill.share))
        result += share[..., None] * (over - result)
    blended = patch + weight[..., None] * (result - patch)
    return blended.round().clip(0, 255).astype(np.uint8), weight


def _moved(photo: np.ndarray, x: np.ndarray, y: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The photo at places x, y, and where `across` [..., 2] px is not zero, smoothed so far to both sides."""

    def there(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return cv2.remap(photo, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)

    middle = there(x, y)
    if np.abs(across).max() < _UNSEEN:
        return middle
    beside = [there(x + sign * across[..., 0], y + sign * across[..., 1]).astype(np.float32) for sign in (1, -1)]
    return 0.5 * middle + 0.25 * (beside[0] + beside[1])


def _at(image: np.ndarray, to_crop: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The crop's map `image` [M, M, ...] at places x, y of the photo (pixel centres are whole numbers)."""
    (a, b, c), (d, e, f) = to_crop
    u, v = a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f
    return cv2.remap(
        image,
        (u - 0.5).astype(np.float32),
        (v - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def ramp(side: int, width: float) -> np.ndarray:
    """[side, side] float32: 0 at the border, 1 from `width` inwards, smooth and round in the corners."""
    t = (np.arange(side) + 0.5) / side
    depth = np.clip(np.minimum(t, 1 - t) / width, 0, 1)
    gap = np.hypot(1 - depth[:, None], 1 - depth[None, :])  # the corners' distance is round
    s = np.clip(1 - gap, 0, 1)
    return (s * s * (3 - 2 * s)).astype(np.float32)


def _border_colour(new: np.ndarray, old: np.ndarray, fade: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Smooth colour offset that makes `new` meet `old` along the fade, where the photo is `known` [S, S], and nothing deep inside."""
    side = len(fade)
    band = ((fade > 0) & (fade < 0.9)).astype(np.float32) * known
    sigma = 0.06 * side
    share = cv2.GaussianBlur(band, (0, 0), sigma) + 1e-3
    offset = cv2.GaussianBlur((old - new) * band[..., None], (0, 0), sigma) / share[..., None]
    t = (np.arange(side) + 0.5) / side
    edge = np.minimum(np.minimum(t, 1 - t)[:, None], np.minimum(t, 1 - t)[None, :])
    inwards = np.clip(1 - edge / _COLOUR_REACH, 0, 1)[..., None].astype(np.float32)
    return offset * inwards**2


def _outside_change(before: np.ndarray, after: np.ndarray, mask: np.ndarray, around: tuple[slice, slice]) -> float:
    """Over the whole photo; beyond `around` nothing was written."""
    outside = mask[around] == 0
    everywhere = mask.size - outside.size + int(outside.sum())
    changed = cv2.absdiff(before[around], after[around])[outside]
    return float(changed.sum(dtype=np.float64) / max(3 * everywhere, 1))
