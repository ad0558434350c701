"""Putting the invisible mark into pictures: as faint as will survive half size and JPEG 80.

`portraitist.provenance.mark` tells what the mark is. Here is how strong it gets: the picture is marked, halved, compressed and looked
at, and the strength corrected, until the score is what it should be. So a smooth picture is marked with less than one grey level.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from portraitist.provenance import mark
from portraitist.provenance.mark import GRID

from .origin import MarkedImage

TARGET = 7.6        # score of a whole picture at half size and JPEG 80; 6.8 is found
TARGET_PART = 9.5   # of a part of one, which must be looked for at all sizes and places; about 8.3 is found
STRENGTH = 0.5, 2.8  # root mean square change of brightness, grey levels, at least and at most: 39.2 dB
_ROUNDS = 6
_BUSY = 0.25        # a grey level of texture hides so many grey levels of mark, beside ...
_FLAT, _MOST = 0.5, 3.5  # ... this share of it where there is none, and at most so much


def mark_portrait(pixels: np.ndarray) -> MarkedImage:
    """Mark a picture [H, W, 3] that is generated as a whole. Deterministic."""
    return _mark(pixels, np.ones(pixels.shape[:2], np.float32), TARGET)


def mark_part(pixels: np.ndarray, changed: np.ndarray) -> MarkedImage:
    """Mark what was changed in a photo: `changed` [H, W] in [0, 1] says how much of each pixel is generated. Where it is 0 the pixels stay
    as they are, bit for bit."""
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not len(rows):
        return MarkedImage(pixels, 0.0)
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = _mark(pixels[inside], changed[inside], TARGET_PART)
    marked = pixels.copy()
    marked[inside] = part.pixels
    return MarkedImage(marked, part.score)


def sheet(pictures: Sequence[MarkedImage | np.ndarray], columns: int, *, gap: int = 2) -> MarkedImage:
    """Marked pictures of one size, with photos (as arrays) among them, on one white page, `columns` to a row, `gap` px between them."""
    cells = [p.pixels if isinstance(p, MarkedImage) else p for p in pictures]
    height, width = cells[0].shape[:2]
    page = np.full((-(-len(cells) // columns) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, pixels in enumerate(cells):
        row, column = divmod(index, columns)
        page[row * (height + gap) :, column * (width + gap) :][:height, :width] = pixels
    return MarkedImage(page, min(p.score for p in pictures if isinstance(p, MarkedImage)))


def _mark(pixels: np.ndarray, weight: np.ndarray, target: float) -> MarkedImage:
    tile = mark.pattern()
    brightness = mark.luminance(pixels)
    resembles = mark.scores(_window(brightness), tile)
    beginning = np.unravel_index(resembles.argmax(), resembles.shape)
    change = waves(tile, beginning, max(brightness.shape))[: pixels.shape[0], : pixels.shape[1]]
    change = change * hiding(brightness) * weight
    change /= np.sqrt((change**2).sum() / max(float(weight.sum()), 1.0)) + 1e-9  # root mean square 1
    low, high = STRENGTH
    strength, best = 1.2, MarkedImage(pixels, -np.inf)
    for _ in range(_ROUNDS):
        marked = np.clip(np.rint(pixels + strength * change[..., None]), 0, 255).astype(np.uint8)
        score = float(mark.scores(_window(mark.luminance(weathered(marked))), tile)[beginning])
        if score >= target or score > best.score:  # the faintest that suffices, else the strongest
            best = MarkedImage(marked, round(score, 2))
        low, high = (low, strength) if score >= target else (strength, high)
        if target <= score <= target + 0.4 or high - low < 0.05:
            break
        gained = max((score - 0.8 * resembles.max()) / strength, 1.0)  # score per grey level; compression takes some of the luck
        guess = strength + (target + 0.2 - score) / gained
        strength = guess if low < guess < high else (low + high) / 2
    return best


def _window(brightness: np.ndarray) -> np.ndarray:
    """What the search will see of a picture or part [H, W], whitened, [GRID, GRID]; the shorter side is filled with nothing."""
    height, width = (max(round(n * GRID / max(brightness.shape)), 1) for n in brightness.shape)
    seen = mark.whitened(mark.resized(brightness, height, width))
    return np.pad(seen, ((0, GRID - height), (0, GRID - width)))


def waves(tile: mark.Pattern, beginning: tuple[int, int], side: int) -> np.ndarray:
    """The tile at side x side px, beginning at sample `beginning` of the grid. A tile under 52 px lacks its fastest waves."""
    down, across = np.fft.fftfreq(GRID, 1 / GRID)[:, None], np.fft.rfftfreq(GRID, 1 / GRID)[None]
    drawn = max(side, 2 * mark.HIGHEST + 2)
    shift = [start + 0.5 - 0.5 * GRID / drawn for start in beginning]  # samples lie in the middle of what they average
    spectrum = tile.amplitudes * tile.phases * np.exp(-2j * np.pi / GRID * (down * shift[0] + across * shift[1]))
    return mark.resized(np.fft.irfft2(mark.spread(spectrum, drawn, drawn), s=(drawn, drawn)), side, side)


def hiding(brightness: np.ndarray) -> np.ndarray:
    """How much a change is hidden by the texture around it, [H, W]; 1 is little."""
    detail = brightness - mark.box_mean(brightness, 5)
    texture = np.sqrt(np.maximum(mark.box_mean(detail * detail, 11), 0))
    return np.minimum(_FLAT + _BUSY * texture, _MOST)


def weathered(pixels: np.ndarray) -> np.ndarray:
    """At half size, or 128 px where that is less, and JPEG 80: what every mark must survive."""
    height, width = pixels.shape[:2]
    scale = min(0.5, 128 / max(height, width))
    small = Image.fromarray(pixels).resize((max(round(width * scale), 1), max(round(height * scale), 1)), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file))
