"""Ordinary photos instead of aligned crops: a face of some size somewhere in a larger frame, with shoulders and torso."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .canvas import GRID
from .mix import Mix
from .view import Frame

SIZES = ((480, 560), (640, 480), (512, 512), (560, 480))  # width, height of photos, pixels

_SIDE, _BELOW = 40, 64  # grid cells added at each side and at the bottom
_USED = 248  # grid rows kept; the photos' last rows are damaged by their border
_GROWTH = 1.04  # each further cell is that much longer
_FADE = 6  # cells after which only cloth is left below
_ROUND = 0.35  # depth of a neckline that the photos cut off, in halves of its width
_SEAM = 1.2  # cells over which skin becomes cloth there
_SMOOTH = 10  # cells over which skin is smoothed below the border


def draw_frame(rng: np.random.Generator, size: tuple[int, int] | None = None, side: float | None = None) -> Frame:
    """A photo's frame: face crop of 180..320 px, the whole head inside, cut at the shoulders or the chest.

    `size` (width, height) and `side` (pixels of the face crop) are drawn when None.
    """
    width, height = size or SIZES[int(rng.integers(len(SIZES)))]
    side = side or rng.uniform(max(180, 0.45 * height), min(320, 0.66 * height))
    left = (width - side) / 2 + rng.uniform(-0.3, 0.3) * max(width - 1.1 * side, 0)
    below = min(rng.uniform(0.05, 0.30), height / side - 1.15)
    return Frame(height, width, float(left), float(height - (1 + below) * side), float(side))


def with_torso(mix: Mix) -> Mix:
    """The same head on a canvas that continues at the sides and below. Shoulders slope down, the shirt continues, and the
    neckline that the photos cut off is closed."""
    texels = mix.tex.shape[0] // GRID
    tex, alpha, pos = (a[: _USED * n] for a, n in ((mix.tex, texels), (mix.alpha, texels), (mix.pos, 1)))
    clothes = mix.clothes[: _USED * texels]
    tex = np.pad(tex, ((0, _BELOW * texels), (_SIDE * texels,) * 2, (0, 0)), mode="edge")
    alpha = np.pad(alpha, ((0, _BELOW * texels), (_SIDE * texels,) * 2), mode="edge")
    over_neck = np.pad(
        mix.over_neck[: _USED * texels], ((0, _BELOW * texels), (_SIDE * texels,) * 2), constant_values=1
    )
    body = np.flatnonzero(alpha[_USED * texels - 1] > 0.5)
    if body.size:  # no gaps between hair and shirt below
        alpha[_USED * texels :, body[0] : body[-1] + 1] = 1.0

    cloth = _cloth_colour(mix.tex[: _USED * texels], clothes, texels)
    below = (np.arange(len(tex)) - _USED * texels)[:, None] / texels  # rows below the border, in cells
    neckline = _neckline(clothes[-1], alpha[_USED * texels - 1], texels)
    tex += _smooth_step(below / _FADE) * (_along(tex[-1], neckline > 0, texels) - tex)
    fade = _smooth_step((below - neckline) / np.where(neckline > 0, _SEAM, _FADE))
    folds = _folds(tex.shape[:2])[..., None]
    tex = tex + fade * (cloth * folds - tex)
    return replace(
        mix,
        tex=tex.astype(np.float32),
        alpha=alpha,
        over_neck=over_neck,
        pos=_extend(pos),
        inner=_pad_half(mix.inner),
        jaw_shadow=_pad_half(mix.jaw_shadow),
    )


def _neckline(clothes: np.ndarray, alpha: np.ndarray, texels: int) -> np.ndarray:
    """How far skin goes on below the photos' border [columns], in cells: where it shows there between two sides of a collar, an
    arc closes the neckline. `clothes` [256 * texels] and `alpha` (of the widened canvas) are the border's."""
    shirt = np.pad(clothes, _SIDE * texels, mode="edge") > 0.5
    deep = np.zeros(len(alpha))
    sides = np.flatnonzero(shirt & (alpha > 0.5))
    middle = len(alpha) // 2
    left, right = sides[sides < middle], sides[sides > middle]
    if left.size and right.size:
        half = (right[0] - left[-1]) / 2
        across = (np.arange(len(alpha)) - left[-1]) / half - 1
        deep = _ROUND * half / texels * np.sqrt(np.clip(1 - across**2, 0, None))
    return deep


def _along(row: np.ndarray, where: np.ndarray, texels: int) -> np.ndarray:
    """The colours [columns, 3] of a row of texels, smoothed along it where `where` is true: skin that goes on in stripes is none."""
    shown = where.astype(np.float32)
    total = cv2.GaussianBlur((row * shown[:, None])[None], (0, 0), _SMOOTH * texels)[0]
    weight = cv2.GaussianBlur(shown[None], (0, 0), _SMOOTH * texels)[0]
    return np.where(where[:, None], total / np.maximum(weight, 1e-4)[:, None], row)


def _smooth_step(depth: np.ndarray) -> np.ndarray:
    depth = np.clip(depth, 0, 1)[..., None]
    return depth * depth * (3 - 2 * depth)


def _extend(pos: np.ndarray) -> np.ndarray:
    """Positions [248, 256, 3] -> [312, 336, 3]: sideways with a slope, then down with widening steps."""
    reach = np.cumsum(_GROWTH ** np.arange(max(_SIDE, _BELOW))).astype(np.float32)
    cell = np.float32((pos[:, -1, 0] - pos[:, 0, 0]).mean() / (GRID - 1))
    out = np.pad(pos, ((0, _BELOW), (_SIDE, _SIDE), (0, 0)), mode="edge")
    sideways = cell * reach[:_SIDE]
    slope = 0.5 * sideways + 0.03 * sideways**2  # shoulders fall away
    out[:, _SIDE + GRID :, 0] += sideways
    out[:, :_SIDE, 0] -= sideways[::-1]
    out[:, _SIDE + GRID :, 1] -= slope
    out[:, :_SIDE, 1] -= slope[::-1]
    down = cell * reach[:_BELOW]
    out[_USED:, :, 1] -= down[:, None]
    out[_USED:, :, 0] *= (1 + 0.2 * (1 - np.exp(-down / 8)))[:, None]  # towards the upper arms
    return out


def _cloth_colour(tex: np.ndarray, clothes: np.ndarray, texels: int) -> np.ndarray:
    """Mean colour [3] of the shirt near the lower border; of everything there if no shirt shows."""
    rows = slice(-30 * texels, None)
    weight = clothes[rows] + 1e-4
    return (tex[rows] * weight[..., None]).sum((0, 1)) / weight.sum()


def _folds(shape: tuple[int, int]) -> np.ndarray:
    """Soft, mostly upright folds around 1, so that the shirt below is not one flat colour. The same for everybody."""
    noise = np.random.default_rng(0).normal(0, 1, (7, 11)).astype(np.float32)
    return 1 + 0.03 * cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _pad_half(mask: np.ndarray) -> np.ndarray:
    """A mask on the half grid [128, 128] -> the half grid of the widened canvas, 0 in the new part."""
    return np.pad(mask[: _USED // 2], ((0, _BELOW // 2), (_SIDE // 2, _SIDE // 2)))
