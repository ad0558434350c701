"""An edited face, as maps that say of each pixel how it is made of the photo's own pixels and of generated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .align import WHOLE, Frame, Square, crop

_STRETCHED, _MOST_STRETCHED = (
    1.3,
    3.0,
)  # times: what is stretched less has no streaks, and what is stretched more is taken for so much
_STREAK = 0.9  # px for each of those times
_STILL = 10.0  # grey levels: without motion, a change of this size replaces the photo's fine detail


@dataclass(frozen=True, eq=False)
class Layers:
    """The person before what stands behind, in the photo's frame. Maps have M px a side.

    matte [M, M] uint8      255: all of the pixel is the person
    behind [M, M, 4] uint8  the background's RGB without the person; and 0 where the photo itself shows it, 255 where it is made up
    """

    matte: np.ndarray
    behind: np.ndarray

    def seen(self, look: Callable[[np.ndarray], np.ndarray]) -> Layers:
        """All maps through `look`."""
        return Layers(look(self.matte), look(self.behind))


def before_background(moved: np.ndarray, still: np.ndarray, there: Layers, here: Layers) -> np.ndarray:
    """A moved picture [..., 3], with what stands behind left where it was. `still` [..., 3] is the picture that did not move.

    `there` are the layers where `moved` comes from, `here` those in place. A pixel is a F + (1 - a) B. It moves with its background, which
    is exchanged: so without motion it stays as it is, whatever the layers say.
    """
    old, new = (_plate(picture, layers.behind) for picture, layers in ((moved, there), (still, here)))
    return moved + (1 - there.matte.astype(np.float32) / 255)[..., None] * (new - old)


def _plate(picture: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return picture + behind[..., 3:].astype(np.float32) / 255 * (behind[..., :3] - picture)


@dataclass(frozen=True, eq=False)
class Fill:
    """What another photo shows, in the photo's frame: picture [M, M, 3] grey levels, and its share [M, M] in [0, 1] of each pixel.
    `name` is the photo's. None: no photo shows it, and it is made up."""

    name: str | None
    picture: np.ndarray
    share: np.ndarray

    def over(self, face: np.ndarray) -> np.ndarray:
        """Laid over the frame [S, S, 3] grey levels, at that size."""
        size = face.shape[1::-1]
        picture, share = (cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in (self.picture, self.share))
        return face + share[..., None] * (picture - face)


@dataclass(frozen=True, eq=False)
class EditedFace:
    """In the photo's frame: `trust` of photo(x + source) + change, the rest `plain` with `grain`. Maps have S px a side.

    plain [S, S, 3]    grey levels: what the generator shows, in the photo's tone
    change [S, S, 3]   grey levels: what is added to the photo's moved pixels
    trust [S, S]       in [0, 1]
    source [S, S, 2]   from where in the frame, as a displacement in shares of its side
    grain [S, S]       in [0, 1]: how much of what the moved photo holds beyond `moved` is added to `plain`
    moved [S, S, 3]    grey levels: the moved photo at this size
    layers             None: the background moves with the person
    fill               what is laid over all of that
    square             where in the frame the face lies now: the frame follows a face that turns
    """

    plain: np.ndarray
    change: np.ndarray
    trust: np.ndarray
    source: np.ndarray
    grain: np.ndarray
    moved: np.ndarray
    layers: Layers | None = None
    fill: Fill | None = None
    square: Square = WHOLE

    @property
    def shown(self) -> np.ndarray:
        """[S, S, 3] float32: the edited face at the size of the maps."""
        face = self.plain + self.trust[..., None] * (self.moved + self.change - self.plain)
        return face if self.fill is None else self.fill.over(face)

    @property
    def across(self) -> np.ndarray:
        """[S, S, 2] px of the photo, along the frame's axes: how far to both sides its moved pixels are smoothed. Where they are stretched
        one way, noise and ragged outlines would become streaks. So they are smoothed the other way."""
        side = len(self.source)
        widths = [1 + side * np.gradient(self.source[..., i], axis=1 - i) for i in (0, 1)]
        stretch = [1 / np.clip(np.abs(width), 1 / _MOST_STRETCHED, None) for width in widths]
        pairs = (stretch[1] / stretch[0], stretch[0] / stretch[1])
        return _STREAK * np.sqrt(np.stack([np.maximum(s**2 - _STRETCHED**2, 0) for s in pairs], -1)).astype(np.float32)

    @property
    def aligned(self) -> np.ndarray:
        """[S, S, 3] uint8: `shown`, cut to where the face is."""
        side, shown = len(self.trust), self.shown.round().clip(0, 255).astype(np.uint8)
        return (
            shown
            if self.square == WHOLE
            else crop(shown, Frame(side / 2, side / 2, side / 2, 0.0).within(self.square), side)
        )


def still(edited: np.ndarray, photo: np.ndarray, known: np.ndarray | None = None) -> EditedFace:
    """An edit [S, S, 3] of the photo's crop [S, S, 3] uint8 that moved nothing, as a restoration: fine detail stays where little changed.

    known : [S, S] in [0, 1], 0 where the photo has holes: nothing of it is kept there
    """
    new, old = edited.astype(np.float32), photo.astype(np.float32)
    change = cv2.GaussianBlur(np.abs(new - old).max(axis=2), (0, 0), max(len(new) / 100, 0.8))
    trust = np.exp(-((change / _STILL) ** 2)).astype(np.float32)
    trust = trust if known is None else trust * known
    return EditedFace(new, new - old, trust, np.zeros((*trust.shape, 2), np.float32), np.zeros_like(trust), old)
