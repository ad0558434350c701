"""What happened to a picture? Kind and strength of its degradation, by comparison with the person's own pictures.

Analysis by synthesis: the persona can show its person undamaged, so for each candidate the anchors' pictures are degraded
and the photo's statistics looked up among theirs. The statistics are ones that pose and expression hardly touch: spectral
energy per octave, noise, blockiness, chroma.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, Noise

from ..faces import image_io
from ..faces.align import crop
from ..persona.judge import Judge
from ..persona.model import PersonaModel
from . import degrade
from .locate import locate

CHROMA = 2.0  # mean |a - b| of channels in grey levels, below which a picture is called grey
_SINGLE: list[Degradation] = [
    *(GaussianBlur(s) for s in (0.8, 1.2, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0)),
    *(Noise(s) for s in (5, 10, 15, 20, 30, 45)),
    *(Jpeg(q) for q in (5, 10, 20, 30, 50)),
]
CANDIDATES: list[list[Degradation]] = [[], *([one] for one in _SINGLE)]


def estimate(photo: np.ndarray, model: PersonaModel, judge: Judge, name: str) -> list[Degradation]:
    """The most likely chain for `photo` [H, W, 3]; [] when it looks undamaged.

    A face smaller than the prior's crop was downsampled: the factor is the ratio of sizes, to the next power of two.
    """
    R = model.prior.resolution
    for factor in (1, 2, 4, 8, 16):  # a tiny face is found only once enlarged
        large = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else photo
        if min(large.shape[:2]) < 48:
            continue
        frame, _ = locate(large, model, name)
        break
    chain: list[Degradation] = []
    ratio = R * factor / frame.size  # how many times too small the face is
    power = int(np.clip(2 ** round(np.log2(max(ratio, 1.0))), 1, 16))
    pixels = image_io.to_tensor(crop(large, frame, R)[None])
    if float((pixels - pixels.mean(1, keepdim=True)).abs().mean()) * 127.5 < CHROMA:
        chain.append(Greyscale())
    if power > 1:
        return [*chain, Downsample(power)]
    return [*chain, *_closest(pixels, judge.anchor_images)]


@torch.no_grad()
def _closest(pixels: Tensor, references: Tensor) -> list[Degradation]:
    """The candidate under which the person's own pictures have statistics most like the photo's."""
    ours = statistics(pixels)[0]
    rng = torch.Generator().manual_seed(0)
    rows = [statistics(degrade.apply(chain, references, rng=rng).clamp(-1, 1)) for chain in CANDIDATES]
    spread = rows[0].std(0) + 0.15
    scores = [float((((row.mean(0) - ours) / spread) ** 2).sum()) for row in rows]
    # "Undamaged" unless something explains the photo clearly better.
    best = int(np.argmin(scores))
    return CANDIDATES[best] if scores[best] < 0.7 * scores[0] else []


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
