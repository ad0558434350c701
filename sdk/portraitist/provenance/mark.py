"""The invisible mark: what it looks like, and how much of it a window of a picture shows.

A spread-spectrum mark (Cox et al. 1997) in the luminance's middle frequencies. Its *tile* is a sum of waves of 8 to 25 periods
per tile, whose phases are drawn from a key. A portrait is one tile. An edited photo has one over what was changed. The mark is
fixed to the tile's size and not to pixels, so it survives resizing.

The tile may begin anywhere (it is cyclic). Marking takes the beginning that the picture resembles already. That halves the
strength needed (informed coding: Miller, Doërr & Cox 2004). Looking tries all beginnings with one Fourier transform.

**False positives.** Let c_k be the window's Fourier coefficients, whitened and weighted, and phi_k the key's phases. The score

    t = sum_k |c_k| cos(arg c_k - phi_k) / sqrt(sum_k |c_k|^2 / 2)

of a picture that has nothing to do with the key is a weighted sum of cosines of independent uniform angles. For these,
E exp(a cos phi) = I_0(a) <= exp(a^2 / 4). So P(t > x) <= exp(-x^2 / 2), whatever the picture. Looking in n places costs a factor n.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..setting import setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    AnyFloat = NDArray[np.floating[Any]]

GRID = 64  # a tile is looked at in this many samples a side
CHANCE = 1e-6  # a mark counts as found where a false alarm is less likely than this
HIGHEST = 25  # periods per tile of the fastest wave
_RAMP = (8, 12, 20, 25)  # periods: waves fade in from the first to the second and out from the third to the fourth
_LUMINANCE = (0.299, 0.587, 0.114)
_PUBLIC_KEY = "portraitist"


@dataclass(frozen=True, eq=False)
class Pattern:
    """A key's tile. `phases` [GRID, GRID // 2 + 1]: unit complex numbers over the half plane of frequencies; `amplitudes` of the
    waves as they are put in, and `weights` as they are looked for."""

    phases: NDArray[np.complex64]
    amplitudes: NDArray[np.float32]
    weights: NDArray[np.float32]

    def either_way(self) -> Pattern:
        """Phases [2, GRID, GRID // 2 + 1]: of the tile, and of the tile in a mirrored picture, where waves run the other way."""
        import numpy as np

        mirrored = np.conj(np.roll(self.phases[::-1], 1, 0))
        return replace(self, phases=np.stack([self.phases, mirrored]))


def pattern(key: str | None = None) -> Pattern:
    """The tile of `key`; None: $PORTRAITIST_MARK_KEY (or the file $PORTRAITIST_MARK_KEY_FILE), or a key that everybody knows."""
    return _pattern(key or setting("PORTRAITIST_MARK_KEY") or _PUBLIC_KEY)


@functools.lru_cache(maxsize=8)
def _pattern(key: str) -> Pattern:
    import numpy as np

    count = GRID * (GRID // 2 + 1)
    drawn = np.frombuffer(hashlib.shake_256(f"portraitist mark 1: {key}".encode()).digest(2 * count), "<u2")
    phases = np.exp(2j * np.pi / 65536 * drawn).reshape(GRID, -1)
    down, across = np.fft.fftfreq(GRID, 1 / GRID)[:, None], np.fft.rfftfreq(GRID, 1 / GRID)[None]
    frequency = np.hypot(down, across)
    low, full, fading, high = _RAMP
    band = np.clip(np.minimum((frequency - low) / (full - low), (high - frequency) / (high - fading)), 0, 1)
    band[:, 0] = 0  # there the half plane holds every wave twice
    # Whitened pictures still have less at high frequencies: exp(f / 12) is their inverse spectrum, measured on portraits.
    single = band.astype(np.float32)
    return Pattern(phases.astype(np.complex64), single, single * np.exp(frequency / 12).astype(np.float32))


def luminance(pixels: NDArray[np.uint8]) -> Array:
    """[H, W, 3] uint8 -> [H, W]"""
    import numpy as np

    brightness: Array = pixels @ np.array(_LUMINANCE)
    return brightness


def resized(brightness: Array, height: int, width: int) -> Array:
    """[H, W] -> [height, width], averaged where it gets smaller."""
    import numpy as np
    from PIL import Image

    if brightness.shape == (height, width):
        return brightness
    how = Image.Resampling.BOX if min(brightness.shape) >= max(height, width) else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(brightness.astype(np.float32)).resize((width, height), how), np.float64)


def whitened(brightness: Array) -> Array:
    """Brightness less its mean over 3 x 3, as multiples of what is usual within 5 x 5: edges count no more than skin."""
    import numpy as np

    detail = brightness - box_mean(brightness, 3)
    usual = np.sqrt(np.maximum(box_mean(detail * detail, 5), 0))
    return np.clip(detail / (usual + 1.0), -2.5, 2.5)


def box_mean(values: Array, side: int) -> Array:
    """Mean over `side` x `side` (odd) around every sample; mirrored at the border."""
    import numpy as np

    half = side // 2
    sums = np.pad(values, half, mode="symmetric").cumsum(0).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    mean: Array = (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
    return mean


def scores(windows: AnyFloat, tile: Pattern, *, finer: int = 1) -> AnyFloat:
    """Whitened windows [..., GRID, GRID] -> score of every beginning of the tile [..., GRID * finer, GRID * finer]; of a tile
    `either_way` [..., 2, GRID * finer, GRID * finer]."""
    import numpy as np

    spectrum = np.fft.rfft2(windows) * tile.weights
    if tile.phases.ndim == 3:
        spectrum = spectrum[..., None, :, :]
    norm = np.sqrt((spectrum.real**2 + spectrum.imag**2).sum((-2, -1), keepdims=True) / 2) + 1e-12
    turned = spectrum * np.conj(tile.phases)
    if finer > 1:
        turned = resampled(turned, GRID * finer, GRID * finer)
    side = GRID * finer
    found: AnyFloat = np.fft.irfft2(turned, s=(side, side)) * (side * side / 2) / norm
    return found


def resampled(spectrum: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The half-plane spectrum of GRID x GRID samples [..., GRID, GRID // 2 + 1] as that of height x width samples. Both at
    least 2 * HIGHEST + 2; nothing faster than HIGHEST is kept."""
    import numpy as np

    larger = np.zeros((*spectrum.shape[:-2], height, width // 2 + 1), spectrum.dtype)
    edge = HIGHEST + 1
    larger[..., :edge, :edge] = spectrum[..., :edge, :edge]
    larger[..., -HIGHEST:, :edge] = spectrum[..., -HIGHEST:, :edge]
    return larger


def false_positive(score: float, places: int) -> float:
    """Upper bound of the probability that a picture without this mark scores as high in any of so many places."""
    return min(1.0, places * math.exp(-score * score / 2)) if score > 0 else 1.0
