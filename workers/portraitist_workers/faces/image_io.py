"""Pictures from users, decoded safely; pictures for users, encoded.

A picture inside this package's photo code is an array [H, W, 3], uint8, sRGB, upright. The engine's own pictures are
float tensors [N, 3, H, W] in [-1, 1]; `to_tensor` and `to_uint8` go between the two.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from portraitist.errors import InvalidImage

from ..device import device

FORMATS = ("JPEG", "PNG", "WEBP")  # by content; the file's extension is never looked at
MAX_BYTES = 100_000_000            # of the file
MAX_PIXELS = 50_000_000            # 8.2k x 6.1k; decoding one takes at most ~0.6 GB
MIN_SIDE, MAX_SIDE = 8, 30_000     # px; faces have their own limit (intake.py)
_WHITE = (255, 255, 255)


def read(path: str | os.PathLike[str], name: str | None = None) -> np.ndarray:
    """Decode the file at `path`; `name` (default: its own) is used in messages. Raises InvalidImage."""
    path = Path(path)
    name = path.name if name is None else name
    try:
        if not path.is_file():
            raise _refusal(name, "is not a file", "give the path of a JPEG, PNG or WebP picture")
        if path.stat().st_size > MAX_BYTES:
            raise _too_many_bytes(name, path.stat().st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _refusal(name, f"cannot be read ({error})", "check the path and the permissions") from None
    return decode(data, name)


def decode(data: bytes, name: str = "picture") -> np.ndarray:
    """`decode_about` at full size."""
    return decode_about(data, name, None)[0]


def decode_about(data: bytes, name: str, side: int | None) -> tuple[np.ndarray, float]:
    """Decode JPEG, PNG or WebP bytes to [H, W, 3] uint8, upright, transparency over white, metadata dropped.

    With `side`, a JPEG whose longer side is at least twice that is decoded at a half, quarter or eighth of its size, which
    saves most of the time and memory. Returns the picture and by what factor it was shrunk (1.0 for none).

    Size limits are checked on the header, before any pixel is decoded. Raises InvalidImage, naming the file `name`, for
    everything that is not exactly one complete still picture in an allowed format and size.
    """
    if not data:
        raise _refusal(name, "is empty (0 bytes)", "copy or download the file again")
    if len(data) > MAX_BYTES:
        raise _too_many_bytes(name, len(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged metadata; we drop metadata
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_header(image, name)
                longest = max(image.size)
                if side is not None and image.format in ("JPEG", "MPO"):
                    shrink = side / longest
                    image.draft(None, tuple(max(round(n * shrink), 1) for n in image.size))
                image.load()
                return np.array(_to_rgb(_upright(image))), longest / max(image.size)
    except InvalidImage:
        raise
    except UnidentifiedImageError:
        raise _refusal(name, "is not a JPEG, PNG or WebP picture", "save it as one of these") from None
    except Image.DecompressionBombError:
        raise _refusal(name, f"has more than {MAX_PIXELS // 10**6} million pixels", "scale it down first") from None
    except Exception as error:  # a decoder fed with hostile bytes may raise anything; none of it may pass this border
        raise _refusal(name, f"is damaged or incomplete ({str(error)[:80] or type(error).__name__})",
                       "copy or download the file again") from None


def _check_header(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _refusal(name, f"is {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million and {MAX_SIDE} per side "
                             "are accepted", "scale it down first")
    if min(width, height) < MIN_SIDE:
        raise _refusal(name, f"is only {width} x {height} pixels", f"use a picture of at least {MIN_SIDE} pixels per side")
    # A JPEG with several frames (MPO, from phones) carries previews or depth beside the photo, which is its first frame.
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise _refusal(name, f"is an animation of {image.n_frames} frames", "save the frame you want as a still picture")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the orientation; the pixels are fine
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit grey; Pillow's own conversion clips instead of scaling
        return Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size, _WHITE)
        flat.paste(image, mask=image.getchannel("A"))
        return flat
    return image.convert("RGB")  # L, P, 1, CMYK


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a uint8 picture [H, W, 3] or [H, W]; the same bytes for the same pixels."""
    return _encode(image, format="PNG", compress_level=4)


def encode_jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """JPEG bytes of a uint8 picture [H, W, 3] or [H, W], full chroma resolution; `quality` 1-95."""
    return _encode(image, format="JPEG", quality=quality, subsampling=0)


def _encode(image: np.ndarray, **options) -> bytes:
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


def _too_many_bytes(name: str, count: int) -> InvalidImage:
    return _refusal(name, f"is {count / 1e6:.0f} MB; at most {MAX_BYTES // 10**6} MB are accepted", "scale it down first")


def _refusal(name: str, fault: str, remedy: str) -> InvalidImage:
    shown = "".join(c if c.isprintable() else "?" for c in name)
    shown = shown if len(shown) <= 100 else shown[:48] + "…" + shown[-48:]
    return InvalidImage(f"'{shown}' {fault}: {remedy}.", param=name)
