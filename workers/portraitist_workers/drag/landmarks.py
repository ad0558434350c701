"""Parts of a face by their names, so that nobody has to look up pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from portraitist.errors import FaceNotFound

from ..faces.mesh import load_mesh

# Points of the canonical face mesh. Left and right are the picture's.
POINTS = {
    "nose": 4,
    "chin": 152,
    "mouth_left": 61,
    "mouth_right": 291,
    "mouth_top": 0,
    "mouth_bottom": 17,
    "eye_left": 468,
    "eye_right": 473,
    "eyelid_left": 159,
    "eyelid_right": 386,
    "brow_left": 105,
    "brow_right": 334,
    "cheek_left": 117,
    "cheek_right": 346,
    "jaw_left": 172,
    "jaw_right": 397,
    "forehead": 151,
}
SURE = 0.5  # probability of a face from which on its parts are believed


@torch.no_grad()
def landmarks(image: Tensor) -> dict[str, tuple[float, float]]:
    """Places (x, y) in shares of the side of an aligned face [1, 3, R, R]. Raises FaceNotFound where the mesh sees none."""
    mesh = load_mesh()(image)
    if float(mesh.presence[0]) < SURE:
        raise FaceNotFound(
            "the parts of this face are not found, so that none can be pulled by its name; give places in pixels instead",
            param="points",
        )
    places = mesh.points[0, :, :2].tolist()
    return {name: (places[index][0], places[index][1]) for name, index in POINTS.items()}
