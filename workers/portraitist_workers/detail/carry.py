"""What an edited face is made of: the photo's own pixels, moved, with what the edit changed; and the generator's where there are none.

The generator's picture need not show the photo exactly. Its mesh is laid onto the photo's, so its motion happens where the photo's
features are. In the face, changes of the picture beyond its motion are added: new shading, new folds. Elsewhere only tone is, since what
flickers in generated hair is no change.
"""

from __future__ import annotations

import numpy as np

from ..faces.edited import EditedFace
from .fields import SIDE, resized, sampled, smooth, spread, through_points
from .mesh import points_of
from .motion import Motion

_AGREE = 14.0  # grey levels: in the face, a difference of this size between the moved picture and the edited one is no motion ...
_AGREE_OUTSIDE = 25.0  # ... nor is a broad one of this size elsewhere
_BROAD = 0.02
_TONE = 0.03  # width of what counts as tone
_ROUNDS = 3
_CHANGE = 6.0  # grey levels: smaller changes of the picture are its noise


def carried(photo: np.ndarray, motion: Motion) -> EditedFace:
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
    return EditedFace(
        plain=new + spread(moved - old, trust),
        change=tone + kept[..., None] * (change - tone),
        trust=trust,
        source=source,
        grain=face * sampled(motion.sure, to_after),
        moved=moved,
    )
