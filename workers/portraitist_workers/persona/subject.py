"""The persona's face in a photo that holds anything: where it is, and who else is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import FaceNotFound, InvalidRequest

from ..faces.align import Frame, crop, ffhq_frame, inside
from ..faces.detect import detect_faces
from ..faces.identity import load_identity
from ..faces.image_io import to_tensor
from .judge import identity_scores, leave_one_out
from .model import PersonaModel


@dataclass(frozen=True)
class Subject:
    """`pixels` [1, 3, R, R] is the aligned crop at `frame`. `known` [1, 1, R, R] is where it shows the photo and nothing beyond its
    edge. `others` are frames of other people's faces. `likeness`: mean cosine to the person's photos, of this face and then of the
    others. Below `needed`, a face is a stranger's. None: nobody is known. `largest`: it was taken since it is the largest of several."""

    photo: np.ndarray
    frame: Frame
    pixels: Tensor
    known: Tensor
    others: tuple[Frame, ...]
    likeness: tuple[float | None, ...] = (1.0,)
    needed: float = 0.0
    largest: bool = False

    @property
    def faces(self) -> list[dict[str, Any]]:
        """Every face, this one first, as clients are told of it."""
        frames = self.frame, *self.others
        return [_told(frame, score, self.needed) for frame, score in zip(frames, self.likeness, strict=True)]

    @property
    def stranger(self) -> list[str]:
        """A sentence for the report where it was named, and is not like the person."""
        likeness = self.likeness[0]
        return [] if likeness is None or likeness >= self.needed else [named_stranger(likeness, self.needed)]


REACH = 0.5  # of a frame's size: a place that is farther from its middle is not in the face
STRANGER = 0.05  # cosine below the least typical of the person's own photos that is still theirs, if those are few or far apart


def find(
    photo: np.ndarray,
    model: PersonaModel,
    name: str,
    *,
    damaged: bool = False,
    face: tuple[float, float] | None = None,
) -> Subject:
    """The face in `photo` [H, W, 3] uint8 that is most like the persona; or the one that lies at the place `face`, whoever it is. Where
    nobody is known, the largest.

    Raises FaceNotFound when there is none, or (unless the picture is `damaged`, which hides who it is) only strangers'. Raises
    InvalidRequest when no face lies at `face`.
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
    scores, least = _likeness(crops, model)
    sizes = [frame.size for frame in frames] if scores is None else scores
    best = int(np.argmax(sizes)) if face is None else _at(face, frames)
    if scores is not None and face is None and not damaged and scores[best] < least:
        raise FaceNotFound(
            f"{name}: {len(faces)} face(s) found, but none like this person's (best likeness {scores[best]:.2f}, at least "
            f"{least:.2f} is needed). Use a photo of the person, or another persona.",
            param=name,
            faces=[_told(frame, score, least) for frame, score in zip(frames, scores, strict=True)],
        )
    order = [best, *(index for index in range(len(frames)) if index != best)]
    known = torch.from_numpy(inside(photo.shape[:2], frames[best], side))[None, None].to(crops)
    return Subject(
        photo,
        frames[best],
        crops[best : best + 1],
        known,
        tuple(frames[index] for index in order[1:]),
        tuple(None if scores is None else scores[index] for index in order),
        least,
        scores is None and face is None and len(faces) > 1,
    )


@torch.no_grad()
def _likeness(crops: Tensor, model: PersonaModel) -> tuple[list[float] | None, float]:
    """Of each face its mean cosine to the person's photos, and from which on it is theirs. None: nobody is known."""
    if not model.known:
        return None, 0.0
    return identity_scores(load_identity()(crops), model.embeddings).tolist(), needed(model)


def needed(model: PersonaModel) -> float:
    """Mean cosine to the persona's photos from which on a face is theirs."""
    return min(load_identity().same_person, float(leave_one_out(model.embeddings).min()) - STRANGER)


def named_stranger(likeness: float, least: float) -> str:
    """The report's sentence about a face that was named and is not theirs."""
    return (
        f"the face that was named is not like this person (likeness {likeness:.2f}, at least {least:.2f} is theirs): it is changed as if "
        "it were"
    )


def _told(frame: Frame, likeness: float | None, needed: float) -> dict[str, Any]:
    corners = frame.corners.round(1).tolist()  # clockwise from the top left of the face, px of the photo
    told = None if likeness is None else round(likeness, 3)
    return {"corners": corners, "likeness": told, "theirs": likeness is None or likeness >= needed}


def _at(place: tuple[float, float], frames: Sequence[Frame]) -> int:
    """Which frame's middle is nearest, in sizes of the frame. Raises InvalidRequest."""
    x, y = place
    far = [np.hypot(x - frame.centre_x, y - frame.centre_y) / frame.size for frame in frames]
    nearest = int(np.argmin(far))
    if not far[nearest] <= REACH:  # nor where a place is no number
        there = ", ".join(f"({frame.centre_x:.0f}, {frame.centre_y:.0f})" for frame in frames)
        raise InvalidRequest(f"no face lies at ({x:g}, {y:g}). Faces lie at {there}.", param="face")
    return nearest
