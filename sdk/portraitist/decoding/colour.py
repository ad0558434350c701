"""The colours that a picture's embedded profile means, as sRGB."""

from __future__ import annotations

import io
import struct
from functools import cache
from itertools import product
from typing import Any

from PIL import ImageChops, ImageCms
from PIL.Image import Image, frombytes

MAX_BYTES = 4 * 2**20  # of a profile; those of printing presses have up to 3 MB
_SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # a profile's colour space -> mode
_DEVICES = ("scnr", "mntr", "prtr", "spac")  # classes of profiles that describe a picture's colours (ICC.1, 7.2.5)
_SAME = 2  # levels of 255: a profile that changes no colour by more is sRGB, as somebody else rounded it
_STEPS = bytes(range(0, 256, 17))


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """`image` (L, RGB or CMYK) as RGB in sRGB, converted relative to white, with black point compensation.

    What sRGB does not hold is clipped. A picture whose profile is sRGB keeps its pixels bit for bit. RGB and grey are taken to be
    sRGB when there is no profile, or it is damaged, of another colour space, or suspiciously large or odd."""
    transform = None if not profile else _transform(profile, image.mode)
    if transform is None:
        return in_mode(image, "RGB")
    converted: Image = transform.apply(in_mode(image, transform.inputMode))
    return converted


def in_mode(image: Image, mode: str) -> Image:
    """Itself where it is so already: a copy of a large picture takes 200 MB."""
    return image if image.mode == mode else image.convert(mode)


def _transform(profile: bytes, mode: str) -> Any:
    """None: leave the colours as they are."""
    if len(profile) > MAX_BYTES or b"mpet" in profile:  # chains of any length, of which each takes time for each pixel
        return None
    try:
        described = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = _SPACES.get(described.profile.xcolor_space.strip())
        if described.profile.device_class not in _DEVICES or space not in (mode, "RGB" if mode == "L" else mode):
            return None
        transform = ImageCms.buildTransform(
            described,
            _srgb(),
            space,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:  # of a damaged profile
        return None
    sample = _sample(space)
    changed = ImageChops.difference(transform.apply(sample), sample.convert("RGB"))
    return None if max(changed.tobytes()) <= _SAME else transform


@cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


@cache
def srgb_bytes() -> bytes:
    """The profile, for files that say so; the same bytes on every day."""
    data: bytes = ImageCms.ImageCmsProfile(_srgb()).tobytes()
    return data[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + data[36:]  # when it was made (ICC.1, 7.2.1)


@cache
def _sample(mode: str) -> Image:
    colours = b"".join(bytes(c) for c in product(_STEPS, repeat=3)) if mode == "RGB" else bytes(range(256)) * 4
    return frombytes(mode, (len(colours) // {"L": 1, "RGB": 3, "CMYK": 4}[mode], 1), colours)
