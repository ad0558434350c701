"""What the drawn styles start from: a face's picture, its parts as smooth areas, its points, and brushes that are smooth at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from ...detail import fields
from ...faces.image_io import at_side, to_uint8
from ...faces.mesh import load_mesh
from ...faces.parser import load_parser

SIDE = 256  # px of a drawing
ON_SKIN = ("brows", "eyes", "nose", "lips", "mouth")  # parts with skin beneath

# Points of the canonical face mesh; "left" is the picture's left.
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)  # from the outer corner over the upper lid to the inner, and back below
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))  # centre, and four on the rim
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
MOUTH = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
NOSE = (98, 97, 2, 326, 327)  # its lower edge
CHIN = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
_SHIFT = 4  # bits below the pixel, for brushes


@dataclass(frozen=True, eq=False)
class Face:
    """image [S, S, 3] in 0..1. `shares` says of each part where it is, [S, S]. points [478, 2] px, depth [478] px away from the camera."""

    image: np.ndarray
    shares: dict[str, np.ndarray]
    points: np.ndarray
    depth: np.ndarray

    @cached_property
    def skin(self) -> np.ndarray:
        """[S, S] skin, and what lies upon it."""
        return np.asarray(sum(self.shares[name] for name in ("skin", *ON_SKIN)))

    @cached_property
    def head(self) -> np.ndarray:
        """[S, S] all but the background and the clothes."""
        return self.skin + self.shares["hair"] + self.shares["neck"]

    def colour(self, area: np.ndarray, otherwise: Sequence[float] = (0.5, 0.5, 0.5)) -> np.ndarray:
        """[3] the usual colour of an area [S, S]."""
        inside = self.image[area > 0.6]
        return np.median(inside, 0) if len(inside) > 20 else np.asarray(otherwise, np.float32)

    def light(self, area: np.ndarray, width: float) -> np.ndarray:
        """[S, S] brightness of an area without its detail: averaged over `width` px of the area alone."""
        weight = np.clip(area, 0, 1) ** 2 + 1e-4
        return smooth(self.image.mean(2) * weight, width) / smooth(weight, width)


@torch.no_grad()
def faces(images: Tensor) -> list[Face]:
    """What there is to draw in the aligned faces [B, 3, R, R]."""
    parser, large = load_parser(), at_side(images, SIDE)
    shares = parser(large).cpu().numpy()
    mesh = load_mesh()(large).points.cpu().numpy() * SIDE
    found = []
    for image, share, points in zip(to_uint8(large), shares, mesh, strict=True):
        soft = np.stack([smooth(one, 2.0) for one in share])
        sharp = soft**4 / (soft**4).sum(0)
        parts = dict(zip(parser.names, sharp, strict=True))
        found.append(Face(image.astype(np.float32) / 255, parts, points[:, :2], points[:, 2]))
    return found


def smooth(image: np.ndarray, width: float) -> np.ndarray:
    """Blurred by a sigma of `width` px."""
    return fields.smooth(image, width / len(image))


def grown(points: np.ndarray, across: float, down: float) -> np.ndarray:
    """Points [N, 2] farther from their middle."""
    middle = (points.min(0) + points.max(0)) / 2
    return middle + (points - middle) * (across, down)


def filled(points: np.ndarray) -> np.ndarray:
    """[S, S] 1 inside the outline [N, 2] px."""
    area = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(area, [_fixed(points)], 255, cv2.LINE_AA, _SHIFT)
    return area.astype(np.float32) / 255


def line(points: np.ndarray, width: float) -> np.ndarray:
    """[S, S] 1 along the points [N, 2] px, as wide as `width` px."""
    area = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    cv2.polylines(area, [_fixed(points * 2)], False, 255, max(1, round(2 * width)), cv2.LINE_AA, _SHIFT)
    return cv2.resize(area, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def disc(centre: np.ndarray, radius: float) -> np.ndarray:
    """[S, S] 1 within `radius` px."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.clip(radius + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1).astype(np.float32)


def painted(image: np.ndarray, area: np.ndarray, colour: np.ndarray | Sequence[float]) -> np.ndarray:
    """The image with a colour [3], or another image [S, S, 3], where the area [S, S] is 1."""
    return image + area[..., None] * (np.asarray(colour, np.float32) - image)


def edges(area: np.ndarray, width: float) -> np.ndarray:
    """[S, S] 1 along the border of an area, about `width` px wide."""
    return np.clip(4 * smooth(area, width) * (1 - smooth(area, width)), 0, 1) ** 2


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)
