"""Teeth that nobody has, for a mouth that opens where no photo shows the person's own.

The engine drew them once (`priors/engine/teeth.py`), in mouths of several shapes, seen from several sides. The file keeps the part of each
picture about the mouth, and the face mesh's points.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save

from ..faces.image_io import decode, encode_jpeg
from .fields import SIDE, resized
from .hold import STIFF
from .mesh import LIPS, Seen

FILE = Path(__file__).parent / "made_up_teeth.safetensors"
DRAWN = 512  # px of the faces that were drawn
_POINTS = sorted({*LIPS, *STIFF})  # of the mesh: what shape the mouth has, and how the head is turned
_BESIDE, _QUALITY = 32, 92  # px of DRAWN kept around the lips; the JPEG's quality
_WHITE = 211.0  # grey levels of the drawn front teeth, which are a little yellow, in a light without colour
_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
_IRISES = slice(468, 473), slice(473, 478)
_FEWEST = 40  # px of SIDE: less white of the eyes says nothing
_BRIGHTEST = 80  # percentile of the eyes' white
# Of photographs of smiling people: teeth are so much brighter than the white of the eyes, and than skin they are never darker.
_TEETH_TO_EYES, _TEETH_TO_SKIN = 1.2, 1.1
_PALEST = 235.0


def write(faces: list[Seen]) -> bytes:
    """The file of `faces` [DRAWN, DRAWN, 3] uint8."""
    corners, files = [], []
    for face in faces:
        lips = face.points[list(LIPS), :2] * DRAWN
        low, high = (lips.min(0) - _BESIDE).astype(int), (lips.max(0) + _BESIDE).astype(int)
        corners.append(low)
        files.append(encode_jpeg(face.picture[low[1] : high[1], low[0] : high[0]], _QUALITY))
    return save(
        {
            "points": torch.from_numpy(np.stack([face.points[_POINTS] for face in faces])).half(),
            "corners": torch.from_numpy(np.stack(corners)).short(),
            "sizes": torch.tensor([len(file) for file in files]),
            "files": torch.frombuffer(bytearray(b"".join(files)), dtype=torch.uint8),
        }
    )


@functools.cache
def outlines() -> np.ndarray:
    """[M, 478, 3]: the meshes of all mouths. Points beside lips and stiff ones are 0."""
    known = load_file(FILE)["points"].float().numpy()
    points = np.zeros((len(known), 478, 3), np.float32)
    points[:, _POINTS] = known
    return points


@functools.lru_cache(maxsize=4)
def mouth(index: int) -> Seen:
    """One of them, as a face [DRAWN, DRAWN, 3] that is black but for the mouth."""
    tensors = load_file(FILE)
    end = int(tensors["sizes"][: index + 1].sum())
    file = tensors["files"][end - int(tensors["sizes"][index]) : end].numpy().tobytes()
    picture, (left, top) = decode(file, FILE.name), tensors["corners"][index].tolist()
    face = np.zeros((DRAWN, DRAWN, 3), np.uint8)
    face[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return Seen(face, outlines()[index])


def light(face: np.ndarray, points: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """[3]: by how much to multiply the drawn teeth in the light of `face` [S, S, 3] grey levels, whose skin about the mouth is `skin` [3].

    Skin is of many tones, and teeth of hardly any. So the white of the eyes says how bright they are, and of what colour.
    """
    picture = resized(face.astype(np.float32), SIDE)
    white = picture[_white_of_eyes(points)]
    if len(white) < _FEWEST:
        return np.full(3, max(float(skin.mean()), _PALEST / 2) * _TEETH_TO_SKIN / _WHITE)
    brightness = white.mean(1)
    white = white[brightness >= np.percentile(brightness, _BRIGHTEST)].mean(0)
    level = min(max(_TEETH_TO_EYES * white.mean(), _TEETH_TO_SKIN * skin.mean()), _PALEST)
    colour = (1 + (white + 1) / (white.mean() + 1)) / 2  # half of it: eyes are red at their rims
    return level * colour / _WHITE


def _white_of_eyes(points: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] bool, of a mesh [478, 3] in shares of the side."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for eye in _EYES:
        cv2.fillPoly(mask, [np.round(points[list(eye), :2] * SIDE).astype(np.int32)], 1)
    for iris in _IRISES:
        middle, *around = points[iris, :2] * SIDE
        radius = np.linalg.norm(np.array(around) - middle, axis=1).mean()
        cv2.circle(mask, np.round(middle).astype(int).tolist(), round(float(1.2 * radius)) + 1, 0, -1)
    return mask > 0
