"""Behind an edited head, the photo's own background.

Moving a head in a generator also moves what is behind it a little: tone and colour drift. Pasted back, that shows as a
square. The drift is smooth, so it can be read off wherever both pictures show background, carried on smoothly to where only
the edited one does, and subtracted there. The face parser tells head and background apart; as only a smooth tint is taken
away, hair that it takes for background keeps its texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .image_io import to_tensor
from .parser import load_parser

_FACE = ("skin", "brows", "eyes", "nose", "lips", "mouth")
_SCALES = (0.06, 0.2)  # of the crop's side: near background decides first, the far one where there is none near
_OUTLIER = 25.0  # grey levels: a difference that deviates so much from its surroundings is no drift


@dataclass(frozen=True, eq=False)
class Heads:
    """Where the person is before and after an edit, and where the face is in both pictures: probabilities [S, S], float32."""

    before: np.ndarray
    after: np.ndarray
    face: np.ndarray

    @classmethod
    def find(cls, original: np.ndarray, edited: np.ndarray) -> Heads:
        """In two FFHQ crops [S, S, 3] uint8. Raises PriorUnavailable when there is no parser."""
        parser = load_parser()
        parts = parser(to_tensor(np.stack([original, edited]))).cpu().numpy()
        before, after = 1 - parts[:, parser.names.index("background")]
        faces = parts[:, [parser.names.index(name) for name in _FACE]].sum(1)
        return cls(before, after, faces.min(0))

    @property
    def gone(self) -> np.ndarray:
        """[S, S] float32 in [0, 1]: head before, background now. Thin slivers along the outline do not count."""
        return _soft((self.before > 0.5) & (self.after < 0.5))

    @property
    def moved(self) -> np.ndarray:
        """[S, S] float32 in [0, 1]: head in one of the two only."""
        return _soft((self.before > 0.5) != (self.after > 0.5))


def keep_backdrop(edited: np.ndarray, original: np.ndarray, heads: Heads) -> np.ndarray:
    """`edited` [S, S, 3] uint8 with the tone of `original`'s background wherever it shows background."""
    side = len(edited)
    known = (cv2.dilate(np.maximum(heads.before, heads.after), np.ones((5, 5), np.uint8)) < 0.3).astype(np.float32)
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
    background = 1 - cv2.GaussianBlur(heads.after, (0, 0), side / 80)
    return (edited + background[..., None] * drift).round().clip(0, 255).astype(np.uint8)


def _soft(mask: np.ndarray) -> np.ndarray:
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(cv2.dilate(opened, np.ones((5, 5), np.uint8)).astype(np.float32), (0, 0), len(mask) / 64)


def _carried_on(values: np.ndarray, known: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Blurred over what is known: values [S, S, 3] everywhere, and how much was known around each pixel, [S, S]."""
    share = cv2.GaussianBlur(known, (0, 0), sigma)
    return cv2.GaussianBlur(values * known[..., None], (0, 0), sigma) / (share[..., None] + 1e-4), share
