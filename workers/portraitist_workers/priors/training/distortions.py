"""Random damage to pictures, for training networks that must judge or survive it.

`distort` makes the pairs on which the perceptual distance is distilled: everything a half-trained or over-tuned
generator does to a face. `photo_like` makes the attribute and identity networks see renders as cameras and messengers
deliver photos: shifted crops, low resolution, JPEG, light blur, other colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.provenance.mark import GRID, luminance, pattern

from ...provenance.marking import STRENGTH, hiding, waves

GROUP = 4  # neighbouring pictures that share one draw; a compromise between variety and speed
_COVERED = 0.3  # share of pictures that get something before the face


def distort(images: Tensor, rng: np.random.Generator) -> Tensor:
    """[B, 3, R, R] in [-1, 1] -> the same, each group of four damaged by one to three random operations."""
    others = images.roll(int(rng.integers(1, len(images))), 0)
    out = []
    for x, other in zip(images.split(GROUP), others.split(GROUP), strict=True):
        for operation in rng.choice(len(_DISTORTIONS), size=rng.choice([1, 1, 2, 3]), replace=False):
            x = _DISTORTIONS[operation](x, other, rng)
        out.append(x.clamp(-1, 1))
    return torch.cat(out)


def photo_like(images: Tensor, rng: np.random.Generator, *, smaller: float = 4.0, often: float = 0.5) -> Tensor:
    """Crop error, then what cameras and messengers do."""
    askew = torch.cat([random_affine(x, rng, shift=0.06, scale=0.06, angle=0.0) for x in images.split(GROUP)])
    return camera_like(askew, rng, smaller=smaller, often=often)


def camera_like(images: Tensor, rng: np.random.Generator, *, smaller: float = 4.0, often: float = 0.5) -> Tensor:
    """Our own invisible mark, then resolution (`smaller` times less at most, in the share `often`), colour, noise and JPEG losses, at
    random strengths."""
    out = []
    for x in images.split(GROUP):
        if rng.random() < 0.3:
            x = marked(x, rng)
        if rng.random() < often:
            x = _resolution(x, None, rng, low=1.0, high=smaller)
        if rng.random() < 0.4:
            x = _blur(x, None, rng, low=0.3, high=1.3)
        if rng.random() < 0.7:
            x = _colour(x, None, rng)
        if rng.random() < 0.4:
            x = _noise(x, None, rng, high=0.08)
        if rng.random() < 0.4:
            x = _jpeg(x, None, rng)
        if rng.random() < 0.1:
            x = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        out.append(x.clamp(-1, 1))
    return torch.cat(out)


def marked(images: Tensor, rng: np.random.Generator) -> Tensor:
    """The mark that delivered pictures carry (provenance.marking), anywhere in its range of strengths; without the search for the
    faintest that suffices, which would take as long as the training step."""
    tile, (low, high) = pattern(), STRENGTH
    change = waves(tile, tuple(rng.integers(0, GRID, 2)), images.shape[-1])
    out = []
    for picture in images.permute(0, 2, 3, 1).numpy():
        hidden = change * hiding(luminance((picture + 1) * 127.5))
        hidden *= rng.uniform(low, high) / np.sqrt(np.square(hidden).mean())
        out.append(picture + (hidden / 127.5)[..., None].astype(np.float32))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).clamp(-1, 1)


def conditions(images: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
    """The pictures [B, 3, R, R] as the world may hand them over. Clean ones come first."""
    R = images.shape[-1]
    small = {
        n: F.interpolate(F.avg_pool2d(images, n), (R, R), mode="bicubic", align_corners=False).clamp(-1, 1)
        for n in (2, 4)
    }
    shift = 0.06 * torch.from_numpy(rng.choice([-1.0, 1.0], (len(images), 2))).float() * 2  # in units of half a side
    affine = torch.cat([torch.eye(2).expand(len(images), 2, 2), shift[:, :, None]], 2)
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    return {
        "clean": images,
        "photo_like": photo_like(images, rng),
        "jpeg_30": jpeg(images, 30),
        "half_size": small[2],
        "quarter_size": small[4],
        "shifted": F.grid_sample(images, grid, padding_mode="reflection", align_corners=False),
        "marked": marked(images, rng),
    }


def cover(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Covers eyes, nose or mouth in _COVERED of the pictures.

    The covers are bands over the eyes (glasses, hair), masks over mouth and nose, blobs (hands, phones), or straight edges (frames).
    They are filled with one colour, with the picture's own skin, or with a piece of another picture.
    """
    B, _, R, _ = images.shape
    y, x = np.mgrid[0:R, 0:R] / R
    out = images.clone()
    for i in np.flatnonzero(rng.random(B) < _COVERED):
        kind = rng.integers(4)
        if kind == 0:  # eyes lie at about (0.38, 0.45) and (0.62, 0.45) of the FFHQ frame, the mouth at (0.5, 0.70)
            area = (np.abs(y - rng.normal(0.46, 0.015)) < rng.uniform(0.045, 0.10)) & (
                np.abs(x - 0.5) < rng.uniform(0.2, 0.32)
            )
            if rng.random() < 0.5:  # two glasses
                area &= np.abs(np.abs(x - 0.5) - 0.12) < rng.uniform(0.075, 0.11)
        elif kind == 1:
            a = rng.uniform(0.2, (0.3, 0.32))
            area = (y > rng.uniform(0.52, 0.62)) & (((x - 0.5) / a[0]) ** 2 + ((y - 0.65) / a[1]) ** 2 < 1)
        elif kind == 2:
            cx, cy = rng.normal(0.5, 0.10), rng.choice([0.46, 0.68]) + rng.normal(0, 0.05)
            a, t = rng.uniform(0.12, 0.3, 2), rng.uniform(0, np.pi)
            u, v = (x - cx) * np.cos(t) + (y - cy) * np.sin(t), (y - cy) * np.cos(t) - (x - cx) * np.sin(t)
            area = (u / a[0]) ** 2 + (v / a[1]) ** 2 < 1
        else:
            t, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.06, 0.1)
            area = (x - 0.5) * np.cos(t) + (y - 0.55) * np.sin(t) > offset
        fill = rng.integers(3)
        if fill == 0:
            paint = torch.from_numpy(
                rng.uniform(-1, 1, (3, 1, 1)) * rng.choice([1.0, 0.3]) - rng.choice([0.0, 0.6])
            ).float()
        elif fill == 1:
            paint = images[i].roll(int(rng.uniform(0.1, 0.3) * R), int(rng.integers(1, 3))) + float(rng.normal(0, 0.1))
        else:
            paint = images[int(rng.integers(B))].roll((int(rng.integers(R)), int(rng.integers(R))), (1, 2))
        soft = gaussian_blur(torch.from_numpy(area).float()[None, None], float(rng.uniform(0.3, 1.2)))[0]
        out[i] = (images[i] + soft * (paint - images[i])).clamp(-1, 1)
    return out


