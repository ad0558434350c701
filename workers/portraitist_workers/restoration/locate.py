"""Where the person's face is in a damaged photo."""

from __future__ import annotations

import cv2
import numpy as np

from portraitist.errors import FaceNotFound
from portraitist.requests import Face

from ..faces.align import Frame
from ..persona.model import PersonaModel
from ..persona.subject import find
from .holes import touches

SQUARE = 1.1  # longer side by shorter, up to which a picture may be a face cut out
FILLED_SIDE = 320  # px, longest side at which holes are filled in for the detector


def locate(
    photo: np.ndarray,
    model: PersonaModel,
    name: str,
    missing: np.ndarray | None = None,
    face: Face = None,
    enlarged: int = 1,
) -> tuple[Frame, tuple[Frame, ...]]:
    """The person's frame in `photo` [H, W, 3], and those of other people; `missing` [H, W] bool is True in holes. `face`: a place in
    the face that is meant, in px of the photo before it was enlarged so many times.

    A picture that is nearly square and shows no detectable face is taken to be an aligned crop. Raises FaceNotFound, and InvalidRequest
    when no face lies at `face`.
    """
    there = None if face is None else (face[0] * enlarged, face[1] * enlarged)
    for picture in _views(photo, missing):
        try:
            subject = find(picture, model, name, damaged=True, face=there)
        except FaceNotFound:
            continue
        frames = [subject.frame, *subject.others]
        if missing is not None and face is None:  # of several faces, the damaged one is meant
            frames.sort(key=lambda frame: not touches(missing, frame))
        return frames[0], tuple(frames[1:])
    height, width = photo.shape[:2]
    if max(height, width) > SQUARE * min(height, width):
        hidden = "" if missing is None else "a mask that covers less of it, or "
        raise FaceNotFound(
            f"{name}: no face can be found in the photo as it is damaged. Give {hidden}the face alone, cut out as a square: eyes level, "
            "just above the middle and a quarter of the side apart.",
            param=name,
        )
    side = min(height, width)
    return Frame(width / 2, height / 2, side / 2, 0.0), ()


def _views(photo: np.ndarray, missing: np.ndarray | None) -> list[np.ndarray]:
    """What the detector looks at, the best first.

    Median error of the frame in px of 128 (12 photos): holes filled from their rims 0.4 with the mouth missing, 2 with the eyes; black
    holes 1.1 and 2. With the lower half missing, the face in grey is seen in 11 of 12, the filled one in 9.
    """
    if missing is None:
        return [photo]
    grey = np.where(missing[..., None], np.uint8(127), photo)
    return [_filled(photo, missing), grey, photo]


def _filled(photo: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Holes filled in smoothly (Telea 2004), coarsely."""
    height, width = photo.shape[:2]
    shrink = min(1.0, FILLED_SIDE / max(height, width))
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    hole = cv2.dilate(
        (cv2.resize(missing.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8),
        np.ones((3, 3)),
    )
    small = cv2.inpaint(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), hole, 3, cv2.INPAINT_TELEA)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    wide = cv2.resize(hole, (width, height), interpolation=cv2.INTER_LINEAR) > 0
    return np.where(wide[..., None], smooth, photo)
