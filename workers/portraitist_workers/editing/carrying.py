"""The opened photo's own pixels on their way to another latent."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..detail.carry import carried
from ..detail.fields import SIDE
from ..detail.motion import motion, path_between
from ..faces.align import crop
from ..faces.edited import EditedFace
from ..faces.image_io import to_tensor, to_uint8
from ..persona.rendering import render
from .opening import OpenedPhoto

KEPT = 8  # faces of a photo, made last: what was measured is delivered without being made again


def edited_face(photo: OpenedPhoto, w: Tensor) -> EditedFace:
    """The photo's face as it is at the latent w [1, num_ws, D]; at `photo.w` exactly as it was."""
    key = w.cpu().numpy().tobytes()
    if key not in photo.faces:
        if photo.source is None:
            before, after = to_uint8(render(photo.generator, torch.cat([photo.w, w])))
        else:
            before, after = (to_uint8(render(g, at))[0] for g, at in ((photo.source, photo.w), (photo.generator, w)))
        face = crop(photo.subject.photo, photo.subject.frame, SIDE)
        way = path_between(photo.generator, photo.w, w)
        photo.faces[key] = carried(face, motion(before, after, way, face))
        while len(photo.faces) > KEPT:
            photo.faces.popitem(last=False)
    return photo.faces[key]


def pictures(photo: OpenedPhoto, w: Tensor) -> Tensor:
    """[B, 3, SIDE, SIDE] of w [B, num_ws, D]."""
    shown = np.stack([edited_face(photo, row[None]).shown for row in w])
    return to_tensor(shown.round().clip(0, 255).astype(np.uint8)).to(w)
