"""What an edited face is made of: the photo's own pixels, moved, with what the edit changed; and the generator's where there are none.

The generator's picture need not show the photo exactly. Its mesh is laid onto the photo's, so its motion happens where the photo's
features are. In the face, changes of the picture beyond its motion are added: new shading, new folds. Elsewhere only tone is, since what
flickers in generated hair is no change.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .fields import SIDE, resized, sampled, smooth, spread, through_points
from .mesh import points_of
from .motion import Motion

_AGREE = 14.0  # grey levels: in the face, a difference of this size between the moved picture and the edited one is no motion ...
_AGREE_OUTSIDE = 25.0  # ... nor is a broad one of this size elsewhere
_BROAD = 0.02
_TONE = 0.03  # width of what counts as tone
_ROUNDS = 3
_CHANGE = 6.0  # grey levels: smaller changes of the picture are its noise
_STILL = 10.0  # grey levels: without motion, a change of this size replaces the photo's fine detail


@dataclass(frozen=True, eq=False)
class Carried:
    """An edited face in the photo's frame: `trust` of photo(x + source) + change, the rest `plain`. All maps have S px a side.

    plain [S, S, 3]    grey levels: what the generator shows, in the photo's tone
    change [S, S, 3]   grey levels: what is added to the photo's moved pixels
    trust [S, S]       in [0, 1]
    source [S, S, 2]   from where in the frame, as a displacement in shares of its side
    """

    plain: np.ndarray
    change: np.ndarray
    trust: np.ndarray
    source: np.ndarray

    def shown(self, photo: np.ndarray) -> np.ndarray:
        """[S, S, 3] float32, of the photo's crop [S, S, 3]."""
        moved = sampled(photo.astype(np.float32), self.source)
        return self.plain + self.trust[..., None] * (moved + self.change - self.plain)

    def picture(self, photo: np.ndarray) -> np.ndarray:
        """The same as uint8."""
        return self.shown(photo).round().clip(0, 255).astype(np.uint8)


def carried(photo: np.ndarray, motion: Motion) -> Carried:
    """The photo's crop [SIDE, SIDE, 3] uint8 along `motion`. Where nothing moves nor changes, exactly the photo."""
    before, after = (resized(picture, SIDE).astype(np.float32) for picture in (motion.before, motion.after))
    fine = np.exp(-np.square(sampled(before, motion.displacement) - after).sum(2) / 3 / _AGREE**2)
    broad = smooth(sampled(before, motion.displacement) - after, _BROAD)
    coarse = np.exp(-np.square(broad).sum(2) / 3 / _AGREE_OUTSIDE**2)
    trust = motion.face * smooth(fine, 0.01) * motion.sure + (1 - motion.face) * coarse

    # From the photo's frame into the generator's pictures: of after, of before; and from there into the photo again.
    apart = (points_of([photo])[0] - motion.before_points)[:, :2]
    to_after = -through_points(motion.after_points[:, :2] + apart, apart)
    source = sampled(motion.displacement, to_after)
    to_before = to_after + source
    laid_on = through_points(motion.before_points[:, :2] + apart, apart)
    for _ in range(_ROUNDS):  # source = to_before + laid_on(source); without motion exactly zero
        source = to_before + sampled(laid_on, source)
    trust, face = sampled(trust, to_after), sampled(motion.face, to_after)
    new, old, moved = sampled(after, to_after), sampled(before, to_before), sampled(photo.astype(np.float32), source)

    change = new - old
    tone = smooth(change * trust[..., None], _TONE) / (smooth(trust, _TONE)[..., None] + 1e-3)
    size = smooth(np.sqrt(np.square(change - tone).mean(2)), 0.01)
    kept = face * (1 - np.exp(-np.square(size / _CHANGE)))
    return Carried(
        plain=new + spread(moved - old, trust),
        change=tone + kept[..., None] * (change - tone),
        trust=trust,
        source=source,
    )


def still(edited: np.ndarray, photo: np.ndarray, known: np.ndarray | None = None) -> Carried:
    """An edit [S, S, 3] of the photo's crop [S, S, 3] uint8 that moved nothing, as a restoration: fine detail stays where little changed.

    known : [S, S] in [0, 1], 0 where the photo has holes: nothing of it is kept there
    """
    new, old = edited.astype(np.float32), photo.astype(np.float32)
    change = cv2.GaussianBlur(np.abs(new - old).max(axis=2), (0, 0), max(len(new) / 100, 0.8))
    trust = np.exp(-((change / _STILL) ** 2)).astype(np.float32)
    return Carried(new, new - old, trust if known is None else trust * known, np.zeros((*trust.shape, 2), np.float32))
