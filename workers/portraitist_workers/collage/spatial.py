"""Spatial operations on features (section 3.2 of the paper): a wider, larger, shifted or circular map in the middle of the synthesis.

The layers after it run on the map as it is then. So a texture goes on with its own sharpness, where stretched pixels would blur.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import State, Synthesis

MODES = ("reflect", "replicate", "circular")


def padded(state: State, columns: int, rows: int = 0, *, mode: str = "reflect") -> State:
    """The feature map, and the colours so far, with so many more columns and rows at each side. Valid where both have one size, which
    is so after a ToRGB."""
    return _both(state, partial(F.pad, pad=(columns, columns, rows, rows), mode=mode))


def resized(state: State, height: int, width: int, *, mode: str = "bilinear") -> State:
    """The map at another size: what is drawn from it becomes larger, and is drawn as sharply. mode: bilinear or nearest."""
    corners = None if mode == "nearest" else False
    return _both(state, partial(F.interpolate, size=(height, width), mode=mode, align_corners=corners))


def shifted(state: State, down: int, right: int) -> State:
    """The map moved, going round at its borders."""
    return _both(state, lambda x: x.roll((down, right), (2, 3)))


def cropped(state: State, top: int, left: int, height: int, width: int) -> State:
    """A part of the map."""
    return _both(state, lambda x: x[:, :, top : top + height, left : left + width].contiguous())


def _both(state: State, change: Callable[[Tensor], Tensor]) -> State:
    return replace(state, x=change(state.x), image=None if state.image is None else change(state.image))


WRAP = 4  # columns that are borrowed from the other side for one layer; even, since an up-convolution doubles them


def circular_step(synthesis: Synthesis, state: State, styles: Sequence[Tensor], *, noise: str = "none") -> State:
    """`Synthesis.step` on a map whose left and right borders meet. Style maps must have the size of the layer's input."""
    x, image = state.x, state.image
    position, layer = state.position, synthesis.layers()[state.position]
    width = x.shape[3]
    wrapped = list(styles)
    if styles[position].ndim == 4:
        wrapped[position] = _wrapped(styles[position], WRAP)
    if layer.name == "torgb":
        half = None if image is None else _wrapped(image, WRAP // 2 if image.shape[3] < width else WRAP)
        made = synthesis.step(replace(state, x=_wrapped(x, WRAP), image=half), wrapped, noise=noise)
        assert made.image is not None
        return replace(made, x=x, image=made.image[:, :, :, WRAP:-WRAP])
    made = synthesis.step(replace(state, x=_wrapped(x, WRAP)), wrapped, noise=noise)
    cut = WRAP * made.x.shape[3] // (width + 2 * WRAP)
    return replace(made, x=made.x[:, :, :, cut:-cut], image=image)


def _wrapped(x: Tensor, columns: int) -> Tensor:
    return F.pad(x, (columns, columns, 0, 0), mode="circular")
