"""Whether a generator makes faces at all, and whether they sit in the frame that photos are cropped to."""

from __future__ import annotations

import math

import torch

from ...faces.align import ffhq_frame
from ...faces.detect import detect_faces
from ...faces.image_io import to_uint8
from ...generator import Generator
from ...persona.rendering import render

LOOKED_AT = 12  # pictures
FEWEST = 0.8  # of them with a face
FARTHEST, SCALES = 0.06, (0.88, 1.14)  # offset of the frame, its size; both as shares of the picture's side


def measure(generator: Generator, w: torch.Tensor) -> tuple[dict[str, float], list[str]]:
    """(figures, warnings). `face_offset` and `face_scale` compare the FFHQ frame of the detected face with the picture itself."""
    R = generator.config.resolution
    offsets, scales = [], []
    for latent in w[:LOOKED_AT]:
        faces = detect_faces(to_uint8(render(generator, latent[None]))[0])
        if faces:
            frame = ffhq_frame(faces[0].points)
            offsets.append(math.hypot(frame.centre_x - R / 2, frame.centre_y - R / 2) / R)
            scales.append(frame.size / R)
    share = len(offsets) / min(LOOKED_AT, len(w))
    figures = {"faces_found": share}
    warnings = []
    if share < FEWEST:
        warnings.append(
            f"a face was found in only {share:.0%} of its pictures: this may be no generator of faces, or one of another "
            "alignment"
        )
    if offsets:
        figures |= {"face_offset": sum(offsets) / len(offsets), "face_scale": sum(scales) / len(scales)}
        if figures["face_offset"] > FARTHEST or not SCALES[0] <= figures["face_scale"] <= SCALES[1]:
            warnings.append(
                f"its faces sit elsewhere than FFHQ's (offset {figures['face_offset']:.0%}, scale "
                f"{figures['face_scale']:.2f}): photos will be cropped differently from what it knows"
            )
    return figures, warnings
