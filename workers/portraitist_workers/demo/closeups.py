"""One face, cut out of several versions of a photo at the same place; and how far two of them differ.

For the report only: the pictures were made without any of this.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from ..faces.align import Frame, crop, ffhq_frame
from ..faces.detect import detect_faces
from ..faces.image_io import to_tensor
from ..faces.perceptual import load_perceptual

SIDE = 256  # px of a close-up


def face_frame(photo: Image.Image) -> Frame | None:
    """The largest face's frame, in the photo's pixels."""
    frames = [ffhq_frame(face.points) for face in detect_faces(np.asarray(photo.convert("RGB")))]
    return max(frames, key=lambda f: f.size) if frames else None


def closeup(photo: Image.Image, frame: Frame, *, width: int, side: int = SIDE) -> Image.Image:
    """`frame` was found in a version of the photo that is `width` px wide."""
    return Image.fromarray(crop(np.asarray(photo.convert("RGB")), frame.scaled(photo.width / width), side))


@torch.inference_mode()
def compare(a: Image.Image, b: Image.Image) -> dict[str, float]:
    """Of two close-ups at 128 px: PSNR in dB (more is closer), perceptual distance (less is closer)."""
    x, y = (to_tensor(np.asarray(p.resize((128, 128), Image.Resampling.BOX))[None]) for p in (a, b))
    mse = float((x - y).square().mean())
    return {"PSNR": float(10 * np.log10(4 / max(mse, 1e-8))), "perceptual distance": float(load_perceptual()(x, y)[0])}
