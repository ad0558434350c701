"""The camera: head positions -> pixels of the crop that the FFHQ alignment would cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from .labels import Labels


@dataclass(frozen=True)
class Frame:
    """A picture of height x width pixels in which the face's FFHQ crop has `side` pixels, its corner at (left, top)."""

    height: int
    width: int
    left: float
    top: float
    side: float

    @classmethod
    def crop(cls, size: int) -> Frame:
        """The aligned crop itself."""
        return cls(size, size, 0.0, 0.0, float(size))

    def enlarged(self, factor: int) -> Frame:
        return Frame(
            self.height * factor, self.width * factor, self.left * factor, self.top * factor, self.side * factor
        )


def head_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] from the head's frame to the camera's (x right, y up, z towards the camera), degrees.

    R = Rz(-roll) Ry(yaw) Rx(-pitch): yaw > 0 turns to image right, pitch > 0 looks up, roll > 0 is clockwise.
    """
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in np.radians((yaw, pitch, roll)))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return tilt @ turn @ nod


def project(pos: np.ndarray, rotation: np.ndarray, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Perspective projection of pos [..., 3] -> (points [..., 2] right and down in ICT units, depth [...])."""
    camera = pos @ rotation.T.astype(pos.dtype)
    z = camera[..., 2]
    factor = distance / (distance - z)
    return np.stack([camera[..., 0] * factor, -camera[..., 1] * factor], -1), z


def crop_square(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre [2] and side of the FFHQ crop for projected eyes and mouth corners [4, 2].

    The alignment would also turn the picture until the eyes are level; here roll is a label, and stays.
    """
    eyes, mouth = points[:2].mean(0), points[2:].mean(0)
    eye_to_eye, eye_to_mouth = points[1] - points[0], mouth - eyes
    half = max(2.0 * np.linalg.norm(eye_to_eye), 1.8 * np.linalg.norm(eye_to_mouth))
    return eyes + 0.1 * eye_to_mouth, cast(float, 2 * half)


def to_pixels(points: np.ndarray, centre: np.ndarray, side: float, labels: Labels, frame: Frame) -> np.ndarray:
    """Projected points [..., 2] -> pixel coordinates in `frame` (pixel centres are integers), with the labels' jitter."""
    scale = frame.side * labels.scale / side
    middle = np.array([frame.left, frame.top]) + frame.side * (0.5 + np.array(labels.shift)) - 0.5
    return points * points.dtype.type(scale) + (middle - scale * centre).astype(points.dtype)
