"""Looking for the mark in a whole picture, mirrored or not: first as it was delivered or resized, then at all sizes and places."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import mark

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .mark import AnyFloat, Array, Pattern

_SMALLEST = 8  # the smallest tile that is looked for: a part of the longer side ...
_FEWEST = 40  # ... and not less than so many pixels, below which the waves are gone
_LARGEST = 1.5  # the largest, in longer sides: a crop shows a part of a tile
_STEP = 1.015  # from one size to the next; half of that costs a mark a twentieth of its score
_STRIDE = mark.GRID // 4  # between windows
_FINER = 2  # beginnings between samples, for the candidates
_CANDIDATES = 32
_BATCH = 512  # windows at once, 16 MB


@dataclass(frozen=True)
class MarkFound:
    """`false_positive` bounds the probability that a picture without the mark scores so high anywhere that was looked at."""

    found: bool
    score: float
    false_positive: float
    part: tuple[int, int, int] | None = None  # x, y and side (px) of the window that shows it; None: the whole picture


def find(pixels: NDArray[np.uint8], *, key: str | None = None, thorough: bool = True) -> MarkFound:
    """The mark of `key` (None: the key in use) in `pixels` [H, W, 3]. `thorough`: if the picture as a whole does not show it, look for
    crops, enlargements, and marked faces in photos, too (up to some seconds)."""
    tile = mark.pattern(key).either_way()
    brightness = mark.luminance(pixels)
    score = float(mark.scores(mark.whitened(mark.resized(brightness, mark.GRID, mark.GRID)), tile).max())
    places = 2 * mark.GRID**2
    result = MarkFound(False, score, mark.false_positive(score, places))
    if result.false_positive < mark.CHANCE:
        return MarkFound(True, score, result.false_positive)
    return _everywhere(brightness, tile, places, result) if thorough else result


def _everywhere(brightness: Array, tile: Pattern, places: int, so_far: MarkFound) -> MarkFound:
    import numpy as np

    longer = max(brightness.shape)
    sizes = _sizes(longer)
    seen = functools.cache(functools.partial(_seen, brightness))
    best: list[tuple[float, int, int, int]] = []  # score, index of the size, place of the window in it
    for index, size in enumerate(sizes):
        windows, at = _windows(seen(size))
        places += 2 * 3 * len(windows) * (mark.GRID * _FINER) ** 2  # each and its neighbours in size, mirrored or not
        for start in range(0, len(windows), _BATCH):
            found = mark.scores(windows[start : start + _BATCH], tile).max((-3, -2, -1))
            for offset in np.argsort(found)[-_CANDIDATES:]:
                best.append((float(found[offset]), index, *at[start + offset]))
        best = sorted(best, reverse=True)[:_CANDIDATES]
    top = so_far
    for _, index, y, x in best:
        for size in sizes[max(index - 1, 0) : index + 2]:
            scale = sizes[index] / size  # the window's place, at this size
            window = _window(seen(size), round(y * scale), round(x * scale))
            score = float(mark.scores(window, tile, finer=_FINER).max())
            if score > top.score:
                part = (round(x * sizes[index] / mark.GRID), round(y * sizes[index] / mark.GRID), round(size))
                top = MarkFound(False, score, 1.0, part)
    chance = mark.false_positive(top.score, places)
    return MarkFound(chance < mark.CHANCE, top.score, chance, top.part)


def _sizes(longer: int) -> list[float]:
    """Sides of tiles to look for, px."""
    smallest, sizes = max(longer / _SMALLEST, _FEWEST), [longer * _LARGEST]
    while sizes[-1] / _STEP > smallest:
        sizes.append(sizes[-1] / _STEP)
    return sizes


def _seen(brightness: Array, size: float) -> AnyFloat:
    """The picture, whitened, at the scale at which a tile of `size` px has GRID samples; at least one tile each way."""
    import numpy as np

    height, width = (max(round(n * mark.GRID / size), 8) for n in brightness.shape)
    small = mark.whitened(mark.resized(brightness, height, width)).astype(np.float32)  # half the time
    return np.pad(small, ((0, max(mark.GRID - height, 0)), (0, max(mark.GRID - width, 0))))


def _windows(seen: AnyFloat) -> tuple[AnyFloat, list[tuple[int, int]]]:
    """Windows [N, GRID, GRID], and where they begin."""
    import numpy as np

    rows, columns = (_starts(n) for n in seen.shape)
    at = [(y, x) for y in rows for x in columns]
    return np.stack([_window(seen, y, x) for y, x in at]), at


def _window(seen: AnyFloat, y: int, x: int) -> AnyFloat:
    y, x = min(y, seen.shape[0] - mark.GRID), min(x, seen.shape[1] - mark.GRID)
    return seen[y : y + mark.GRID, x : x + mark.GRID]


def _starts(length: int) -> list[int]:
    last = length - mark.GRID
    return [*range(0, last, _STRIDE), last]
