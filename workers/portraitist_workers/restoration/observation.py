"""What a damaged photo tells: its face in the prior's frame, at the size that the photo has it in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, Mask, MotionBlur, Noise
from portraitist.errors import InvalidRequest
from portraitist.requests import Face

from ..faces import image_io
from ..faces.align import Frame, crop
from ..persona.model import PersonaModel
from . import degrade, holes
from .locate import locate

LEAST_SIDE = 4  # px of the face's square in the photo
SHARP = 0.5  # px: a blur of this size leaves the prior's detail nearly whole


@dataclass(frozen=True)
class Observation:
    """The photo as it will be delivered, around the face, and the face as it was seen.

    photo     [H, W, 3] enlarged by the named downsampling, or in its own size ("auto"); `frame` and `others` are in its px
    observed  [1, 3, n, n] the face's square as degraded, n <= R
    naive     [1, 3, R, R] the same, enlarged
    known     [1, 1, R, R] 1 where the photo is known; None without a mask
    sides     the square's sides in px after each downsampling, the last being n
    """

    photo: np.ndarray
    frame: Frame
    others: tuple[Frame, ...]
    observed: Tensor
    naive: Tensor
    known: Tensor | None = None
    sides: tuple[int, ...] = ()
    unfilled: float = 0.0  # share of the holes' area outside the frame

    def degrade(self, chain: Sequence[Degradation], image: Tensor) -> Tensor:
        """`image` [B, 3, R, R] through the chain, as `observed` has been: [B, 3, n, n]."""
        return degrade.apply(chain, image, known=self.known, sides=self.sides)

    def detail_kept(self, chain: Sequence[Degradation]) -> float:
        """How much detail of the face the photo still has, 0-1: by its size and its blur. After noise or JPEG it is 0."""
        kept = self.observed.shape[-1] / self.naive.shape[-1]
        for item in chain:
            match item:
                case GaussianBlur(sigma=sigma):
                    kept = min(kept, SHARP / sigma)
                case MotionBlur(length=length):
                    kept = min(kept, 4 * SHARP / length)
                case Noise() | Jpeg():
                    return 0.0
        return kept

    def at(self, side: int, chain: Sequence[Degradation]) -> Observation:
        """The same with a square of `side` px in place of R, for a `chain` that is scaled to it. What was downsampled stays so small."""
        naive = image_io.to_tensor(crop(self.photo, self.frame, side)[None])
        known = None if self.known is None else F.interpolate(self.known, size=side)
        observed = self.observed if self.sides else seen_through(naive, known, chain)
        return replace(self, observed=observed, naive=naive, known=known)


def observe(
    photo: np.ndarray,
    chain: Sequence[Degradation],
    model: PersonaModel,
    read: Callable[[str], bytes],
    name: str,
    *,
    keep_size: bool = False,
    face: Face = None,
) -> Observation:
    """The face in `photo` [H, W, 3] as `chain` left it.

    A photo that was downsampled is delivered larger by the factor, or with `keep_size` in its own size. The face's own size says how much
    of it was lost, not the factor. A face of 60 px has lost half of the prior's 128, also in a photo that was 8 times larger.
    `read` gets the bytes of a mask. `face`: a place of `photo` in the face that is meant.

    Raises FaceNotFound, and InvalidRequest for a mask that does not fit and a face that is too small or is not there.
    """
    R = model.prior.resolution
    factors = [item.factor for item in chain if isinstance(item, Downsample)]
    factor = math.prod(factors)
    height, width = photo.shape[:2]
    large = cv2.resize(photo, (width * factor, height * factor), interpolation=cv2.INTER_CUBIC) if factor > 1 else photo
    missing = None
    for item in chain:
        if isinstance(item, Mask):
            mask = holes.read_mask(read(item.image), photo)
            missing = mask if missing is None else missing | mask
    if missing is not None and factor > 1:
        missing = np.kron(missing, np.ones((factor, factor), bool))
    frame, others = locate(large, model, name, missing, face, factor)
    known = None if missing is None else holes.known_in(missing, frame, R, enlarged=factor)
    naive = image_io.to_tensor(crop(large, frame, R)[None])
    own = frame.scaled(1 / factor)
    sides = _sides(factors, own, R)
    observed = image_io.to_tensor(crop(photo, own, sides[-1])[None]) if sides else naive
    observed = seen_through(observed, known, chain)
    outside = 0.0 if missing is None else holes.unfilled(missing, frame)
    if keep_size and factor > 1:
        return Observation(
            photo, own, tuple(other.scaled(1 / factor) for other in others), observed, naive, known, sides, outside
        )
    return Observation(large, frame, others, observed, naive, known, sides, outside)


def seen_through(picture: Tensor, known: Tensor | None, chain: Sequence[Degradation]) -> Tensor:
    """The photo [1, 3, n, n] with the middle grey in its holes, and without colour where it lost its own."""
    if known is not None:
        picture = picture * degrade.known_at(known, picture.shape[-1])
    return degrade.greyscale(picture) if any(isinstance(item, Greyscale) for item in chain) else picture


def _sides(factors: Sequence[int], own: Frame, R: int) -> tuple[int, ...]:
    """The square's side after each downsampling: from R to what the photo has, in the proportions of the factors."""
    if not factors:
        return ()
    last = min(round(own.size), R)
    if last < LEAST_SIDE:
        raise InvalidRequest(
            f"downsampling by {math.prod(factors)} leaves {own.size:.1f} px of the {R} px square around the face: nothing to restore from",
            param="degradation",
        )
    total = math.log(math.prod(factors))
    done = np.cumsum([math.log(f) / total for f in factors])
    return tuple(round(R * (last / R) ** float(share)) for share in done)


def psnr(a: Tensor, b: Tensor) -> float:
    """dB between pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (a.clamp(-1, 1) - b).square().mean().clamp(min=1e-6)))
