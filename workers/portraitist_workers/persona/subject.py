"""The persona's face in a photo that holds anything: where it is, and who else is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import FaceNotFound

from ..faces.align import Frame, crop, ffhq_frame, inside
from ..faces.detect import detect_faces
from ..faces.identity import load_identity
from ..faces.image_io import to_tensor
from .judge import identity_scores, leave_one_out
from .model import PersonaModel


@dataclass(frozen=True)
class Subject:
    """`pixels` [1, 3, R, R] is the aligned crop at `frame`. `known` [1, 1, R, R] is where it shows the photo and nothing beyond its
    edge. `others` are frames of other people's faces."""

    photo: np.ndarray
    frame: Frame
    pixels: Tensor
    known: Tensor
    others: tuple[Frame, ...]


STRANGER = 0.05  # cosine below the least typical of the person's own photos that is still theirs, if those are few or far apart


def find(photo: np.ndarray, model: PersonaModel, name: str, *, damaged: bool = False) -> Subject:
    """The face in `photo` [H, W, 3] uint8 that is most like the persona.

    Raises FaceNotFound when there is none, or (unless the picture is `damaged`, which hides who it is) only strangers'.
    """
    faces = detect_faces(photo)
    if not faces:
        raise FaceNotFound(
            f"{name}: no face found. Use a photo in which the face is at least 40 px wide and turned less than about 45 degrees.",
            param=name,
        )
    frames = [ffhq_frame(face.points) for face in faces]
    side = model.prior.resolution
    crops = to_tensor(np.stack([crop(photo, frame, side) for frame in frames]))
    identity = load_identity()
    with torch.no_grad():
        scores = identity_scores(identity(crops), model.embeddings)
    best = int(scores.argmax())
    needed = min(identity.same_person, float(leave_one_out(model.embeddings).min()) - STRANGER)
    if not damaged and float(scores[best]) < needed:
        raise FaceNotFound(
            f"{name}: {len(faces)} face(s) found, but none like this person's (best likeness {float(scores[best]):.2f}, at least "
            f"{needed:.2f} is needed). Use a photo of the person, or another persona.",
            param=name,
        )
    others = tuple(frame for index, frame in enumerate(frames) if index != best)
    known = torch.from_numpy(inside(photo.shape[:2], frames[best], side))[None, None].to(crops)
    return Subject(photo, frames[best], crops[best : best + 1], known, others)
