"""Pictures one after another, as a file that moves: WebP, or MP4 with AV1.

The MP4 is what Pillow writes as an animated AVIF. Both are files of ISO/IEC 14496-12 with the same AV1 frames (AV1-ISOBMFF, AVIF 1.1).
An animated AVIF also holds one frame as a still picture, and its track is one of pictures. Here the still picture is let go, and the
track is a video's. So MP4 needs no further package.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import InvalidRequest

if TYPE_CHECKING:
    from PIL.Image import Image

MOVING = (".webp", ".mp4")
QUALITY = 90  # at which the invisible mark stays
_BRANDS = b"isom", b"iso2", b"av01", b"mp41", b"mp42", b"iso6", b"iso8"
_OUTER = b"moov", b"trak", b"mdia", b"edts"  # boxes that hold boxes


def check_kind(suffix: str, param: str) -> None:
    """Raises InvalidRequest unless a file whose name ends so can be written here."""
    if suffix.lower() not in MOVING:
        raise InvalidRequest(f"a moving picture's name must end in {' or '.join(MOVING)}", param=param)
    from PIL import features

    if suffix.lower() == ".mp4" and not features.check("avif"):
        raise InvalidRequest(
            "this Pillow was built without AVIF, of which the MP4 is made; install Pillow's wheel, or take a name that ends in .webp",
            param=param,
        )


def encoded(images: Sequence[Image], suffix: str, frame_ms: int) -> bytes:
    """Pictures of one size as a file, each shown for `frame_ms`. A WebP begins anew at its end. Raises InvalidRequest."""
    check_kind(suffix, "path")
    file = io.BytesIO()
    options = {"save_all": True, "append_images": list(images[1:]), "duration": frame_ms, "quality": QUALITY}
    if suffix.lower() == ".webp":
        images[0].save(file, "WEBP", loop=0, **options)
        return file.getvalue()
    images[0].save(file, "AVIF", **options)
    return mp4(file.getvalue())


def mp4(avif: bytes) -> bytes:
    """An animated AVIF as an MP4 of the same length: places in it stay where they are."""
    data = bytearray(avif)
    _relabel(data, 0, len(data))
    return bytes(data)


def _relabel(data: bytearray, at: int, end: int) -> None:
    """The boxes from `at` to `end`."""
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if not 8 <= size <= end - at:
            raise ValueError(f"a box {kind!r} of {size} bytes at {at} does not fit into {end - at}")
        if kind == b"ftyp":
            room = (size - 16) // 4  # of compatible brands
            brands = (*_BRANDS, *[_BRANDS[0]] * room)[:room]
            data[at + 8 : at + size] = struct.pack(">4sI", _BRANDS[0], 512) + b"".join(brands)
        elif kind == b"meta":  # the still picture
            data[at + 4 : at + 8] = b"free"
        elif kind == b"hdlr":
            data[at + 16 : at + 20] = b"vide"
        elif kind == b"elst":  # its flags: again and again
            data[at + 9 : at + 12] = bytes(3)
        elif kind in _OUTER:
            _relabel(data, at + 8, at + size)
        at += size
