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
REGIONS = {  # some of the mesh's points of each, which lie apart and where there is something to follow
    "mouth": (61, 291, 37, 267, 84, 314),
    "whole_nose": (197, 4, 48, 278, 2),
    "eyes": (33, 468, 133, 362, 473, 263),
    "brows": (70, 105, 107, 336, 334, 300),
    "jaw": (136, 149, 152, 378, 365),
}
SURE = 0.5  # probability of a face from which on its parts are believed


@torch.no_grad()
def parts(image: Tensor) -> dict[str, list[tuple[float, float]]]:
    """Places (x, y) in shares of the side of an aligned face [1, 3, R, R]: one of each part, some of each region. Raises FaceNotFound where
    the mesh sees none."""
    mesh = load_mesh()(image)
    if float(mesh.presence[0]) < SURE:
        raise FaceNotFound(
            "the parts of this face are not found, so that none can be pulled by its name; give places in pixels instead",
            param="points",
        )
    places = [(x, y) for x, y in mesh.points[0, :, :2].tolist()]
    single = {name: [places[index]] for name, index in POINTS.items()}
    return single | {name: [places[index] for index in indices] for name, indices in REGIONS.items()}


def landmarks(image: Tensor) -> dict[str, tuple[float, float]]:
    """The parts of `parts` that are points."""
    return {name: places[0] for name, places in parts(image).items() if name in POINTS}
