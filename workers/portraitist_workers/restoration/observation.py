"""What a damaged photo tells: its face in the prior's frame, at the size that the photo has it in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, Mask, MotionBlur, Noise
from portraitist.errors import InvalidRequest

from ..faces import image_io
from ..faces.align import Frame, crop
from ..persona.model import PersonaModel
from . import degrade, holes
from .locate import locate

LEAST_SIDE = 4  # px of the face's square in the photo
UNTRUE = (GaussianBlur, MotionBlur, Noise, Jpeg)  # after these, no pixel is one of the undamaged face
ROUNDS = 3  # of back projection
NEGLIGIBLE = 0.04  # of the range 2, 5 grey levels: so small a difference is left where the photo tells next to nothing, else less


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
        """How much detail of the face the photo still has, 0-1: its size against the prior's; 0 where pixels are not what they were."""
        return (
            0.0 if any(isinstance(item, UNTRUE) for item in chain) else self.observed.shape[-1] / self.naive.shape[-1]
        )


def observe(
    photo: np.ndarray,
    chain: Sequence[Degradation],
    model: PersonaModel,
    read: Callable[[str], bytes],
    name: str,
    *,
    keep_size: bool = False,
) -> Observation:
    """The face in `photo` [H, W, 3] as `chain` left it.

    A photo that was downsampled is delivered larger by the factor, or with `keep_size` in its own size. The face's own size says how much
    of it was lost, not the factor. A face of 60 px has lost half of the prior's 128, also in a photo that was 8 times larger.
    `read` gets the bytes of a mask.

    Raises FaceNotFound, and InvalidRequest for a mask that does not fit and a face that is too small.
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
    frame, others = locate(large, model, name, missing)
    known = None if missing is None else holes.known_in(missing, frame, R, enlarged=factor)
    naive = image_io.to_tensor(crop(large, frame, R)[None])
    own = frame.scaled(1 / factor)
    sides = _sides(factors, own, R)
    observed = image_io.to_tensor(crop(photo, own, sides[-1])[None]) if sides else naive
    if known is not None:
        observed = observed * degrade.known_at(known, observed.shape[-1])
    if any(isinstance(item, Greyscale) for item in chain):
        observed = degrade.greyscale(observed)
    outside = 0.0 if missing is None else holes.unfilled(missing, frame)
    if keep_size and factor > 1:
        return Observation(
            photo, own, tuple(other.scaled(1 / factor) for other in others), observed, naive, known, sides, outside
        )
    return Observation(large, frame, others, observed, naive, known, sides, outside)


def back_project(image: Tensor, chain: Sequence[Degradation], seen: Observation) -> Tensor:
    """`image` with what it contradicts in a small photo put right: the photo's coarse detail with the image's fine one (Irani and Peleg
    1991). A photo whose pixels were blurred, compressed or covered in noise is not trusted so far."""
    kept = seen.detail_kept(chain)
    if not seen.sides or kept == 0:
        return image
    for _ in range(ROUNDS):
        wrong = F.softshrink(seen.observed - seen.degrade(chain, image), NEGLIGIBLE * (1 - kept))
        image = image + F.interpolate(wrong, size=image.shape[-1], mode="bicubic", align_corners=False)
    return image


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
