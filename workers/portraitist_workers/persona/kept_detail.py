"""What a persona keeps of its photos for the detail of its portraits: each face, as a JPEG of at most 512 px."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ..faces.image_io import decode, encode_jpeg

MOST = 125_000  # bytes a photo: 2 MB for 16
LEAST_SIDE = 160  # px: a smaller face has no detail that the generator lacks
_QUALITIES = (88, 80, 70, 60)


def kept(faces: Sequence[np.ndarray]) -> tuple[bytes, ...]:
    """One file for each face [C, C, 3] uint8, empty where it is too small."""
    return tuple(_file(face) if len(face) >= LEAST_SIDE else b"" for face in faces)


def shown(file: bytes) -> np.ndarray:
    """[C, C, 3] uint8."""
    return decode(file, "a photo's detail")


def to_tensors(files: Sequence[bytes]) -> dict[str, Tensor]:
    """For a safetensors file; nothing where there are no files."""
    if not files:
        return {}
    whole = torch.frombuffer(bytearray(b"".join(files) or b"\0"), dtype=torch.uint8)
    return {"detail.files": whole, "detail.sizes": torch.tensor([len(file) for file in files])}


def from_tensors(tensors: dict[str, Tensor]) -> tuple[bytes, ...]:
    """What `to_tensors` was given; () for a persona without."""
    if "detail.sizes" not in tensors:
        return ()
    whole, ends = tensors["detail.files"].cpu().numpy().tobytes(), tensors["detail.sizes"].cumsum(0).tolist()
    return tuple(whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True))


def _file(face: np.ndarray) -> bytes:
    while True:
        for quality in _QUALITIES:
            file = encode_jpeg(face, quality)
            if len(file) <= MOST:
                return file
        face = cv2.resize(face, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
