"""Behind an edited head, the photo's own background.

Moving a head in a generator also moves what is behind it a little: tone and colour drift. Pasted back, that shows as a
square. The drift is smooth, so it can be read off wherever both pictures show background, carried on smoothly to where only
the edited one does, and subtracted there. Head and background are told apart by GrabCut (Rother, Kolmogorov, Blake 2004); as
only a smooth tint is taken away, hair that it takes for background keeps its texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_ROUNDS = 4            # of GrabCut
_SCALES = (0.06, 0.2)  # of the crop's side: near background decides first, the far one where there is none near
_OUTLIER = 25.0        # grey levels: a difference that deviates so much from its surroundings is no drift


@dataclass(frozen=True, eq=False)
class Heads:
    """Where the head is before and after an edit, [S, S] uint8 each."""

    before: np.ndarray
    after: np.ndarray

    @classmethod
    def find(cls, original: np.ndarray, edited: np.ndarray) -> Heads:
        """In two FFHQ crops [S, S, 3] uint8."""
        return cls(head_mask(original), head_mask(edited))

    @property
    def gone(self) -> np.ndarray:
        """[S, S] float32 in [0, 1]: head before, background now. Thin slivers along the outline do not count."""
        return _soft(self.before & ~self.after & 1)

    @property
    def moved(self) -> np.ndarray:
        """[S, S] float32 in [0, 1]: head in one of the two only."""
        return _soft(self.before ^ self.after)


def keep_backdrop(edited: np.ndarray, original: np.ndarray, heads: Heads) -> np.ndarray:
    """`edited` [S, S, 3] uint8 with the tone of `original`'s background wherever it shows background."""
    side = len(edited)
    known = (cv2.dilate(heads.after | heads.before, np.ones((5, 5), np.uint8)) == 0).astype(np.float32)
    if known.mean() < 0.02:  # the head fills the crop: nothing to go by
        return edited
    difference = original.astype(np.float32) - edited
    surroundings, _ = _carried_on(difference, known, _SCALES[-1] * side)
    known *= np.linalg.norm(difference - surroundings, axis=2) < _OUTLIER
    drift, left = np.zeros_like(difference), np.ones((side, side), np.float32)
    for scale in _SCALES:
        estimate, share = _carried_on(difference, known, scale * side)
        trust = np.clip(share / 0.15, 0, 1) * left
        drift += trust[..., None] * estimate
        left -= trust
    background = 1 - cv2.GaussianBlur(heads.after.astype(np.float32), (0, 0), side / 80)
    return (edited + background[..., None] * drift).round().clip(0, 255).astype(np.uint8)


def head_mask(crop: np.ndarray) -> np.ndarray:
    """[S, S] uint8: 1 where the FFHQ crop [S, S, 3] shows the person, as far as GrabCut can tell."""
    side = len(crop)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    labels = np.full((side, side), cv2.GC_PR_BGD, np.uint8)
    labels[_ellipse(x, y, 0.36, 0.45) | ((y > 0.75) & (abs(x - 0.5) < 0.25))] = cv2.GC_PR_FGD
    labels[_ellipse(x, y, 0.23, 0.38) | ((y > 0.8) & (abs(x - 0.5) < 0.12))] = cv2.GC_FGD
    labels[(~_ellipse(x, y, 0.5, 0.52) & (y < 0.75)) | (x < 0.04) | (x > 0.96) | (y < 0.02)] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # its colour clusters start at random
    models = np.zeros((2, 1, 65))
    cv2.grabCut(np.ascontiguousarray(crop[..., ::-1]), labels, None, models[0], models[1], _ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(person)
    person = (parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    return cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))


def _soft(mask: np.ndarray) -> np.ndarray:
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(cv2.dilate(opened, np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), len(mask) / 64)


def _ellipse(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.hypot((x - 0.5) / half_width, (y - 0.48) / half_height) < 1


def _carried_on(values: np.ndarray, known: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Blurred over what is known: values [S, S, 3] everywhere, and how much was known around each pixel, [S, S]."""
    share = cv2.GaussianBlur(known, (0, 0), sigma)
    return cv2.GaussianBlur(values * known[..., None], (0, 0), sigma) / (share[..., None] + 1e-4), share
