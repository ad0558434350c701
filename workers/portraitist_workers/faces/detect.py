"""Faces in a photo: box, probability and five points, by MTCNN.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, IEEE SPL 2016;
implementation and weights: facenet-pytorch (MIT), whose wheel holds them, so nothing is fetched.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from .torchvision_border import ensure_torchvision

FIRST_SIDE = 640  # px, longest side of the first look: ~60 ms, finds faces from 4 % of the longest side
SECOND_SIDE = 1600  # px, only if the first look found nothing: ~0.3 s, faces from 1.5 %
MIN_FACE = 24  # px in the scaled photo; MTCNN's first network cannot go below 12
MIN_PROBABILITY = 0.9
UPRIGHT = 0.999  # below, a photo is looked at in three more directions; faces that lie on their sides had up to 0.998 (75 looks) ...
SURE = 0.98  # ... in which chance has three more goes ...
CLEARLY = (
    0.1  # ... and a photo lies as it was found, unless the doubt that is left is at most this share of what it was
)
_ONET_INPUT = 48  # px, input side of MTCNN's last network
# Positions of the last network's views for `_refine`: (scale, shift x, shift y) in box sides.
_VIEWS = [
    (s, x, y) for s in (0.9, 1.0) for x, y in ((0, 0), (-0.05, -0.05), (0.05, -0.05), (-0.05, 0.05), (0.05, 0.05))
]


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face, in the photo's pixel coordinates (x right, y down; a pixel's centre is at +0.5)."""

    box: np.ndarray  # [4] x1, y1, x2, y2
    probability: float  # of being a face
    points: np.ndarray  # [5, 2] eye at image left, eye at image right, nose, mouth corner left, right

    @property
    def side(self) -> float:
        """The box's longer side in px."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


def detect_faces(image: np.ndarray, *, min_probability: float = MIN_PROBABILITY) -> list[Face]:
    """All faces in an RGB uint8 photo [H, W, 3], the largest first. Deterministic on one machine.

    A photo that shows none, or none surely, is looked at lying on its sides and upside down, too. Scans and old files do not say which
    way is up. In half of the faces that lie on their sides the networks find another one, less surely.
    """
    height, width = image.shape[:2]
    faces: list[Face] = []
    for side in (FIRST_SIDE, SECOND_SIDE):
        scale = min(1.0, side / max(height, width))
        faces = _detect_scaled(image, scale, min_probability)
        if faces or scale == 1.0:
            break
    doubt = _doubt(faces)
    if doubt < 1 - UPRIGHT:
        return faces
    scale = min(1.0, FIRST_SIDE / max(height, width))
    looks = {
        quarters: _detect_scaled(np.ascontiguousarray(np.rot90(image, quarters)), scale, max(min_probability, SURE))
        for quarters in (1, 3, 2)
    }
    quarters = min(looks, key=lambda q: _doubt(looks[q]))
    if _doubt(looks[quarters]) > CLEARLY * doubt:
        return faces
    return [_turned_back(face, quarters, width, height) for face in looks[quarters]]


def _doubt(faces: list[Face]) -> float:
    """Probability that the surest of them is no face."""
    return min((1 - face.probability for face in faces), default=1.0)


def _turned_back(face: Face, quarters: int, width: int, height: int) -> Face:
    """A face found in the photo turned counter-clockwise by `quarters`, in the coordinates of the photo (width, height) as it is."""

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return np.stack({1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters], 1)

    corners = back(face.box.reshape(2, 2))
    return Face(np.concatenate([corners.min(0), corners.max(0)]), face.probability, back(face.points))


def _detect_scaled(image: np.ndarray, scale: float, min_probability: float) -> list[Face]:
    H, W = image.shape[:2]
    size = max(round(W * scale), 1), max(round(H * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    if min(small.shape[:2]) < MIN_FACE:
        return []
    boxes, probabilities, _ = _mtcnn().detect(small, landmarks=True)
    if boxes is None:
        return []
    back = np.array([W / size[0], H / size[1]])
    faces = []
    for box, probability in zip(boxes, probabilities, strict=True):
        if probability >= min_probability:
            box = np.asarray(box, dtype=np.float64) * np.tile(back, 2)
            faces.append(Face(box, float(probability), _refine(image, box)))
    return sorted(faces, key=lambda face: -face.side)


@torch.no_grad()
def _refine(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Five points as the median over shifted, scaled and mirrored views of the last network.

    One pass of MTCNN sees the face at 48 px in one place. The median over 20 views costs 11 ms. It lowers the standard
    deviation of the FFHQ frame's centre from 0.59, 0.85 to 0.32, 0.60 px of 256 (40 portraits with hand-placed points).
    """
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    side = max(box[2] - box[0], box[3] - box[1])
    views, corners = [], []
    for scale, dx, dy in _VIEWS:
        view_side = side * scale
        corner = centre + np.array([dx, dy]) * side - view_side / 2
        views.append(_crop_view(image, corner, view_side))
        corners.append((corner, view_side))
    batch = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float().sub_(127.5).mul_(1 / 128)
    batch = torch.cat([batch, batch.flip(3)])
    points = _mtcnn().onet(batch)[1].reshape(2, len(views), 2, 5).permute(0, 1, 3, 2).double().numpy()  # in view sides
    points[1, :, :, 0] = 1 - points[1, :, :, 0]
    points[1] = points[1][:, [1, 0, 2, 4, 3]]  # mirrored views swap left and right
    corner, view_side = np.stack([c for c, _ in corners]), np.array([s for _, s in corners])
    return np.median((points * view_side[:, None, None] + corner[:, None]).reshape(-1, 5, 2), axis=0)


def _crop_view(image: np.ndarray, corner: np.ndarray, side: float) -> np.ndarray:
    """The square at `corner` scaled to the network's input, edges replicated, averaged over area when shrinking."""
    x0, y0 = np.floor(corner).astype(int)
    n = max(int(round(side)), 1)
    H, W = image.shape[:2]
    ys, xs = np.clip(np.arange(y0, y0 + n), 0, H - 1), np.clip(np.arange(x0, x0 + n), 0, W - 1)
    patch = image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] if _inside(x0, y0, n, W, H) else image[np.ix_(ys, xs)]
    mode = cv2.INTER_AREA if n > _ONET_INPUT else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(patch), (_ONET_INPUT, _ONET_INPUT), interpolation=mode)


def _inside(x0: int, y0: int, n: int, width: int, height: int) -> bool:
    return x0 >= 0 and y0 >= 0 and x0 + n <= width and y0 + n <= height


@functools.cache
def _mtcnn():
    ensure_torchvision()
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, min_face_size=MIN_FACE).eval()
