"""What the tables measure. Images are [B, 3, R, R] in [-1, 1]; everything returns one number per image unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor

from portraitist_workers.faces.align import Frame, crop, resample
from portraitist_workers.faces.image_io import to_tensor
from portraitist_workers.faces.parser import load_parser


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Decibel, peak 2 (the width of [-1, 1])."""
    mse = (image.clamp(-1, 1) - truth).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / mse.clamp(min=1e-8))


_MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ms_ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang, Simoncelli, Bovik 2003), 11 px Gaussian window of sigma 1.5, mean of the RGB channels.

    As many of the five scales as leave 16 px; their published weights are renormalised (128 px: four scales).
    """
    x, y = (image.clamp(-1, 1) + 1) / 2, (truth + 1) / 2
    scales = min(5, int(np.log2(image.shape[-1] / 16)) + 1)
    weights = torch.tensor(_MS_WEIGHTS[:scales]) / sum(_MS_WEIGHTS[:scales])
    total = torch.ones(len(image))
    for scale in range(scales):
        luminance, structure = _ssim_parts(x, y)
        part = structure if scale < scales - 1 else luminance * structure
        total = total * part.flatten(1).mean(1).clamp(min=1e-6) ** weights[scale]
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return total


def _ssim_parts(x: Tensor, y: Tensor, c1: float = 0.01**2, c2: float = 0.03**2) -> tuple[Tensor, Tensor]:
    taps = torch.exp(-0.5 * (torch.arange(-5, 6) / 1.5) ** 2)
    taps = taps / taps.sum()

    def blur(a: Tensor) -> Tensor:
        C = a.shape[1]
        a = F.conv2d(a, taps.view(1, 1, 1, -1).expand(C, 1, 1, -1), groups=C)
        return F.conv2d(a, taps.view(1, 1, -1, 1).expand(C, 1, -1, 1), groups=C)

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return (2 * mx * my + c1) / (mx * mx + my * my + c1), (2 * cov + c2) / (vx + vy + c2)


GRID_PERIODS = (2, 4, 8)  # px: what up-sampling by 2 prints from the last, last but one, last but two resolution


def grid_energy(images: Tensor, photos: Tensor) -> dict[int, float]:
    """Energy at the up-sampling grid's frequencies relative to the photos' own, per period p in GRID_PERIODS.

    A generator that up-samples by 2 can print patterns that repeat every p = 2, 4, 8, ... pixels. Their energy lies on the
    lattice of frequencies (i/p, j/p) cycles per pixel. Per period: the power of the luma's Hann-windowed spectrum, summed
    over the lattice points that are new at this period (DC and those of smaller p left out) with their 8 neighbouring bins
    (the window's main lobe), mean of `images` over mean of `photos`. 1: as much as in photos; above: a grid.
    """
    ours, theirs = _lattice_power(images), _lattice_power(photos)
    return {p: ours[p] / max(theirs[p], 1e-12) for p in GRID_PERIODS}


def _lattice_power(images: Tensor) -> dict[int, float]:
    luma = (images.clamp(-1, 1) * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    R = luma.shape[-1]
    window = torch.hann_window(R, periodic=False)
    luma = luma - luma.mean((1, 2), keepdim=True)
    power = torch.fft.fft2(luma * window[:, None] * window[None, :]).abs().square().mean(0)
    power = F.avg_pool2d(F.pad(power[None, None], (1, 1, 1, 1), mode="circular"), 3, stride=1)[0, 0] * 9
    found, seen = {}, {(0, 0)}
    for period in GRID_PERIODS:
        points = {(i * R // period, j * R // period) for i in range(period) for j in range(period)} - seen
        seen |= points
        found[period] = float(sum(power[y, x] for y, x in points))
    return found


def spearman(requested: Sequence[float], achieved: Sequence[float]) -> float:
    """Rank correlation; 0 when one of the two does not vary."""
    if len(set(requested)) < 2 or len(set(achieved)) < 2:
        return 0.0
    return float(spearmanr(requested, achieved).statistic)


def share_above(scores: Tensor, scale: Tensor, quantile: float = 0.05) -> float:
    """Percentage of `scores` above the quantile of `scale`."""
    return 100 * float((scores > torch.quantile(scale, quantile)).float().mean())


def bootstrap(
    values: Sequence[float], statistic: Callable = np.median, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """(statistic, low, high): a 95 % interval by resampling `values`."""
    array = np.asarray(values, float)
    if not len(array):
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    samples = [statistic(array[rng.integers(0, len(array), len(array))]) for _ in range(draws)]
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(statistic(array)), float(low), float(high)


def interval(values: Sequence[float], digits: int, statistic: Callable = np.median) -> str:
    """ "1.2 [1.0, 1.4]" """
    middle, low, high = bootstrap(values, statistic)
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


SHARP_PARTS = ("skin", "eyes", "hair")


def sharpness_of(face: np.ndarray, part: str) -> float:
    """Root mean square of what a 3 x 3 mean takes away, grey levels, in the `part` of a face [S, S, 3] uint8 as the parser sees it."""
    inside = cv2.resize(_seen(cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA), part), face.shape[1::-1])
    return _fine(face, inside > 0.5)


def sharpness_at(photo: np.ndarray, frame: Frame, part: str) -> float:
    """The same of the face at `frame` in a photo [H, W, 3] uint8, in the photo's own pixels. A crop of about the face's size would not do:
    whether it is enlarged or shrunk by a hair decides how much of the detail is left."""
    inside = resample(
        _seen(crop(photo, frame, 256), part), frame.to_crop(256), photo.shape[1::-1], border=cv2.BORDER_CONSTANT
    )
    return _fine(photo, inside > 0.5)


def _seen(face: np.ndarray, part: str) -> np.ndarray:
    """[256, 256] float32 in {0, 1}: well inside the `part` of a face [256, 256, 3] uint8."""
    parser = load_parser()
    seen = parser(to_tensor(face))[0, parser.names.index(part)].cpu().numpy() > 0.5
    return cv2.erode(seen.astype(np.float32), np.ones((3, 3), np.uint8))


def _fine(picture: np.ndarray, inside: np.ndarray) -> float:
    grey = picture.astype(np.float32).mean(2)
    detail = grey - cv2.blur(grey, (3, 3), borderType=cv2.BORDER_REFLECT_101)
    return float(np.sqrt(np.square(detail[inside]).mean())) if inside.any() else float("nan")
