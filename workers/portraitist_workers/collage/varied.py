"""A variation of an opened photo: patches of the generator's features move, and the photo's own pixels move as its picture does.

Mixed features draw a face that is blurred where two places meet. So of that picture only the motion is taken, none of its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ..detail.carry import carried
from ..detail.mesh import Seen, seen
from ..detail.motion import motion
from ..editing.opening import OpenedPhoto
from ..faces.edited import EditedFace
from ..faces.image_io import to_uint8
from .interpolation import Source
from .patches import Patch, variation

_FEATHER = 0.15  # of the side: over so much a patch's border fades, wide enough for skin to stretch
_NEAR = 0.05  # of the side: points of the face so near to each other move alike


@torch.no_grad()
def varied(photo: OpenedPhoto, source: Source, patches: Sequence[Patch], layers: Sequence[int]) -> EditedFace:
    """The photo's face. source: the person's generator at the photo's latent. Without motion, exactly the photo."""
    before, after = seen(
        [to_uint8(one)[0] for one in (source.image(), variation(source, patches, layers=layers, feather=_FEATHER))]
    )
    face = carried(photo.scene, motion(before, _alike(before, after)))
    everywhere, nowhere = np.ones_like(face.trust), np.zeros_like(face.trust)
    return replace(face, plain=face.moved, change=np.zeros_like(face.change), trust=everywhere, grain=nowhere)


def _alike(before: Seen, after: Seen) -> Seen:
    """`after`, with each of the 478 points moved as those about it are, on the average. For a patch moves alike what lies in it, and single
    points of a blurred mouth are off."""
    places = before.points[:, :2]
    near = np.exp(-np.square(places[:, None] - places[None]).sum(2) / (2 * _NEAR**2))
    moves = (near / near.sum(1, keepdims=True)) @ (after.points - before.points)
    return Seen(after.picture, (before.points + moves).astype(before.points.dtype))
