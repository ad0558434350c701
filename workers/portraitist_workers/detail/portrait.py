"""A portrait larger than the generator makes it: its own picture, with the fine detail of the person's photos.

The generator says where, the photos say what. A photo's detail is what the generator's size cannot hold. It moves along the latent path
from the photo's anchor to the portrait. Light and tone stay the portrait's.

In hair a generator's strands are other ones in each picture, so the photo's never agree with them. Where both show hair, the photo's stand
in place of the portrait's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .backdrop import person_of
from .fields import SIDE, resized, sampled, smooth, spread, through_points
from .mesh import points_of
from .motion import Motion
from .parts import parts_of

_FINEST = 0.9  # px of the generator's picture: blur beyond which detail begins
_BAND = 0.008, 0.04  # widths between which two pictures are compared: light is broader
_OUTSIDE = 0.3  # trust in flow in hair, neck and clothes: their texture sticks to the picture, or flickers
_NO_FOLD = 0.03
_EVEN = 16.0  # grey levels: detail beside the face is weaker. What is stronger is a strap or a bright strand that the portrait lacks
_AGREE = 9.0  # grey levels: a difference of this size in that band is another thing
_LIGHT = (
    0.5,
    1.1,
)  # a photo's detail is weaker where the portrait is darker. Stronger it would show the noise of dark photos
_HAIR = 0.3, 0.6  # of the parser's hair: where it begins, and is whole
_HAIR_SOFT = 0.006  # of the side, over which the one's strands become the other's
_EDGE = 5  # px of SIDE about the photo's outline: there what is behind the person shows through
_GLINT = 28.0  # grey levels: what is so much brighter than the hair about it is the background, seen between locks
_STRANDS = 0.03  # of the side: what is broader in hair is the portrait's tone


@dataclass(frozen=True, eq=False)
class Detail:
    """Fine detail for a portrait: picture [S, S, 3] grey levels to be added, share [S, S] in [0, 1]: how far it is to be believed."""

    picture: np.ndarray
    share: np.ndarray


def detail_of(photo: np.ndarray, motion: Motion) -> Detail:
    """Of the photo's crop [S, S, 3] uint8, which `motion.before` shows, for the portrait `motion.after`."""
    side, generated = len(photo), len(motion.after.picture)
    fine = photo.astype(np.float32) - cv2.GaussianBlur(photo.astype(np.float32), (0, 0), _FINEST * side / generated)
    before, after = (resized(shown.picture, SIDE).astype(np.float32) for shown in (motion.before, motion.after))
    displacement = _carried_on(motion)
    moved = sampled(before, displacement)
    off = _band(moved) - _band(after)
    agree = smooth(np.exp(-np.square(off / _AGREE).mean(2)), 0.01)
    apart = (points_of([photo])[0] - motion.before.points)[:, :2]
    source = displacement + sampled(through_points(motion.before.points[:, :2], apart), displacement)
    parts = parts_of([photo, motion.before.picture, motion.after.picture])
    heads = 1 - parts["background"]
    person = np.minimum(np.minimum(sampled(heads[0], source), sampled(heads[1], displacement)), heads[2])
    share = motion.sure * agree**2 * smooth(np.clip((person - 0.5) / 0.4, 0, 1), 0.01)

    light = ((smooth(after, 0.03).mean(2) + 8) / (smooth(moved, 0.03).mean(2) + 8)).clip(*_LIGHT)
    taken = _laid(fine, source)
    face = resized(motion.face, side).clip(0, 1)[..., None]
    even = taken / np.sqrt(np.sqrt(1 + np.square(np.square(taken / _EVEN))))
    taken = (even + face * (taken - even)) * resized(share * light, side)[..., None]

    there, here = person_of(photo, heads[0]), person_of(motion.after.picture, heads[2])
    inner = cv2.erode(there, np.ones((_EDGE, _EDGE), np.uint8))
    hair = np.minimum(sampled(np.minimum(parts["hair"][0], inner), source), np.minimum(parts["hair"][2], here))
    hair = smooth(np.clip((hair - _HAIR[0]) / (_HAIR[1] - _HAIR[0]), 0, 1), _HAIR_SOFT)
    strands = _laid(np.minimum(_finer(photo, there), _GLINT), source) * resized(light, side)[..., None]
    strands -= _finer(resized(motion.after.picture, side), here)
    taken += resized(hair, side).clip(0, 1)[..., None] * (strands - taken)
    return Detail(taken, resized(hair + (1 - hair) * share, side).clip(0, 1))


def with_detail(portrait: np.ndarray, details: Sequence[Detail], side: int) -> np.ndarray:
    """`portrait` [R, R, 3] uint8 at `side` px, as the details are; where the first of them says little, the next one fills."""
    out, left = resized(portrait.astype(np.float32), side), np.ones((side, side), np.float32)
    for detail in details:
        out = out + left[..., None] * detail.picture
        left = left * (1 - detail.share)
    return out.round().clip(0, 255).astype(np.uint8)


def _laid(picture: np.ndarray, source: np.ndarray) -> np.ndarray:
    """`picture` [S, S, 3] at each pixel's place plus `source` [SIDE, SIDE, 2]."""
    side = len(picture)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    way = resized(source, side) * side
    return cv2.remap(picture, x + way[..., 0], y + way[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def _finer(picture: np.ndarray, person: np.ndarray) -> np.ndarray:
    """What strands are in a picture [S, S, 3]: it without its tone, to which nothing behind the `person` [SIDE, SIDE] belongs."""
    weight = person**2 + 0.001
    tone = smooth(resized(picture, SIDE) * weight[..., None], _STRANDS) / smooth(weight, _STRANDS)[..., None]
    return picture - resized(tone, len(picture))


def _carried_on(motion: Motion) -> np.ndarray:
    """The displacement, where it is not sure as it is around there."""
    decides = motion.sure * (motion.face + _OUTSIDE * (1 - motion.face))
    found = motion.displacement
    found = found + (1 - decides[..., None]) * (spread(found, decides**2) - found)
    even = smooth(found, _NO_FOLD)  # along the mesh's border the two guesses meet: no fold may be left there
    return even + smooth(cv2.erode(motion.face, np.ones((9, 9), np.uint8)), 0.015)[..., None] * (found - even)


def _band(picture: np.ndarray) -> np.ndarray:
    return smooth(picture, _BAND[0]) - smooth(picture, _BAND[1])
