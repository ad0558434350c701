"""The FFHQ frame: the square of a photo that the generator's pictures show, and the way there.

The rule is that of the FFHQ data set: an oriented square around the face, sized from eye to eye and from eye to mouth. Source:
Karras, Laine, Aila: A Style-Based Generator Architecture for GANs, CVPR 2019, appendix A. The way back is in paste.py.

Coordinates are continuous: x right, y down, pixel i covers [i, i+1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

_BORDER_BLUR = 0.03  # of the crop's side: blur of what lies beyond the photo's edge
_BORDER_RAMP = 0.05  # of the crop's side: over this distance the mirrored edge becomes the blurred one


@dataclass(frozen=True)
class Square:
    """A square in a frame, level with it: how far its middle lies right of and below the frame's, and its size, in shares of the side."""

    right: float = 0.0
    down: float = 0.0
    size: float = 1.0


WHOLE = Square()


@dataclass(frozen=True)
class Frame:
    """An oriented square in a photo: centre and half axes in px. All four fields are plain floats, so it prints and serialises."""

    centre_x: float
    centre_y: float
    half_x: float  # x axis: from the centre to the middle of the square's right side ...
    half_y: float  # ... (half_x, half_y); the y axis is the same turned by 90 degrees: (-half_y, half_x)

    @property
    def size(self) -> float:
        """Side of the square in photo px."""
        return 2 * math.hypot(self.half_x, self.half_y)

    @property
    def roll(self) -> float:
        """Degrees by which the square is turned clockwise in the photo."""
        return math.degrees(math.atan2(self.half_y, self.half_x))

    @property
    def corners(self) -> np.ndarray:
        """[4, 2] top left, top right, bottom right, bottom left (of the face), in photo px."""
        centre, x = np.array([self.centre_x, self.centre_y]), np.array([self.half_x, self.half_y])
        y = np.array([-self.half_y, self.half_x])
        return np.stack([centre - x - y, centre + x - y, centre + x + y, centre - x + y])

    def to_photo(self, side: int) -> np.ndarray:
        """[2, 3] similarity from coordinates of a crop of `side` px to the photo's."""
        corners = self.corners
        return np.column_stack([(corners[1] - corners[0]) / side, (corners[3] - corners[0]) / side, corners[0]])

    def to_crop(self, side: int) -> np.ndarray:
        """[2, 3] similarity from the photo's coordinates to those of a crop of `side` px."""
        return cv2.invertAffineTransform(self.to_photo(side))

    def within(self, square: Square) -> Frame:
        """The `square` of this frame."""
        x, y = np.array([self.half_x, self.half_y]), np.array([-self.half_y, self.half_x])
        centre = np.array([self.centre_x, self.centre_y]) + 2 * (square.right * x + square.down * y)
        return Frame(float(centre[0]), float(centre[1]), float(square.size * x[0]), float(square.size * x[1]))

    def scaled(self, factor: float) -> Frame:
        """The same square of a photo that was resized by `factor`."""
        return Frame(*(factor * v for v in (self.centre_x, self.centre_y, self.half_x, self.half_y)))


def ffhq_frame(points: np.ndarray) -> Frame:
    """The frame of a face from its five points [5, 2]: left eye, right eye, nose, left and right mouth corner (image sides).

    Raises ValueError when the points are degenerate (all in one place).
    """
    eye_left, eye_right, _, mouth_left, mouth_right = np.asarray(points, dtype=np.float64)
    eyes = (eye_left + eye_right) / 2
    eye_to_eye = eye_right - eye_left
    eye_to_mouth = (mouth_left + mouth_right) / 2 - eyes
    x = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])  # mean of the eyes' line and the midline's normal
    length = np.hypot(*x)
    if length < 1e-6:
        raise ValueError(f"five points without extent: {np.round(points, 1).tolist()}")
    x *= max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eye_to_mouth)) / length
    centre = eyes + 0.1 * eye_to_mouth
    return Frame(float(centre[0]), float(centre[1]), float(x[0]), float(x[1]))


