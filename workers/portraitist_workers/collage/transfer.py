"""A part of one picture in another: the reference's features within a mask, with the pose aligned first (section 4.4 of the paper)."""

from __future__ import annotations

from torch import Tensor

from .interpolation import Mask, Source, interpolate
from .weights import second

POSE = range(1, 4)  # positions of the styles up to 8 px that carry the pose; the first convolution is blended
BLENDED = range(10)  # positions of layers, up to 32 px, in which the reference counts


def aligned(reference: Source, source: Source) -> Source:
    """The reference in the source's pose: its first styles are the source's."""
    styles = [*reference.styles]
    for position in POSE:
        styles[position] = source.styles[position]
    return Source(reference.synthesis, styles)


def transferred(source: Source, reference: Source, mask: Mask, *, exact: bool = True) -> Tensor:
    """The source's picture [B, 3, R, R] with the reference's features where `mask` says.

    exact  nothing changes where the mask is 0. Without it, the change fades over about an eighth of the side, as published"""
    weights = second(mask, positions=BLENDED)
    return interpolate([source, reference], weights, within=mask if exact else None)
