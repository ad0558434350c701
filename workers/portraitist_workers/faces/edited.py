"""An edited face, as maps that say of each pixel how it is made of the photo's own pixels and of generated ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_STILL = 10.0  # grey levels: without motion, a change of this size replaces the photo's fine detail


@dataclass(frozen=True, eq=False)
class EditedFace:
    """In the photo's frame: `trust` of photo(x + source) + change, the rest `plain` with `grain`. Maps have S px a side.

    plain [S, S, 3]    grey levels: what the generator shows, in the photo's tone
    change [S, S, 3]   grey levels: what is added to the photo's moved pixels
    trust [S, S]       in [0, 1]
    source [S, S, 2]   from where in the frame, as a displacement in shares of its side
    grain [S, S]       in [0, 1]: how much of what the moved photo holds beyond `moved` is added to `plain`
    moved [S, S, 3]    grey levels: the moved photo at this size
    """

    plain: np.ndarray
    change: np.ndarray
    trust: np.ndarray
    source: np.ndarray
    grain: np.ndarray
    moved: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """[S, S, 3] float32: the edited face at the size of the maps."""
        return self.plain + self.trust[..., None] * (self.moved + self.change - self.plain)


def still(edited: np.ndarray, photo: np.ndarray, known: np.ndarray | None = None) -> EditedFace:
    """An edit [S, S, 3] of the photo's crop [S, S, 3] uint8 that moved nothing, as a restoration: fine detail stays where little changed.

    known : [S, S] in [0, 1], 0 where the photo has holes: nothing of it is kept there
    """
    new, old = edited.astype(np.float32), photo.astype(np.float32)
    change = cv2.GaussianBlur(np.abs(new - old).max(axis=2), (0, 0), max(len(new) / 100, 0.8))
    trust = np.exp(-((change / _STILL) ** 2)).astype(np.float32)
    trust = trust if known is None else trust * known
    return EditedFace(new, new - old, trust, np.zeros((*trust.shape, 2), np.float32), np.zeros_like(trust), old)
