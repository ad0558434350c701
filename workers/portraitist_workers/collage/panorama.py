"""A strip of pictures without joins, of any length: every column has its own mix of two neighbours' styles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..generator.synthesis import State, Synthesis
from .interpolation import Source, interpolate, picture
from .weights import ramp, second

MARGIN = 1  # tiles at each side that one sees at most: 4 px maps see 2 px of the next tile's, later layers less


def smoothed(z: Tensor, sigma: float = 0.7) -> Tensor:
    """Latents z [N, D] smoothed along the sequence, first and last being neighbours, with unit mean square (section 4.5)."""
    N = len(z)
    reach = min(4, N - 1)
    offsets = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())
    kernel = kernel / kernel.sum()
    mixed = sum(k * z.roll(int(o), 0) for k, o in zip(kernel, offsets, strict=True))
    assert isinstance(mixed, Tensor)
    return mixed / mixed.square().mean().sqrt()


def strip(synthesis: Synthesis, styles: Sequence[Tensor], *, vertical: bool = False) -> Iterator[Tensor]:
    """Tiles [1, 3, R, R] of one canvas of N pictures, one after the other, for styles [N, C] of every layer.

    At the middle of tile k the style is k's alone; it changes evenly over the middle half between two middles. Only three tiles are
    computed at a time, so a strip of any length takes the same memory. Neighbouring tiles agree to rounding, as if computed at once."""
    N, R, axis = len(styles[0]), synthesis.config.resolution, 2 if vertical else 3
    for k in range(N):
        first, last = max(0, k - MARGIN), min(N, k + MARGIN + 1)
        yield canvas(synthesis, styles, first=first, tiles=last - first, axis=axis).narrow(axis, (k - first) * R, R)


def canvas(
    synthesis: Synthesis, styles: Sequence[Tensor], *, first: int = 0, tiles: int | None = None, axis: int = 3
) -> Tensor:
    """The tiles `first` to `first + tiles` of the strip at once, along `axis` (3: from left to right, 2: downwards)."""
    tiles = len(styles[0]) - first if tiles is None else tiles
    start = synthesis.start(1)
    state = replace(start, x=torch.cat([start.x] * tiles, axis))
    maps: list[Tensor] = list(styles)
    while (position := state.position) < len(styles):
        columns = _columns(styles[position], first, tiles, state.x.shape[axis])
        lines = columns.T[None, :, None, :] if axis == 3 else columns.T[None, :, :, None]
        maps[position] = lines.expand(1, -1, *state.x.shape[2:])
        state = synthesis.step(state, maps)
    return picture(state)


def _columns(style: Tensor, first: int, tiles: int, width: int) -> Tensor:
    """The style [width, C] of each column: pure over the middle half of a tile, evenly changing between two such halves."""
    place = (torch.arange(width) + 0.5) * (tiles / width) - 0.5 + first  # a whole number is the middle of a tile
    lower = place.floor()
    share = ((place - lower - 0.25) * 2).clamp(0, 1)
    before, after = (index.long().clamp(0, len(style) - 1) for index in (lower, lower + 1))
    return torch.lerp(style[before], style[after], share[:, None].to(style))


def spans(synthesis: Synthesis, styles: Sequence[Tensor]) -> Tensor:
    """The published panorama (section 4.5): a span of two pictures' width between each pair, laid over each other at the middles of
    the pictures. styles [N, C] of every layer; [1, 3, R, N R] comes out."""
    R = synthesis.config.resolution
    N = len(styles[0])
    made = [span(synthesis, [s[k : k + 1] for s in styles], [s[k + 1 : k + 2] for s in styles]) for k in range(N - 1)]
    parts = [made[0][..., : R + R // 2], *(one[..., R // 2 : R + R // 2] for one in made[1:]), made[-1][..., -R // 2 :]]
    return torch.cat(parts, 3)


def span(
    synthesis: Synthesis, left: Sequence[Tensor], right: Sequence[Tensor], *, begin: float = 0.25, end: float = 0.75
) -> Tensor:
    """[1, 3, R, 2 R]: `left` turning into `right`. Both first layers' maps side by side, then blended at every layer."""
    a, b = Source(synthesis, left), Source(synthesis, right)
    start = [source.step(source.start()) for source in (a, b)]
    state = State(torch.cat([one.x for one in start], 3), None, 1)
    return interpolate([a, b], second(ramp(begin=begin, end=end)), state=state)