def random_affine(x: Tensor, rng: np.random.Generator, *, shift: float, scale: float, angle: float) -> Tensor:
    """Each picture moved by up to `shift` of the side, scaled by up to `scale`, turned by up to `angle` radians."""
    B = len(x)
    s = np.exp(rng.uniform(-scale, scale, B))
    a = rng.uniform(-angle, angle, B)
    t = rng.uniform(-2 * shift, 2 * shift, (B, 2))  # grid coordinates span 2
    theta = np.stack(
        [np.stack([s * np.cos(a), -s * np.sin(a), t[:, 0]], 1), np.stack([s * np.sin(a), s * np.cos(a), t[:, 1]], 1)], 1
    )
    grid = F.affine_grid(torch.from_numpy(theta).float(), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    radius = max(math.ceil(3 * sigma), 1)
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).to(x.dtype)
    C = x.shape[1]
    x = F.pad(x, (radius,) * 4, mode="reflect")
    x = F.conv2d(x, taps.view(1, 1, 1, -1).expand(C, 1, 1, -1), groups=C)
    return F.conv2d(x, taps.view(1, 1, -1, 1).expand(C, 1, -1, 1), groups=C)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _blur(x, other, rng, low=0.3, high=4.0):
    return gaussian_blur(x, _log_uniform(rng, low, high))


