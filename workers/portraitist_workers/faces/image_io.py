"""Pictures from users, decoded safely; pictures for users, encoded.

A picture inside this package's photo code is an array [H, W, 3], uint8, sRGB, upright. The engine's own pictures are
float tensors [N, 3, H, W] in [-1, 1]; `to_tensor` and `to_uint8` go between the two.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from portraitist.decoding.door import KINDS, MAX_BYTES, open_picture, refusal, too_many_bytes

from ..device import device


def read(path: str | os.PathLike[str], name: str | None = None) -> np.ndarray:
    """Decode the file at `path`; `name` (default: its own) is used in messages. Raises InvalidImage."""
    path = Path(path)
    name = path.name if name is None else name
    try:
        if not path.is_file():
            raise refusal(name, "is not a file", f"give the path of a {KINDS} picture")
        if path.stat().st_size > MAX_BYTES:
            raise too_many_bytes(name, path.stat().st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise refusal(name, f"cannot be read ({error})", "check the path and the permissions") from None
    return decode(data, name)


def decode(data: bytes, name: str = "picture") -> np.ndarray:
    """`decode_about` at full size."""
    return decode_about(data, name, None)[0]


def decode_about(data: bytes, name: str, side: int | None) -> tuple[np.ndarray, float]:
    """[H, W, 3] uint8 by `open_picture`, large JPEGs down to about `side` px; and by what factor it was shrunk (1.0 for none)."""
    opened = open_picture(data, name, side)
    return np.array(opened.image), opened.shrunk


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a uint8 picture [H, W, 3] or [H, W], tagged as sRGB; the same bytes for the same pixels."""
    tags = PngInfo()
    tags.add(b"sRGB", b"\x01")  # rendering intent: relative colorimetric
    return _encode(image, format="PNG", compress_level=4, pnginfo=tags)


def encode_jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """JPEG bytes of a uint8 picture [H, W, 3] or [H, W], full chroma resolution; `quality` 1-95."""
    return _encode(image, format="JPEG", quality=quality, subsampling=0)


def _encode(image: np.ndarray, **options: Any) -> bytes:
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"expected uint8 [H, W, 3] or [H, W], got {image.dtype} {list(image.shape)}")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, **options)
    return buffer.getvalue()


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3] or [N, H, W, 3] -> float [N, 3, H, W] in [-1, 1], on the process's device."""
    images = images[None] if images.ndim == 3 else images
    pixels = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device())
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_uint8(images: torch.Tensor) -> np.ndarray:
    """float [N, 3, H, W] in [-1, 1] (clipped) -> uint8 [N, H, W, 3], rounded to the nearest level."""
    return images.detach().float().add(1).mul(127.5).clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def at_side(images: torch.Tensor, side: int) -> torch.Tensor:
    """[B, 3, R, R] -> [B, 3, side, side], averaging when shrinking."""
    if images.shape[-1] == side:
        return images
    return torch.nn.functional.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
