"""A neck behind the head.

The canvas holds what a camera in front sees. When the head turns, the side of the neck under the ear comes into
view, which no texel covers; the background would show there. A plain cylinder in the neck's colour, drawn beneath
everything else, fills the hole. From the front the jaw hides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .raster import SOLID, rasterise

_ROWS, _COLUMNS = 8, 33
_SPAN = 150.0  # degrees to each side
_WIDTH, _DEPTH = 0.44, 1.15  # half-axes: across, as a share of the neck's width; front to back, as a share of that
_BACK, _LEAN = 1.7, 0.16  # the axis: ICT units behind the neck's outline, and how far it falls back per unit downwards
_FLARE = 0.01  # widening per unit below the jaw, towards the shoulders
_NAPE = 0.35
_SHADE = 0.52, 0.92  # it lies in the shadow of jaw and hair: at its top, at the height of the neck's outermost points


@dataclass(frozen=True)
class Neck:
    """An upright elliptic cylinder in ICT units that leans back, and its colours [3], RGB 0..255, at either side.

    `centre` [3] is the axis at the height of the outermost points of the neck.
    """

    centre: np.ndarray
    radius: float
    top: float
    left: np.ndarray
    right: np.ndarray

    @classmethod
    def between(cls, points: np.ndarray, ears: np.ndarray, colours: np.ndarray) -> Neck:
        """Through the outermost `points` [2, 3] of the neck under the jaw, up to the height of `ears` [n, 3]."""
        left, right = points
        radius = float(np.clip(_WIDTH * (right[0] - left[0]), 3.0, 6.0))
        centre = np.array([(left[0] + right[0]) / 2, (left[1] + right[1]) / 2, min(left[2], right[2], 1.0) - _BACK])
        return cls(centre, radius, float(ears[:, 1].mean()), *colours)

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions [8, 33, 3] and outward normals [33, 3], head frame."""
        angle = np.radians(np.linspace(-_SPAN, _SPAN, _COLUMNS))
        y = np.linspace(self.top, self.centre[1] - 5.0, _ROWS)[:, None]
        below = self.centre[1] - y
        radius = self.radius * (1 + _FLARE * np.maximum(below + 4, 0))
        pos = np.stack(
            np.broadcast_arrays(
                self.centre[0] + radius * np.sin(angle),
                y,
                self.centre[2] + radius * _DEPTH * np.cos(angle) - _LEAN * below,
            ),
            -1,
        )
        normals = np.stack([np.sin(angle), np.zeros(_COLUMNS), np.cos(angle) / _DEPTH], -1)
        return pos, normals / np.linalg.norm(normals, axis=-1, keepdims=True)

    def colours(self) -> np.ndarray:
        """Of the columns, before light, float [33, 3]. The nape lies in the shade of the head."""
        angle = np.linspace(-_SPAN, _SPAN, _COLUMNS)[:, None]
        share = np.clip(0.5 + 0.5 * angle / 60, 0, 1)
        return (self.left + share * (self.right - self.left)) * (1 - _NAPE * np.clip((np.abs(angle) - 60) / 70, 0, 1))


def draw(
    pixels: np.ndarray, depth: np.ndarray, colours: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Projected surface (pixels [8, 33, 2], depth [8, 33]) -> (RGB [height, width, 3], coverage [height, width]).

    `colours` [33, 3] are those of the columns: the light does not change with height.
    """
    state = np.full((depth.shape[0] - 1, depth.shape[1] - 1), SOLID, np.uint8)
    x, y, z = (np.ascontiguousarray(a, np.float32) for a in (pixels[..., 0], pixels[..., 1], depth))
    u, v = rasterise(x, y, z, state, height, width)
    covered = u >= 0
    first = np.clip(u.astype(np.intp), 0, _COLUMNS - 2)
    share = np.clip(u - first, 0, 1)[..., None]
    colours = colours.astype(np.float32)
    picture = colours[first] + share * (colours[first + 1] - colours[first])
    picture *= (_SHADE[0] + np.clip(1.5 * v / (_ROWS - 1), 0, 1) * (_SHADE[1] - _SHADE[0]))[..., None]
    return picture.astype(np.float32), cv2.blur(covered.astype(np.float32), (3, 3))