def _noise(x, other, rng, high=0.4):
    return x + _log_uniform(rng, 0.01, high) * _normal(tuple(x.shape), rng)


def _smooth_noise(x, other, rng):
    B, C, R, _ = x.shape
    cells = int(rng.choice([3, 5, 9, 17, 33, 65]))
    noise = F.interpolate(_normal((B, C, cells, cells), rng), (R, R), mode="bicubic", align_corners=False)
    return x + _log_uniform(rng, 0.03, 0.5) * noise


def _grid(x, other, rng):
    """What transposed convolutions and strided losses print: a pattern of period 2, 4 or 8, strongest at edges."""
    B, C, R, _ = x.shape
    period = int(rng.choice([2, 4, 8]))
    tile = _normal((1, int(rng.choice([1, C])), period, period), rng)
    pattern = (tile - tile.mean()).repeat(1, 1, R // period, R // period)
    if rng.random() < 0.5:
        pattern = pattern * (gaussian_blur(x, 2.0) - x).abs().mean(1, keepdim=True) * 6
    return x + _log_uniform(rng, 0.02, 0.4) * pattern


def _resolution(x, other, rng, low=1.3, high=8.0):
    R = x.shape[-1]
    small = max(int(R / _log_uniform(rng, low, high)), 8)
    x = F.interpolate(x, (small, small), mode="area")
    return F.interpolate(x, (R, R), mode=str(rng.choice(["bilinear", "bicubic"])), align_corners=False)


def _colour(x, other, rng):
    B = len(x)
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.15, (B, 1, 1, 1)))).float()
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.08, (B, 3, 1, 1)))).float()
    offset = torch.from_numpy(rng.normal(0, 0.08, (B, 1, 1, 1))).float()
    return ((x.clamp(-1, 1) + 1) / 2 + 1e-4).pow(gamma) * 2 * gain - 1 + offset


def _affine(x, other, rng):
    return random_affine(
        x,
        rng,
        shift=_log_uniform(rng, 0.002, 0.04),
        scale=_log_uniform(rng, 0.003, 0.05),
        angle=_log_uniform(rng, 0.005, 0.08),
    )


def _warp(x, other, rng):
    B, _, R, _ = x.shape
    cells = int(rng.choice([4, 8, 16]))
    flow = F.interpolate(_normal((B, 2, cells, cells), rng), (R, R), mode="bicubic", align_corners=False)
    base = F.affine_grid(torch.eye(2, 3).expand(B, 2, 3), list(x.shape), align_corners=False)
    grid = base + _log_uniform(rng, 0.005, 0.06) * flow.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _patch(x, other, rng):
    R = x.shape[-1]
    h, w = (int(v) for v in rng.integers(R // 8, R // 2, 2))
    y0, x0 = int(rng.integers(0, R - h)), int(rng.integers(0, R - w))
    out = x.clone()
    out[:, :, y0 : y0 + h, x0 : x0 + w] = other[:, :, y0 : y0 + h, x0 : x0 + w]
    return out


def _blend(x, other, rng):
    return x.lerp(other, float(_log_uniform(rng, 0.05, 1.0)))


def _jpeg(x, other, rng):
    return jpeg(x, int(rng.integers(15, 90)))


def jpeg(x: Tensor, quality: int) -> Tensor:
    out = []
    for picture in ((x.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy():
        data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        out.append(decoded)
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 127.5 - 1


_DISTORTIONS: list[Callable[[Tensor, Tensor, np.random.Generator], Tensor]] = [
    _blur,
    _noise,
    _smooth_noise,
    _grid,
    _resolution,
    _colour,
    _affine,
    _warp,
    _patch,
    _blend,
    _blend,
    _jpeg,
]
