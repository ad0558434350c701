"""Where each pixel of an edited picture was before: by the mesh in the face, by flow elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
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
from .mesh import Seen, mesh_motion

STEPS = 5  # of the path from the one latent to the other
_COARSE = 128  # px that flow sees of the generator's pictures: they hold no more
_REST = 2.0  # px of SIDE: what the mesh's points are off by


@dataclass(frozen=True, eq=False)
class Motion:
    """From the picture `after` back to `before`.

    displacement [SIDE, SIDE, 2]    in shares of the side
    sure [SIDE, SIDE] in [0, 1]     0 where what is seen now was not seen before
    face [SIDE, SIDE] in [0, 1]     1 well inside the mesh of `after`
    """

    before: Seen
    after: Seen
    displacement: np.ndarray
    sure: np.ndarray
    face: np.ndarray


def path_between(generator: Generator, w: Tensor, w_after: Tensor, *, steps: int = STEPS) -> list[np.ndarray]:
    """The pictures [R, R, 3] uint8 between w [1, ...] and w_after [1, ...], without these two."""
    if torch.equal(w, w_after):
        return []
    path = torch.cat([torch.lerp(w, w_after, k / steps) for k in range(1, steps)])
    return list(to_uint8(render(generator, path, dtype=optimisation_dtype())))


def motion(before: Seen, after: Seen, between: Sequence[np.ndarray] = (), *, refined: bool = True) -> Motion:
    """Of a picture that became `after` by way of the pictures `between` [R, R, 3] uint8.

    refined: flow finds what the mesh is off by in the face. Not where `after` is blurred in places: nothing is to be found there."""
    if np.array_equal(before.picture, after.picture):
        nowhere, everywhere = np.zeros((SIDE, SIDE, 2), np.float32), np.ones((SIDE, SIDE), np.float32)
        return Motion(before, after, nowhere, everywhere, everywhere)
    flow, sure = followed([before.picture, *between, after.picture], _COARSE)
    old, new = (resized(shown.picture, SIDE).astype(np.float32) for shown in (before, after))
    mesh = mesh_motion(before.points, after.points)
    inner = smooth(cv2.erode(mesh.inside, np.ones((13, 13), np.uint8)), 0.012)

    # Inside the face the mesh knows where things are, to a pixel or two; flow finds the rest of the way.
    rest = _rest(sampled(old, mesh.displacement), new) if refined else np.zeros_like(mesh.displacement)
    by_mesh = inner * mesh.shown
    displacement = flow + by_mesh[..., None] * (rest + sampled(mesh.displacement, rest) - flow)
    sure = (sure + by_mesh * (1 - sure)) * (1 - inner * (1 - mesh.shown))
    return Motion(before, after, displacement, sure, inner)


def _rest(nearly: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE, 2] from `picture` [SIDE, SIDE, 3] to one that shows about the same, where flow is sure of a pixel or two."""
    rest, agreed = followed([one.round().clip(0, 255).astype(np.uint8) for one in (nearly, picture)])
    size = SIDE * np.linalg.norm(rest, axis=2)
    return smooth(rest * (agreed * np.exp(-np.square(size / _REST)))[..., None], 0.008)
