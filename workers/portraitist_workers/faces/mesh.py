"""Where a face's parts are: 478 points in three dimensions, by MediaPipe's face mesh with attention (Google, Apache-2.0).

Kartynnik, Ablavatski, Grishchenko, Grundmann: Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019; Grishchenko,
Ablavatski, Kartynnik, Raveendran, Grundmann: Attention Mesh, 2020. The network learnt from photographs of the world, not from renders.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_io import at_side
from .networks import load_network
from .world import FOLDER

_SIDE = 192  # px of the network's window
_LARGEST = 256  # px: larger pictures are shrunk first, since the window's samples lie too far apart in them
_FIRST = (0.5, 0.59, 0.98)  # the first window's centre (x, y) and side, in shares of the FFHQ frame
_AROUND = 1.5  # side of the second window, in longer sides of the points' box
_EYES = (33, 263)  # outer corners of the eyes: level in the second window
_CONTOUR = 16  # so many of the points of an eye are on its contour; an iris is as deep as they are in the mean


@dataclass(frozen=True, eq=False)
class Mesh:
    """`points` [B, 478, 3] in shares of the picture's side: x right, y down, z away from the camera (0 about the head's middle).

    0 to 467 are the canonical face mesh's, 468 to 472 the iris at image left (centre, right, top, left, bottom), 473 to 477 the other.
    `presence` [B] is the probability that there is a face.
    """

    points: Tensor
    presence: Tensor


class FaceMesh(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]."""

    name: str  # for reports

    def __call__(self, images: Tensor) -> Mesh:
        """Points and presence of the face; differentiable."""


class WorldMesh:
    """The network that learnt from photographs, shipped with the package (world/mesh.safetensors)."""

    def __init__(self) -> None:
        self.name = "mediapipe-face-mesh"
        self.network, self.measured = load_network("mesh", FOLDER)
        windows = [step["subset"] for step in self.network.steps if step["op"] == "matrix_of_points"]
        self._parts = dict(
            zip(("lips", "left_eye", "right_eye"), windows, strict=True)
        )  # points that have a closer look of their own

    def __call__(self, images: Tensor) -> Mesh:
        images = at_side(images, min(images.shape[-1], _LARGEST))
        window = _fixed(images)
        with torch.no_grad():  # where to look is no function to learn from
            mesh = self.network(_seen(images, window), "mesh")["mesh"].reshape(-1, 468, 3)
        window = _around(_in_picture(mesh, window))
        out = self.network(_seen(images, window))
        return Mesh(_in_picture(_assembled(out, self._parts), window), out["presence"].flatten().sigmoid())


def _seen(images: Tensor, window: Tensor) -> Tensor:
    """What the network is given [B, 3, 192, 192] in [0, 1]; beyond the picture, its edge.

    `window` [B, 2, 3] leads from shares of the window's side, measured from its middle, to shares of the picture's side.
    """
    theta = torch.cat([window[:, :, :2], 2 * window[:, :, 2:] - 1], 2)
    grid = F.affine_grid(theta, [len(images), 3, _SIDE, _SIDE], align_corners=False)
    seen = F.grid_sample((images + 1) / 2, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return seen.contiguous(memory_format=torch.channels_last)


def _in_picture(points: Tensor, window: Tensor) -> Tensor:
    """Points [B, P, 3] in px of the window -> in shares of the picture's side."""
    flat = (points[..., :2] / _SIDE - 0.5) @ window[:, :, :2].transpose(1, 2) + window[:, None, :, 2]
    side = window[:, :, 0].norm(dim=1)[:, None, None]
    return torch.cat([flat, points[..., 2:] / _SIDE * side], 2)


def _assembled(out: dict[str, Tensor], parts: dict[str, list[int]]) -> Tensor:
    """[B, 478, 3] in px of the window: the closer looks' places for the points of `parts`, with the mesh's depth."""
    points, irises = out["mesh"].reshape(-1, 468, 3), []
    flat, depth = points[..., :2].clone(), points[..., 2:]
    for part, subset in parts.items():
        flat[:, subset] = out[part].reshape(-1, len(subset), 2)
    for eye in ("left", "right"):
        contour = depth[:, parts[f"{eye}_eye"][:_CONTOUR]].mean(1, keepdim=True)
        irises.append(torch.cat([out[f"{eye}_iris"].reshape(-1, 5, 2), contour.expand(-1, 5, -1)], 2))
    return torch.cat([torch.cat([flat, depth], 2), *irises], 1)


def _fixed(images: Tensor) -> Tensor:
    """The first window [B, 2, 3]: where a face is in the FFHQ frame."""
    x, y, side = _FIRST
    return images.new_tensor([[side, 0, x], [0, side, y]]).expand(len(images), -1, -1)


def _around(points: Tensor) -> Tensor:
    """The window [B, 2, 3] about the points [B, P, 3] in which the eyes are level."""
    flat = points[..., :2]
    low, high = flat.amin(1), flat.amax(1)
    along = F.normalize(flat[:, _EYES[1]] - flat[:, _EYES[0]], dim=1) * (high - low).amax(1, keepdim=True) * _AROUND
    across = torch.stack([-along[:, 1], along[:, 0]], 1)
    return torch.stack([along, across, (low + high) / 2], 2)


@functools.cache
def load_mesh() -> FaceMesh:
    """The mesh at hand (one so far: the bundled network). Raises PriorUnavailable."""
    return WorldMesh()
