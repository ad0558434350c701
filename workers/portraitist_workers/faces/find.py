"""The face to work on in one photo: the largest, or this persona's among several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from portraitist.errors import FaceNotFound

from .align import Frame, crop, ffhq_frame
from .detect import detect_faces
from .identity import IdentityEncoder
from .image_io import to_tensor


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One face of a photo: its frame, the others' frames (for `paste.paste(others=...)`), and its cosine to the person."""

    frame: Frame
    others: list[Frame]
    identity: float | None  # None: nobody to compare with


@torch.inference_mode()
def find_face(photo: np.ndarray, *, side: int = 128, name: str = "photo", encoder: IdentityEncoder | None = None,
              person: np.ndarray | None = None, least: float | None = None) -> FoundFace:
    """The face in `photo` [H, W, 3] uint8 that is most like `person`, a mean embedding [D]; the largest if that is None.

    least : cosine below which a face is taken for somebody else's; None: every face may be the person.
    Raises FaceNotFound, naming the photo.
    """
    frames = [ffhq_frame(face.points) for face in detect_faces(photo)]
    if not frames:
        raise FaceNotFound(f"no face found in '{name}': use a photo that shows the face from the front or half side.", param=name)
    if person is None or encoder is None:
        return FoundFace(frames[0], frames[1:], None)
    pictures = to_tensor(np.stack([crop(photo, frame, side) for frame in frames]))
    cosines = encoder(pictures).numpy() @ person
    best = int(np.argmax(cosines))
    if least is not None and cosines[best] < least:
        raise FaceNotFound(
            f"none of the {len(frames)} faces in '{name}' looks like this person (closest: {cosines[best]:.2f}, needed "
            f"{least:.2f}): use a photo of the persona, or one in which their face is larger and clearer.", param=name)
    return FoundFace(frames[best], frames[:best] + frames[best + 1:], float(cosines[best]))