def crop(photo: np.ndarray, frame: Frame, side: int) -> np.ndarray:
    """The frame's content as [side, side, 3] uint8, averaged over area when shrinking.

    What lies beyond the photo's edge is the photo mirrored, soon blurred, so that it never looks like a second face.
    """
    out = resample(photo, frame.to_photo(side), (side, side), border=cv2.BORDER_REFLECT_101)
    beyond = _distance_beyond(photo.shape[:2], frame.to_photo(side), side)
    if not beyond.any():
        return out
    soft = cv2.GaussianBlur(out, (0, 0), _BORDER_BLUR * side).astype(np.float32)
    weight = np.clip(beyond / (_BORDER_RAMP * frame.size), 0, 1)[..., None]
    return (out + weight * (soft - out)).round().astype(np.uint8)


def inside(shape: tuple[int, int], frame: Frame, side: int) -> np.ndarray:
    """[side, side] float32: 1 where the frame's crop shows the photo (height, width), 0 beyond its edge.

    What `crop` puts there is made up, and nothing may learn from it. One crop pixel at the edge counts as beyond, being part of both.
    """
    beyond = _distance_beyond(shape, frame.to_photo(side), side) > 0
    return 1 - cv2.dilate(beyond.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)


def face_ellipse(frame: Frame, origin: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """[h, w] float32 soft ellipse over the face in `frame`, in a region that starts at `origin`."""
    h, w = shape
    x, y = np.meshgrid(np.arange(w) + 0.5 + origin[0] - frame.centre_x, np.arange(h) + 0.5 + origin[1] - frame.centre_y)
    half = frame.size / 2
    u, v = (x * frame.half_x + y * frame.half_y) / half**2, (y * frame.half_x - x * frame.half_y) / half**2
    radius = np.hypot(u / 0.62, (v - 0.02) / 0.85)
    return np.clip((1.15 - radius) / 0.15, 0, 1).astype(np.float32)


def resample(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, border: int = cv2.BORDER_REPLICATE
) -> np.ndarray:
    """`image` seen through `matrix` [2, 3] (output -> input coordinates), `size` (width, height); uint8 or float32.

    Shrinking averages over area: first a whole-number reduction of the input, then supersampling; enlarging is bicubic.
    """
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))  # input px per output px
    if scale <= 1:
        return _warp(image, matrix, size, cv2.INTER_CUBIC, border)
    reduce = int(scale / 2)
    if reduce >= 2:
        image, matrix = _reduced_region(image, matrix, size, reduce)
        scale /= reduce
    k = math.ceil(scale)
    fine = np.column_stack([matrix[:, :2] / k, matrix[:, 2]])
    out = _warp(image, fine, (size[0] * k, size[1] * k), cv2.INTER_LINEAR, border)
    return cv2.resize(out, size, interpolation=cv2.INTER_AREA) if k > 1 else out


def _warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], mode: int, border: int) -> np.ndarray:
    # OpenCV puts pixel centres at whole numbers, we at +0.5.
    centre = matrix.astype(np.float64).copy()
    centre[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(image, centre, size, flags=mode | cv2.WARP_INVERSE_MAP, borderMode=border)


def _reduced_region(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], reduce: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of `image` that the output sees, shrunk by the whole number `reduce`, and the matrix into it."""
    H, W = image.shape[:2]
    corners = np.array([[0, 0], [size[0], 0], [0, size[1]], list(size)]) @ matrix[:, :2].T + matrix[:, 2]
    low = np.clip(np.floor(corners.min(0)).astype(int) - 2 * reduce, 0, (W - 1, H - 1))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 2 * reduce, low + 1, (W, H))
    region = image[low[1] : high[1], low[0] : high[0]]
    target = [max(int(n) // reduce, 1) for n in high - low]
    shrink = np.array(target) / (high - low)
    small = cv2.resize(region, tuple(target), interpolation=cv2.INTER_AREA)
    return small, np.column_stack([matrix[:, :2], matrix[:, 2] - low]) * shrink[:, None]


def _distance_beyond(shape: tuple[int, int], matrix: np.ndarray, side: int) -> np.ndarray:
    """[side, side] float32: how many photo px each crop pixel lies outside the photo."""
    grid = np.arange(side, dtype=np.float32) + 0.5
    u, v = np.meshgrid(grid, grid)
    (a, b, c), (d, e, f) = matrix.astype(np.float32)
    x, y = a * u + b * v + c, d * u + e * v + f
    H, W = shape
    return np.maximum(np.maximum(-x, x - W), np.maximum(-y, y - H)).clip(0)
