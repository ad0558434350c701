"""An edited crop back into its photo, without a visible seam.

Three things hide the seam. The crop fades out towards its border. Its low frequencies are pulled to the photo's along
that border. Where the edit changed nothing, the photo's own fine detail is kept, which a small crop cannot hold.
Pixels where the mask is zero are the photo's own, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .align import Frame, crop, resample
from .backdrop import Heads

_FEATHER = 0.14  # of the crop's side: width of the fade from the border inwards ...
_FEATHER_HEAD = 0.05  # ... and where the old head must go: in a wide fade it would stay as a ghost
_COLOUR_REACH = 0.30  # of the crop's side: how deep the colour match at the border reaches
_CHANGE = 10.0  # grey levels: an edit of this size replaces the photo's fine detail


@dataclass(frozen=True, eq=False)
class Pasted:
    """The finished photo; `mask` [H, W] float32 says how much of each pixel is the crop's."""

    image: np.ndarray
    mask: np.ndarray
    outside_change: float  # mean |change| in grey levels (0-255) where the mask is 0: zero unless something is wrong


def paste(
    photo: np.ndarray,
    frame: Frame,
    edited: np.ndarray,
    *,
    original: np.ndarray | None = None,
    others: Sequence[Frame] = (),
    heads: Heads | None = None,
    missing: np.ndarray | None = None,
) -> Pasted:
    """Put `edited` [S, S, 3] uint8 into `photo` [H, W, 3] at `frame`.

    original : the unedited crop at the same size; None: cropped from `photo`
    others   : frames of other people's faces, which stay untouched
    heads    : where the head is before and after, when the edit moved it
    missing  : [S, S] in {0, 1}, 1 where the photo has holes: nothing of it is kept there, up to the crop's border
    """
    side = edited.shape[0]
    original = crop(photo, frame, side) if original is None else original
    fade = border_fade(side)
    if heads is not None:
        fade = fade + heads.gone * (border_fade(side, _FEATHER_HEAD) - fade)
    new = edited.astype(np.float32)
    old = original.astype(np.float32)
    known = np.ones_like(fade) if missing is None else 1 - missing.astype(np.float32)
    fade = np.maximum(fade, 1 - known)
    new = new + _border_colour(new, old, fade, heads, known)
    detail = _detail_weight(new, old) * known

    H, W = photo.shape[:2]
    corners = frame.corners
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, (W - 1, H - 1))
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int), (x0 + 1, y0 + 1), (W, H))
    to_crop = frame.to_crop(side)
    region = np.column_stack([to_crop[:, :2], to_crop[:, 2] + to_crop[:, :2] @ (x0, y0)])  # region coordinates -> crop

    def seen(image: np.ndarray, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        return resample(image, region, (int(x1 - x0), int(y1 - y0)), border=border)

    patch = photo[y0:y1, x0:x1].astype(np.float32)
    weight = seen(fade, cv2.BORDER_CONSTANT).clip(0, 1)
    for other in others:
        weight = weight * (1 - _face_ellipse(other, (int(x0), int(y0)), weight.shape))
    weight[weight < 1e-3] = 0
    up_new, up_old = seen(new), seen(old)
    result = up_new + seen(detail).clip(0, 1)[..., None] * (patch - up_old)
    blended = patch + weight[..., None] * (result - patch)

    image = photo.copy()
    image[y0:y1, x0:x1] = blended.round().clip(0, 255).astype(np.uint8)
    mask = np.zeros((H, W), np.float32)
    mask[y0:y1, x0:x1] = weight
    return Pasted(image, mask, _outside_change(photo, image, mask))


def border_fade(side: int, feather: float = _FEATHER) -> np.ndarray:
    """[side, side] float32: 0 at the crop's border, 1 from `feather` inwards, smooth and round in the corners."""
    t = (np.arange(side) + 0.5) / side
    depth = np.clip(np.minimum(t, 1 - t) / feather, 0, 1)
    gap = np.hypot(1 - depth[:, None], 1 - depth[None, :])  # the corners' distance is round
    s = np.clip(1 - gap, 0, 1)
    return (s * s * (3 - 2 * s)).astype(np.float32)


def _border_colour(
    new: np.ndarray, old: np.ndarray, fade: np.ndarray, heads: Heads | None, known: np.ndarray
) -> np.ndarray:
    """Smooth colour offset that makes `new` meet `old` along the fade, and nothing deep inside."""
    side = len(fade)
    band = ((fade > 0) & (fade < 0.9)).astype(np.float32) * known
    if heads is not None:  # hair against wall is no difference of tone
        band = band * (1 - heads.moved)
    sigma = 0.06 * side
    share = cv2.GaussianBlur(band, (0, 0), sigma) + 1e-3
    offset = cv2.GaussianBlur((old - new) * band[..., None], (0, 0), sigma) / share[..., None]
    t = (np.arange(side) + 0.5) / side
    edge = np.minimum(np.minimum(t, 1 - t)[:, None], np.minimum(t, 1 - t)[None, :])
    inwards = np.clip(1 - edge / _COLOUR_REACH, 0, 1)[..., None].astype(np.float32)
    return offset * inwards**2


def _detail_weight(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """[S, S] float32: 1 where the edit changed nothing (keep the photo's detail), 0 where it changed much."""
    change = np.abs(new - old).max(axis=2)
    change = cv2.GaussianBlur(change, (0, 0), max(len(new) / 100, 0.8))
    return np.exp(-((change / _CHANGE) ** 2)).astype(np.float32)


def _face_ellipse(frame: Frame, origin: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """[h, w] float32 soft ellipse over the face in `frame`, in a region that starts at `origin`."""
    h, w = shape
    x, y = np.meshgrid(np.arange(w) + 0.5 + origin[0] - frame.centre_x, np.arange(h) + 0.5 + origin[1] - frame.centre_y)
    half = frame.size / 2
    u, v = (x * frame.half_x + y * frame.half_y) / half**2, (y * frame.half_x - x * frame.half_y) / half**2
    radius = np.hypot(u / 0.62, (v - 0.02) / 0.85)
    return np.clip((1.15 - radius) / 0.15, 0, 1).astype(np.float32)


def _outside_change(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> float:
    outside = mask == 0
    if not outside.any():
        return 0.0
    return float(cv2.absdiff(before, after)[outside].mean())
