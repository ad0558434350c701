"""Putting the invisible mark into pictures: as faint as will survive half size and JPEG 80.

`portraitist.provenance.mark` tells what the mark is. Here is how strong it gets: the picture is marked, halved, compressed, cropped and
looked at, and the strength corrected, until the scores are what they should be. So a smooth picture is marked with less than one grey
level.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from portraitist.provenance import mark
from portraitist.provenance.mark import GRID

from .origin import MarkedImage

TARGET = 7.6  # score of a whole picture at half size and JPEG 80; 6.8 is found
TARGET_ON_SHEET = 9.2  # of a picture among others, which must be looked for at all sizes and places; about 8.4 is found
TARGET_PART = 9.5  # of a part of a photo, which must be looked for, too, and has less exact borders
TARGET_CROPPED = 8.8  # of a whole picture of which KEPT of each side is left; about 8.1 is found
KEPT = 0.8
STRENGTH = 0.5, 2.8  # root mean square change of brightness, grey levels, at least and at most: 39.2 dB
ROUNDS = 6
_BUSY = 0.25  # a grey level of texture hides so many grey levels of mark, beside ...
_FLAT, _MOST = 0.5, 3.5  # ... this share of it where there is none, and at most so much


def mark_portrait(pixels: np.ndarray, *, on_sheet: bool = False, rounds: int = ROUNDS) -> MarkedImage:
    """Mark a picture [H, W, 3] that is generated as a whole; stronger if it will be one of many on a sheet. Deterministic. With fewer
    `rounds` sooner, and less close to the faintest that suffices."""
    everywhere = np.ones(pixels.shape[:2], np.float32)
    return _mark(pixels, everywhere, TARGET_ON_SHEET if on_sheet else TARGET, TARGET_CROPPED, rounds=rounds)


def mark_part(pixels: np.ndarray, changed: np.ndarray, *, rounds: int = ROUNDS) -> MarkedImage:
    """Mark what was changed in a photo: `changed` [H, W] in [0, 1] says how much of each pixel is generated. Where it is 0 the pixels stay
    as they are, bit for bit."""
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not len(rows):
        return MarkedImage(pixels, 0.0, generated=False)
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = _mark(pixels[inside], changed[inside], TARGET_PART, rounds=rounds)
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


def _mark(
    pixels: np.ndarray, weight: np.ndarray, target: float, target_cropped: float = -np.inf, *, rounds: int
) -> MarkedImage:
    tile = mark.pattern()
    brightness = mark.luminance(pixels)
    resembles = mark.scores(_window(brightness), tile)
    row, column = divmod(int(resembles.argmax()), resembles.shape[-1])
    change = waves(tile, (row, column), max(brightness.shape))[: pixels.shape[0], : pixels.shape[1]]
    change = change * hiding(brightness) * weight
    change /= np.sqrt((change**2).sum() / max(float(weight.sum()), 1.0)) + 1e-9  # root mean square 1
    low, high = STRENGTH
    strength, best, least = 1.2, MarkedImage(pixels, -np.inf), np.inf
    for _ in range(rounds):
        marked = np.clip(np.rint(pixels + strength * change[..., None]), 0, 255).astype(np.uint8)
        halves = np.stack([_window(mark.luminance(half)) for half in weathered(marked)])
        score = float(mark.scores(halves, tile)[:, row, column].min())
        cropped = float(mark.scores(_crops(_window(mark.luminance(marked))), tile)[:, row, column].min())
        lacking = max(target - score, target_cropped - cropped)
        if lacking <= 0 or lacking < least:  # the faintest that suffices, else the strongest
            best, least = MarkedImage(marked, round(score, 2)), lacking
        low, high = (low, strength) if lacking <= 0 else (strength, high)
        if -0.4 <= lacking <= 0 or high - low < 0.05:
            break
        gained = max(
            (score - 0.8 * resembles.max()) / strength, 1.0
        )  # score per grey level; compression takes some of the luck
        guess = strength + (lacking + 0.2) / gained
        strength = guess if low < guess < high else (low + high) / 2
    return best


def _crops(window: np.ndarray) -> np.ndarray:
    """What is left of a window [GRID, GRID] when each of its corners or its middle is cut out, in its place [5, GRID, GRID]."""
    cut = round((1 - KEPT) * GRID)
    left = np.zeros((5, GRID, GRID))
    for crop, (y, x) in zip(left, ((0, 0), (0, cut), (cut, 0), (cut, cut), (cut // 2, cut // 2)), strict=True):
        kept = np.s_[y : y + GRID - cut, x : x + GRID - cut]
        crop[kept] = window[kept]
    return left


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
    return mark.resized(np.fft.irfft2(mark.resampled(spectrum, drawn, drawn), s=(drawn, drawn)), side, side)


def hiding(brightness: np.ndarray) -> np.ndarray:
    """How much a change is hidden by the texture around it, [H, W]; 1 is little."""
    detail = brightness - mark.box_mean(brightness, 5)
    texture = np.sqrt(np.maximum(mark.box_mean(detail * detail, 11), 0))
    return np.minimum(_FLAT + _BUSY * texture, _MOST)


def weathered(pixels: np.ndarray) -> list[np.ndarray]:
    """At half size, or 128 px where that is less, and JPEG 80: what every mark must survive. Resized in two ways: how well a mark
    outlives compression is in part luck, and another program's resizing has other luck."""
    height, width = pixels.shape[:2]
    scale = min(0.5, 128 / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return [
        _compressed(Image.fromarray(pixels).resize(size, how))
        for how in (Image.Resampling.BILINEAR, Image.Resampling.BOX)
    ]


def _compressed(image: Image.Image) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file))
