"""A portrait before a plain backdrop: the colours that the generator put behind the person, without their marks.

Of backgrounds a generator learns little more than colours. Between the photos it draws mottles there, and pillars in the colour of hair.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.image_io import to_tensor
from ..faces.segment import load_people
from .fields import SIDE, resized, smooth
from .matte import guided
from .parts import heads_of

_RADIUS, _EPSILON = 5, 3e-5  # of the guided filter: px of SIDE, squared intensities in [0, 1]
_SURE = 0.25, 0.95  # of the outline's slope: what begins and ends so is the person's. The rest is the generator's blur
_EVEN = 0.0035  # of the side: the generator's pixels show in no outline
_GROWN = 0.03  # of the side: so near to the person nothing is believed to be background
_STRANDS = 0.03  # of the side: so far from what is surely the person, single hairs end
_COARSE = 64  # px a side that the backdrop is found at
_BROAD = 0.25  # of the side: width of its shades
_RIM = 0.008  # of the side: so near the person's own colours go on to their outline
_LITTLE = 0.01


def before_backdrop(portrait: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """`portrait` [S, S, 3] uint8 with the person as they are and a plain backdrop; `generated` [R, R, 3] uint8 is the generator's picture.

    Deterministic. A face that fills the picture has no backdrop, and comes back as it is. Raises PriorUnavailable."""
    person = person_of(generated, heads_of([generated])[0])
    apart = _dilated(person, _GROWN) < 0.05
    if not apart.any():
        return portrait
    side, picture = len(portrait), portrait.astype(np.float32)
    backdrop = resized(_shades(generated, apart.astype(np.float32)), side)
    share = resized(person, side).clip(0, 1)[..., None]
    # On the outline the old background shows through. There the person has the colours of their next pixels inside.
    sure = ((share[..., 0] - 0.9) / 0.1).clip(0, 1)
    inner = smooth(sure, _RIM)[..., None] + _LITTLE
    inside = (smooth(sure[..., None] * picture, _RIM) + _LITTLE * picture) / inner
    shown = inside + share**2 * (picture - inside)
    return (backdrop + share * (shown - backdrop)).round().clip(0, 255).astype(np.uint8)


def person_of(picture: np.ndarray, head: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: how much of each pixel of a picture [R, R, 3] uint8 is the person, by two networks. The segmenter loses dark
    hair. The parser, which says `head` [SIDE, SIDE], has holes in it."""
    small = resized(picture, SIDE)
    soft = (load_people()(to_tensor(small))[0].cpu().numpy() + head) / 2
    fine = guided(small.astype(np.float32) / 255, soft, _RADIUS, _EPSILON)
    share = ((fine - _SURE[0]) / (_SURE[1] - _SURE[0])).clip(0, 1).astype(np.float32)
    return smooth(share * _dilated(_largest(share > 0.5), _STRANDS), _EVEN)


def _largest(area: np.ndarray) -> np.ndarray:
    """Its largest connected part, in {0, 1}: what lies apart from the person is a mottle."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8))
    return (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else area).astype(np.float32)


def _dilated(area: np.ndarray, share: float) -> np.ndarray:
    reach = 2 * round(share * SIDE) + 1
    return cv2.dilate(area, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))


def _shades(picture: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """[_COARSE, _COARSE, 3] grey levels: the colours where the picture is `apart` [SIDE, SIDE] from the person, spread far."""
    known = resized(apart, _COARSE)
    colours = resized(resized(picture, SIDE) * apart[..., None], _COARSE)
    return smooth(colours, _BROAD) / (smooth(known, _BROAD) + 1e-6)[..., None]
