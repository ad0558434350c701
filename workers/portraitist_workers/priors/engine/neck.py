"""A neck behind the head.

The canvas holds what a camera in front sees. When the head turns, the side of the neck under the ear comes into
view, which no texel covers; the background would show there. A plain cylinder in the neck's colour, drawn beneath
everything else, fills the hole. From the front the jaw hides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .raster import SOLID, rasterise

_ROWS, _COLUMNS = 8, 17
_SPAN = 100.0   # degrees to each side
_SHADE = 0.58, 0.86  # it lies in the shadow of jaw and hair: at its top, at its bottom


@dataclass(frozen=True)
class Neck:
    """Axis point [3] and radius in ICT units, top and bottom height, RGB colour [3] 0..255."""

    centre: np.ndarray
    radius: float
    top: float
    bottom: float
    colour: np.ndarray

    @classmethod
    def between(cls, left: np.ndarray, right: np.ndarray, ears: np.ndarray, colour: np.ndarray) -> Neck:
        """Through the outermost points [3] of the neck under the jaw, up to the height of `ears` [n, 3]."""
        radius = float(np.clip(0.44 * (right[0] - left[0]), 3.0, 6.0))
        centre = np.array([(left[0] + right[0]) / 2, 0.0, min(left[2], right[2], 1.0) - 0.5])
        return cls(centre, radius, float(ears[:, 1].mean()), float(min(left[1], right[1]) - 5.0), colour)

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and outward normals, [8, 17, 3] each, head frame."""
        angle = np.radians(np.linspace(-_SPAN, _SPAN, _COLUMNS))
        out = np.stack([np.sin(angle), np.zeros(_COLUMNS), np.cos(angle)], -1)
        normals = np.broadcast_to(out, (_ROWS, _COLUMNS, 3))
        pos = self.centre + self.radius * normals
        pos[..., 1] = np.linspace(self.top, self.bottom, _ROWS)[:, None]
        return pos, normals


def draw(pixels: np.ndarray, depth: np.ndarray, colours: np.ndarray, height: int, width: int
         ) -> tuple[np.ndarray, np.ndarray]:
    """Projected surface (pixels [8, 17, 2], depth [8, 17]) -> (RGB [height, width, 3], coverage [height, width]).

    `colours` [17, 3] are those of the columns: the light does not change with height.
    """
    state = np.full((depth.shape[0] - 1, depth.shape[1] - 1), SOLID, np.uint8)
    u, v = rasterise(*(np.ascontiguousarray(a, np.float32) for a in (pixels[..., 0], pixels[..., 1], depth)), state,
                     height, width)
    covered = u >= 0
    first = np.clip(u.astype(np.intp), 0, _COLUMNS - 2)
    share = np.clip(u - first, 0, 1)[..., None]
    colours = colours.astype(np.float32)
    picture = colours[first] + share * (colours[first + 1] - colours[first])
    picture *= (_SHADE[0] + np.clip(v / (_ROWS - 1), 0, 1) * (_SHADE[1] - _SHADE[0]))[..., None]
    return picture.astype(np.float32), covered.astype(np.float32)
