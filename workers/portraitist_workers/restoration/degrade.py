"""The degradations of `portraitist.degradations` as differentiable functions of an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, Mask, MotionBlur, Noise

LUMA = (0.299, 0.587, 0.114)


def apply(
    chain: Sequence[Degradation],
    image: Tensor,
    *,
    known: Tensor | None = None,
    sides: Sequence[int] = (),
    rng: torch.Generator | None = None,
) -> Tensor:
    """`image` [B, 3, R, R] in [-1, 1] through `chain`, in order; downsampling makes it smaller.

    * `known` [1, 1, R, R] in {0, 1} is for a Mask in the chain: missing pixels become grey (0).
    * `sides` are px after each Downsample, in place of what its factor says.
    * `rng` draws the noise. None leaves noise out, as restoration does, because it fits the expected picture.
    """
    left = list(sides)
    for item in chain:
        match item:
            case Downsample(factor=factor):
                image = shrink(image, left.pop(0)) if left else F.avg_pool2d(image, factor, ceil_mode=True)
            case GaussianBlur(sigma=sigma):
                image = gaussian_blur(image, sigma)
            case MotionBlur(length=length, angle=angle):
                image = motion_blur(image, length, angle)
            case Noise(sigma=sigma):
                if rng is not None:
                    image = image + torch.randn(image.shape, generator=rng).to(image.device) * (sigma / 127.5)
            case Jpeg(quality=quality):
                image = jpeg(image, quality)
            case Greyscale():
                image = greyscale(image)
            case Mask():
                if known is not None:
                    image = image * known_at(known, image.shape[-1])
    return image


def scaled(chain: Sequence[Degradation], factor: float) -> list[Degradation]:
    """`chain` for a picture that is larger by `factor`: its sizes are in pixels. White noise is weaker the larger the pixels."""
    done: list[Degradation] = []
    for item in chain:
        match item:
            case GaussianBlur(sigma=sigma):
                item = item.model_copy(update={"sigma": sigma * factor})
            case MotionBlur(length=length):
                item = item.model_copy(update={"length": length * factor})
            case Noise(sigma=sigma):
                item = item.model_copy(update={"sigma": sigma * factor})
        done.append(item)
    return done


def known_at(known: Tensor, side: int) -> Tensor:
    """`known` [1, 1, R, R] at a smaller side: what is known there as a whole."""
    return (shrink(known, side) > 0.999).to(known)


def shrink(image: Tensor, side: int) -> Tensor:
    """[B, C, R, R] -> [B, C, side, side]: the mean over each pixel's area, also where side does not divide R."""
    R = image.shape[-1]
    if side == R:
        return image
    edges = torch.arange(side + 1, dtype=torch.float32) * (R / side)
    start, pixel = edges[:-1, None], torch.arange(R)[None]
    overlap = (torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(start, pixel)).clamp(min=0)  # [side, R]
    weights = (overlap * (side / R)).to(image)
    return weights @ image @ weights.T


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Separable, reflected at the edges."""
    radius = min(int(3 * sigma + 0.5), image.shape[-1] - 1)
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).to(image)
    C = image.shape[1]
    row = taps.view(1, 1, 1, -1).expand(C, 1, 1, -1)
    image = F.conv2d(F.pad(image, (radius, radius, 0, 0), mode="reflect"), row, groups=C)
    return F.conv2d(F.pad(image, (0, 0, radius, radius), mode="reflect"), row.transpose(2, 3), groups=C)


def motion_blur(image: Tensor, length: float, angle: float) -> Tensor:
    """Mean along a straight line; `angle` 0 is horizontal, 90 vertical."""
    from kornia.filters import filter2d, get_motion_kernel2d

    size = max(3, 2 * int(round(length / 2)) + 1)
    kernel = get_motion_kernel2d(size, torch.tensor([float(angle)]), torch.tensor([0.0]))
    return filter2d(image, kernel.to(image), border_type="reflect")


def greyscale(image: Tensor) -> Tensor:
    weights = torch.tensor(LUMA).to(image).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """JPEG with differentiable rounding (Shin & Song 2017, as in kornia); sides are padded to multiples of 16."""
    from kornia.enhance import jpeg_codec_differentiable

    H, W = image.shape[-2:]
    padded = F.pad(image, (0, -W % 16, 0, -H % 16), mode="replicate")
    coded = jpeg_codec_differentiable(((padded + 1) / 2).clamp(0, 1), torch.tensor([float(quality)]).to(image))
    return coded[..., :H, :W] * 2 - 1


def describe(chain: Sequence[Degradation]) -> str:
    """For reports: "gaussian_blur(sigma=2.0) + jpeg(quality=30)"."""
    parts = []
    for item in chain:
        fields = {k: v for k, v in item.model_dump().items() if k not in ("kind", "image")}
        parts.append(item.kind + ("(" + ", ".join(f"{k}={v:g}" for k, v in fields.items()) + ")" if fields else ""))
    return " + ".join(parts) or "none"
