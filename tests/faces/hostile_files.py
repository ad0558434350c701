"""Five hundred files that should not be photos, or are unusual ones: what users and attackers upload."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pillow_heif
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")


def hostile_files(photo: Image.Image, count: int = 500, seed: int = 0) -> Iterator[tuple[str, bytes, str]]:
    """(name, bytes, expectation): "refuse", "decode" or "either" (a damaged stream may still hold every pixel)."""
    rng = np.random.default_rng(seed)
    made = 0
    for item in _fixed(photo):
        yield item
        made += 1
    encoded = [_encode(photo, f) for f in FORMATS]
    while made < count:
        kind, which = made % 5, int(rng.integers(len(FORMATS)))
        data = bytearray(encoded[which])
        name = f"mutant-{made}.{FORMATS[which].lower()}"
        if kind == 0:  # cut off: what is missing cannot be made up
            cut = int(rng.integers(1, max(len(data) - 40, 2)))
            yield name, bytes(data[:cut]), "refuse"
        elif kind == 1:  # flipped bytes anywhere
            for position in rng.integers(0, len(data), int(rng.integers(1, 40))):
                data[position] = int(rng.integers(256))
            yield name, bytes(data), "either"
        elif kind == 2:  # damaged header
            for position in rng.integers(0, 64, 8):
                data[position] = int(rng.integers(256))
            yield name, bytes(data), "either"
        elif kind == 3:  # a piece removed or repeated in the middle
            a, b = sorted(int(v) for v in rng.integers(20, len(data), 2))
            yield name, bytes(data[:a] + data[b:] if rng.random() < 0.5 else data[:b] + data[a:]), "either"
        else:  # noise with a picture's beginning
            yield name, bytes(data[: int(rng.integers(0, 32))]) + rng.bytes(int(rng.integers(1, 5000))), "refuse"
        made += 1


def _fixed(photo: Image.Image) -> Iterator[tuple[str, bytes, str]]:
    small = photo.resize((96, 96))
    yield "empty.jpg", b"", "refuse"
    yield "text.jpg", b"this is not a picture\n" * 50, "refuse"
    yield "zeros.png", bytes(5000), "refuse"
    yield "html.webp", b"<html><script>alert(1)</script></html>", "refuse"
    yield (
        "pickle.png",
        b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "refuse",
    )
    for name in (
        "../../etc/passwd",
        "/etc/shadow.jpg",
        "..\\..\\boot.ini",
        "a\x00b.jpg",
        "new\nline\x1b[31m.jpg",
        "x" * 5000 + ".jpg",
        "$(touch hacked).png",
        "%s%n{0}.png",
    ):
        yield name, _encode(small, "JPEG"), "decode"  # a name is only ever shown
        yield name, b"garbage", "refuse"
    for name, fmt in (
        ("really-png.jpg", "PNG"),
        ("really-webp.png", "WEBP"),
        ("really-jpeg.webp", "JPEG"),
        ("no-extension", "PNG"),
    ):
        yield name, _encode(small, fmt), "decode"
    for fmt in ("GIF", "BMP", "TIFF", "ICO", "PPM", "PDF", "TGA", "EPS", "JPEG2000"):
        yield f"other-format.{fmt.lower()}.jpg", _encode(small, fmt), "refuse"
    yield "cmyk.jpg", _encode(small.convert("CMYK"), "JPEG"), "decode"
    yield "grey.jpg", _encode(small.convert("L"), "JPEG"), "decode"
    yield "palette.png", _encode(small.convert("P"), "PNG"), "decode"
    yield "one-bit.png", _encode(small.convert("1"), "PNG"), "decode"
    yield "alpha.png", _encode(small.convert("RGBA"), "PNG"), "decode"
    yield "grey-alpha.png", _encode(small.convert("LA"), "PNG"), "decode"
    yield (
        "sixteen-bit.png",
        _encode(Image.fromarray(np.arange(96 * 96, dtype=np.uint16).reshape(96, 96) * 7), "PNG"),
        "decode",
    )
    yield "progressive.jpg", _encode(small, "JPEG", progressive=True), "decode"
    frames = [small, small.rotate(90)]
    yield "animated.png", _encode(small, "PNG", save_all=True, append_images=frames[1:]), "refuse"
    yield "animated.webp", _encode(small, "WEBP", save_all=True, append_images=frames[1:]), "refuse"
    yield "bomb.png", png_bomb(20_000, 20_000), "refuse"
    yield "bomb-header.png", png_bomb(2**31 - 1, 2**31 - 1, rows=0), "refuse"
    yield "bomb-just-below-pillow.png", png_bomb(9_000, 9_000), "refuse"
    yield "long.png", png_bomb(60_000, 10), "refuse"
    yield "huge-claim.jpg", _jpeg_with_size(small, 65_500, 65_500), "refuse"
    yield "huge-claim-small-enough.jpg", _jpeg_with_size(small, 6_000, 6_000), "either"  # libjpeg fills what is missing
    yield "one-pixel.png", _encode(photo.resize((1, 1)), "PNG"), "refuse"
    yield "text-bomb.png", _png_with_text_bomb(small), "either"
    for orientation in range(0, 12):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}.jpg", _encode(small, "JPEG", exif=exif), "decode"
    yield (
        "broken-exif.jpg",
        _encode(small, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + b"\xff" * 200),
        "decode",
    )
    yield "broken-icc.jpg", _encode(small, "JPEG", icc_profile=b"\x00" * 300), "decode"
    yield "appended-zip.jpg", _encode(small, "JPEG") + b"PK\x03\x04" + bytes(2000), "decode"


def png_bomb(width: int, height: int, rows: int | None = None) -> bytes:
    """A valid PNG of one colour: a few hundred kB that would decode to `width` x `height` RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    body = b""
    row = bytes(1 + 3 * min(width, 30_000))
    for _ in range(min(height, 20_000) if rows is None else rows):
        body += packer.compress(row)
    body += packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _png_with_text_bomb(image: Image.Image) -> bytes:
    data = _encode(image, "PNG")
    text = b"Comment\x00\x00" + zlib.compress(bytes(200_000_000), 9)
    return data[:33] + _chunk(b"zTXt", text) + data[33:]


def _jpeg_with_size(image: Image.Image, width: int, height: int) -> bytes:
    data = bytearray(_encode(image, "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _encode(image: Image.Image, fmt: str, **options) -> bytes:
    buffer = io.BytesIO()
    if fmt == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, format=fmt, **options)
    return buffer.getvalue()
