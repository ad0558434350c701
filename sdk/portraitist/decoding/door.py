"""The one door through which pictures from outside come in: `open_picture`. Nothing else decodes a stranger's bytes."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import InvalidImage, printable
from .bounds import Unbounded, brands, check_chunks, check_composition, scans
from .colour import in_mode, to_srgb

KINDS = "JPEG, PNG, WebP, AVIF or HEIC"  # by content; the file's extension is never looked at
MAX_BYTES = 100_000_000  # of the file
MAX_PIXELS = 50_000_000  # 8.2k x 6.1k; decoding one takes at most ~0.6 GB
MIN_SIDE, MAX_SIDE = 8, 30_000  # px; faces have their own limit (the worker's intake)
# Cameras and editors write 3 to 15 scans. One that holds nothing still takes over a second per thousand million pixels.
MAX_SCANS = 100
MAX_SCANNED = 20 * MAX_PIXELS  # pixels, times scans
MAX_COMPOSED = 5 * MAX_PIXELS  # pixels of all parts: a grid, its tiles, their transparency, and room
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
_MIME = {"MPO": "image/jpeg", "HEIF": "image/heic"}
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_AVIF = frozenset((b"avif", b"avis"))
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Opened:
    """`image`: RGB, sRGB, upright. `mime`: the file's type. `shrunk`: by what factor it was made smaller (1.0: not)."""

    image: Image.Image
    mime: str
    shrunk: float


def open_picture(data: bytes, name: str, side: int | None = None) -> Opened:
    """Decode one complete still picture. Transparency lies over white, colours follow its profile, metadata are dropped.

    With `side`, a JPEG whose longer side is at least twice that is decoded at a half, quarter or eighth of its size. That
    saves most of the time and memory. Of a HEIC file with several pictures, or a JPEG with previews (MPO), the main one counts.

    The cost of decoding is checked on the bytes, before any pixel is decoded. Raises InvalidImage, which names the file `name`, for
    anything but one complete still picture in an allowed format and size.
    """
    if not data:
        raise refusal(name, "is empty (0 bytes)", "copy or download the file again")
    if len(data) > MAX_BYTES:
        raise too_many_bytes(name, len(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged metadata; we drop metadata
            passes = _passes(data)
            with _identified(data, name) as image:
                _check_header(image, name, passes)
                longest = max(image.size)
                if side is not None and image.format in ("JPEG", "MPO"):
                    shrink = side / longest
                    image.draft(None, (max(round(image.width * shrink), 1), max(round(image.height * shrink), 1)))
                image.load()
                mime = _MIME.get(image.format or "", f"image/{(image.format or '').lower()}")
                shrunk = longest / max(image.size)
                return Opened(_flat(_upright(image)), mime, shrunk)
    except InvalidImage:
        raise
    except Unbounded as error:
        raise refusal(name, f"has {error}, and is not decoded", "save it anew as a plain JPEG or PNG") from None
    except UnidentifiedImageError:
        raise refusal(name, f"is not a {KINDS} picture", "save it as one of these") from None
    except Image.DecompressionBombError:
        raise refusal(name, f"has more than {MAX_PIXELS // 10**6} million pixels", "scale it down first") from None
    except Exception as error:  # a decoder fed with hostile bytes may raise anything; none of it may pass this border
        raise refusal(
            name,
            f"is damaged or incomplete ({printable(str(error))[:80] or type(error).__name__})",
            "copy or download the file again",
        ) from None


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that is opened."""
    plain = head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
    return plain or bool(brands(head) & (_HEIC | _AVIF))


def _passes(data: bytes) -> int:
    """How often the decoder goes over the picture. Raises Unbounded."""
    if data.startswith(b"\xff\xd8"):
        return scans(data)
    if data.startswith(b"\x89PNG"):
        check_chunks(data)
    elif brands(data) & (_HEIC | _AVIF):
        check_composition(data, MAX_COMPOSED)
    return 1


def _identified(data: bytes, name: str) -> Image.Image:
    """With its header read. The reader of HEIC is not registered with Pillow, which is the whole process's."""
    if not brands(data) & _HEIC or brands(data) & _AVIF:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise refusal(
            name,
            "is a HEIC picture, and the package that reads those is missing",
            "run `pip install 'portraitist[heic]'` where it is read, or save it as JPEG",
        ) from None
    image: Image.Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call, unused-ignore]
    return image


def _check_header(image: Image.Image, name: str, passes: int) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise refusal(
            name,
            f"is {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million and {MAX_SIDE} per side are accepted",
            "scale it down first",
        )
    if min(width, height) < MIN_SIDE:
        raise refusal(
            name, f"is only {width} x {height} pixels", f"use a picture of at least {MIN_SIDE} pixels per side"
        )
    if passes > MAX_SCANS or passes * width * height > MAX_SCANNED:
        raise refusal(
            name,
            f"is a progressive JPEG of {passes} scans; at most {min(MAX_SCANS, MAX_SCANNED // (width * height))} are decoded "
            "in one of its size",
            "save it anew as a plain JPEG",
        )
    # A JPEG with several frames (MPO, from phones) carries previews or depth beside the photo, which is its first frame.
    frames = getattr(image, "n_frames", 1)
    if image.format in ("PNG", "WEBP", "AVIF") and frames > 1:
        raise refusal(name, f"is an animation of {frames} frames", "save the frame you want as a still picture")


def _upright(image: Image.Image) -> Image.Image:
    if (
        image.format == "HEIF"
    ):  # its turns are part of decoding, and its EXIF orientation says the same (ISO/IEC 23008-12, A.2.1)
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the orientation; the pixels are fine
        return image


def _flat(image: Image.Image) -> Image.Image:
    """RGB over white, in sRGB."""
    profile: Any = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion clips instead of scaling
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
    mode = "CMYK" if image.mode == "CMYK" else "L" if image.mode in ("L", "LA", "La", "1") else "RGB"
    colours = to_srgb(in_mode(image, mode), profile)
    if alpha is None:
        return colours
    flat = Image.new("RGB", image.size, _WHITE)
    flat.paste(colours, mask=alpha)
    return flat


def too_many_bytes(name: str, count: int) -> InvalidImage:
    return refusal(
        name, f"is {count / 1e6:.0f} MB; at most {MAX_BYTES // 10**6} MB are accepted", "scale it down first"
    )


def refusal(name: str, fault: str, remedy: str) -> InvalidImage:
    """With a name that no terminal obeys."""
    shown = printable(name)
    shown = shown if len(shown) <= 100 else shown[:48] + "…" + shown[-48:]
    return InvalidImage(f"'{shown}' {fault}: {remedy}.", param=name)
