"""Photographs of the training people, for networks that compare or read pictures: sharper than any render, with real hair.

No generator learns from them: its samples are to be nobody's face.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ...faces.align import crop, ffhq_frame
from ...faces.detect import detect_faces
from ...faces.image_io import read, to_tensor
from ..engine.people import load_people, training_people

_SIDE = 512  # px of the crops that are kept; in the photos the square has about 800


class Photographs:
    """Both photos of each training person in DATA/london, aligned. Raises FileNotFoundError where there are none."""

    def __init__(self, data: Path) -> None:
        crops = []
        for person in training_people(load_people(data)):
            for expression in ("neutral", "smiling"):
                picture = read(data / "london" / expression / f"{person.id}.jpg")
                if faces := detect_faces(picture):
                    crops.append(crop(picture, ffhq_frame(faces[0].points), _SIDE))
        self.crops = np.stack(crops)  # [N, 512, 512, 3] uint8

    def batch(self, size: int, resolution: int, rng: np.random.Generator) -> Tensor:
        """Random ones, whole, about half of them mirrored: [B, 3, r, r] in [-1, 1]."""
        pictures = to_tensor(
            np.stack(
                [
                    cv2.resize(self.crops[i], (resolution,) * 2, interpolation=cv2.INTER_AREA)
                    for i in rng.choice(len(self.crops), size, replace=False)
                ]
            )
        )
        mirrored = torch.from_numpy(rng.random(size) < 0.5)[:, None, None, None]
        return torch.where(mirrored, pictures.flip(3), pictures)

    def windows(self, size: int, side: int, rng: np.random.Generator) -> Tensor:
        """[B, 3, side, side]: anything between the whole picture at `side` pixels and a window of it as it is."""
        out = []
        for i in rng.integers(len(self.crops), size=size):
            seen = round(np.exp(rng.uniform(np.log(side), np.log(_SIDE))))
            top, left = rng.integers(0, _SIDE - seen + 1, 2)
            window = self.crops[i, top : top + seen, left : left + seen]
            out.append(cv2.resize(window, (side, side), interpolation=cv2.INTER_AREA))
        return to_tensor(np.stack(out))
