"""The persona's face in a photo that holds anything: where it is, and who else is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import FaceNotFound

from ..faces.align import Frame, crop, ffhq_frame
from ..faces.detect import detect_faces
from ..faces.identity import load_identity
from ..faces.image_io import to_tensor
from ..persona.judge import identity_scores
from ..persona.model import PersonaModel


@dataclass(frozen=True)
class Subject:
    """`pixels` [1, 3, R, R] is the aligned crop at `frame`; `others` are frames of other people's faces."""

    photo: np.ndarray
    frame: Frame
    pixels: Tensor
    others: tuple[Frame, ...]


def find(photo: np.ndarray, model: PersonaModel, name: str) -> Subject:
    """The face in `photo` [H, W, 3] uint8 that is most like the persona. Raises FaceNotFound when there is none."""
    faces = detect_faces(photo)
    if not faces:
        raise FaceNotFound(
            f"{name}: no face found. Use a photo in which the face is at least 40 px wide and turned less than about 45 degrees.",
            param=name,
        )
    frames = [ffhq_frame(face.points) for face in faces]
    side = model.prior.resolution
    crops = to_tensor(np.stack([crop(photo, frame, side) for frame in frames]))
    best = 0
    if len(frames) > 1:
        with torch.no_grad():
            best = int(identity_scores(load_identity()(crops), model.embeddings).argmax())
    others = tuple(frame for index, frame in enumerate(frames) if index != best)
    return Subject(photo, frames[best], crops[best : best + 1], others)
