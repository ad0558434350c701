"""What happened to a picture? Kind and strength of its degradation, by comparison with the person's own pictures.

Analysis by synthesis: for each candidate the person's own photos are degraded, and the photo's statistics looked up among theirs.
The statistics are ones that pose and expression hardly touch: spectral energy per octave, noise, blockiness, chroma. They are taken at
the size that the face has in the photo, up to that of the detail which the persona keeps. Without kept detail the anchors' pictures,
which are smaller, stand for the photos.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, Noise
from portraitist.requests import Face

from ..faces import image_io
from ..faces.align import crop
from ..persona import kept_detail
from ..persona.judge import Judge
from ..persona.model import PersonaModel
from . import degrade
from .locate import locate

CHROMA = 2.0  # mean |a - b| of channels in grey levels, below which a picture is called grey
_BLURS = (0.3, 0.4, 0.6, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0)
_LEAST = 0.8  # px of blur that the anchors' pictures, which are no photos, allow to see
_NOISES = (3, 5, 7, 10, 15, 20, 30, 45)
_JPEGS = (5, 10, 20, 30, 50)
FEW = 3  # photos that say how a person's photos differ
CLEAR = 0.5  # of the distance to undamaged photos: nothing less is called damage
TYPICAL = 10.0  # ... nor what is so near to them


def estimate(photo: np.ndarray, model: PersonaModel, judge: Judge, name: str, face: Face = None) -> list[Degradation]:
    """The most likely chain for `photo` [H, W, 3]; [] when it looks undamaged. `face`: a place in the face that is meant.

    A face smaller than the prior's crop was downsampled: the factor is the ratio of sizes, to the next power of two.
    """
    R = model.prior.resolution
    for factor in (1, 2, 4, 8, 16):  # a tiny face is found only once enlarged
        large = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else photo
        if min(large.shape[:2]) < 48:
            continue
        frame, _ = locate(large, model, name, face=face, enlarged=factor)
        break
    chain: list[Degradation] = []
    ratio = R * factor / frame.size  # how many times too small the face is
    power = int(np.clip(2 ** round(np.log2(max(ratio, 1.0))), 1, 16))
    pixels = image_io.to_tensor(crop(large, frame, R)[None])
    if float((pixels - pixels.mean(1, keepdim=True)).abs().mean()) * 127.5 < CHROMA:
        chain.append(Greyscale())
    if power > 1:
        return [*chain, Downsample(power)]
    references = _photos(model, round(frame.size / factor))
    if references is None:
        return [*chain, *_closest(pixels, judge.anchor_images, R, photos=False)]
    pixels = image_io.to_tensor(crop(large, frame, references.shape[-1])[None])
    return [*chain, *_closest(pixels, references, R, photos=True)]


def candidates(*, photos: bool, blocks: bool) -> list[list[Degradation]]:
    """No damage, then one of each kind and strength, in px of the prior's square. `blocks`: of JPEG, which that size only shows."""
    single: list[Degradation] = [
        *(GaussianBlur(s) for s in _BLURS if photos or s >= _LEAST),
        *(Noise(s) for s in _NOISES),
        *(Jpeg(q) for q in _JPEGS if blocks),
    ]
    return [[], *([one] for one in single)]


def _photos(model: PersonaModel, face: int) -> Tensor | None:
    """The person's photos as far as their detail is kept, no larger than a face of `face` px: [N, 3, S, S]. None where they are too few."""
    kept = [kept_detail.shown(file) for file in model.detail if file]
    if len(kept) < FEW:
        return None
    sides = sorted((len(one) for one in kept), reverse=True)
    side = max(min(face, sides[max(FEW, len(sides) // 2) - 1]), model.prior.resolution)
    large = [cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in kept if len(one) >= side]
    return image_io.to_tensor(np.stack(large))


@torch.no_grad()
def _closest(pixels: Tensor, references: Tensor, R: int, *, photos: bool) -> list[Degradation]:
    """The chain under which the person's own pictures [N, 3, S, S] have statistics most like those of `pixels` [1, 3, S, S]."""
    side, ours = references.shape[-1], statistics(pixels)[0]
    chains, rng = candidates(photos=photos, blocks=side <= R), torch.Generator().manual_seed(0)
    rows = [statistics(degrade.apply(degrade.scaled(c, side / R), references, rng=rng).clamp(-1, 1)) for c in chains]
    spread = rows[0].std(0) + 0.15
    scores = [float((((row.mean(0) - ours) / spread) ** 2).sum()) for row in rows]
    best = int(np.argmin(scores))
    return chains[best] if scores[best] < CLEAR * scores[0] and scores[0] > TYPICAL else []


def statistics(image: Tensor) -> Tensor:
    """[B, 6]: log energy of four octaves, blockiness of the 8 px grid, share of isolated (noise-like) detail."""
    grey = degrade.greyscale(image)[:, :1] * 127.5
    rows, current = [], grey
    for _ in range(4):
        smooth = degrade.gaussian_blur(current, 1.0)
        rows.append((current - smooth).square().mean((1, 2, 3)).clamp(min=1e-2).log())
        current = F.avg_pool2d(smooth, 2)
    step = (grey[..., 1:] - grey[..., :-1]).abs().mean((1, 2))  # [B, W-1]
    phases = torch.stack([step[:, p::8].mean(1) for p in range(8)], 1)
    rows.append((phases.max(1).values / phases.median(1).values.clamp(min=1e-2)).log() * 3)
    laplacian = grey - F.avg_pool2d(grey, 3, stride=1, padding=1)
    rows.append(laplacian.abs().flatten(1).quantile(0.3, 1).clamp(min=0.05).log())
    return torch.stack(rows, 1)
