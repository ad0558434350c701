"""The opened photo's own pixels on their way to another latent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from ..detail.carry import carried
from ..detail.hold import held
from ..detail.mesh import seen
from ..detail.motion import motion
from ..detail.mouth import teeth
from ..faces.edited import EditedFace
from ..faces.image_io import to_tensor, to_uint8
from ..persona.rendering import render
from .opening import OpenedPhoto

KEPT = 8  # faces of a photo, made last: what was measured is delivered without being made again


def edited_face(photo: OpenedPhoto, w: Tensor) -> EditedFace:
    """The photo's face as it is at the latent w [1, num_ws, D]; at `photo.w` exactly as it was."""
    key = w.cpu().numpy().tobytes()
    if key not in photo.faces:
        [after] = seen([to_uint8(render(photo.generator, w))[0]])
        turned = held(photo.before, after)
        face = carried(photo.scene, motion(photo.before, turned.after), light=True)
        after_points = turned.after.points + photo.scene.points - photo.before.points
        mouth = teeth(photo.mouths, photo.scene.points, after_points, face.shown)
        photo.faces[key] = replace(face, square=turned.square, fill=mouth)
        while len(photo.faces) > KEPT:
            photo.faces.popitem(last=False)
    return photo.faces[key]


def pictures(photo: OpenedPhoto, w: Tensor) -> Tensor:
    """[B, 3, SIDE, SIDE] of w [B, num_ws, D], each cut to where the face is."""
    return to_tensor(np.stack([edited_face(photo, row[None]).aligned for row in w])).to(w)
