"""Where each pixel of an edited picture was before: by the mesh in the face, by flow elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..faces.image_io import to_uint8
from ..generator import Generator
from ..persona.rendering import render
from ..precision import optimisation_dtype
from .fields import SIDE, resized, sampled, smooth
from .flow import followed
from .mesh import mesh_motion, points_of

STEPS = 5  # of the path from the one latent to the other
_REST = 2.0  # px of SIDE: what the mesh's points are off by


@dataclass(frozen=True, eq=False)
class Motion:
    """From the picture `after` back to `before`, both [R, R, 3] uint8.

    displacement [SIDE, SIDE, 2]    in shares of the side
    sure [SIDE, SIDE] in [0, 1]     0 where what is seen now was not seen before
    face [SIDE, SIDE] in [0, 1]     1 well inside the mesh of `after`
    before_points, after_points     [478, 3] the face mesh of both, in shares of the side
    """

    before: np.ndarray
    after: np.ndarray
    displacement: np.ndarray
    sure: np.ndarray
    face: np.ndarray
    before_points: np.ndarray
    after_points: np.ndarray


def path_between(generator: Generator, w: Tensor, w_after: Tensor, *, steps: int = STEPS) -> list[np.ndarray]:
    """The pictures [R, R, 3] uint8 between w [1, ...] and w_after [1, ...], without these two."""
    if torch.equal(w, w_after):
        return []
    path = torch.cat([torch.lerp(w, w_after, k / steps) for k in range(1, steps)])
    return list(to_uint8(render(generator, path, dtype=optimisation_dtype())))


def motion(before: np.ndarray, after: np.ndarray, between: list[np.ndarray]) -> Motion:
    """Of a picture [R, R, 3] uint8 that became `after` by way of the pictures `between`."""
    points = points_of([before, after])
    if np.array_equal(before, after):
        nowhere, everywhere = np.zeros((SIDE, SIDE, 2), np.float32), np.ones((SIDE, SIDE), np.float32)
        return Motion(before, after, nowhere, everywhere, everywhere, *points)
    flow, sure = followed([before, *between, after])
    old, new = (resized(picture, SIDE).astype(np.float32) for picture in (before, after))
    mesh = mesh_motion(*points)
    inner = smooth(cv2.erode(mesh.inside, np.ones((13, 13), np.uint8)), 0.012)

    # Inside the face the mesh knows where things are, to a pixel or two; flow finds the rest of the way.
    nearly = sampled(old, mesh.displacement).round().clip(0, 255).astype(np.uint8)
    rest, agreed = followed([nearly, new.round().clip(0, 255).astype(np.uint8)])
    size = SIDE * np.linalg.norm(rest, axis=2)
    rest = smooth(rest * (agreed * np.exp(-np.square(size / _REST)))[..., None], 0.008)
    by_mesh = inner * mesh.shown
    displacement = flow + by_mesh[..., None] * (rest + sampled(mesh.displacement, rest) - flow)
    sure = (sure + by_mesh * (1 - sure)) * (1 - inner * (1 - mesh.shown))
    return Motion(before, after, displacement, sure, inner, *points)
