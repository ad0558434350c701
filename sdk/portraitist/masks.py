"""Is a picture a mask: black and white, of the photo's shape? For `Mask`, with something missing and something left; for a drag and a
transfer, with something that changes and something that stays.

The SDK asks before it uploads, the worker again: it also sees photos given by address.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import InvalidRequest

if TYPE_CHECKING:
    from PIL.Image import Image

DARK, BRIGHT = 32, 223  # grey levels: a mask's pixels are darker than the first or brighter than the second ...
GREY_SHARE = 0.2  # ... but for this share: soft brushes, anti-aliased edges, JPEG
COLOURED_SHARE = 0.02  # of pixels whose channels differ by more than DARK: JPEG colours a few at the rim
WHITE_SHARE = 0.95  # with more missing it is taken to be inverted
STRETCH = 0.02  # by which the shapes may differ: rounding when either was scaled

EXPECTED = (
    "a mask is black and white and has the photo's shape: white where pixels are missing, black where they are kept"
)


@dataclass(frozen=True)
class Purpose:
    """What the white of a mask is for, and what is wrong with one that is all `black` or all `white`."""

    expected: str
    black: str
    white: str


MOVABLE = Purpose(
    "a drag's mask is black and white and has the photo's shape: white where it may move, black where it stays",
    "the mask is all black, so nothing may move; paint what may move white",
    "the mask is all white, so all may move; leave it out",
)
TAKEN = Purpose(
    "a transfer's mask is black and white and has the photo's shape: white where the other photo is taken, black where the photo stays",
    "the mask is all black, so nothing is taken from the other photo; paint what shall be taken white",
    "the mask is all white, so nothing of the photo would stay; paint what shall stay black",
)


def check_mask(mask: Image, photo: tuple[int, int] | None) -> None:
    """`mask`: upright; `photo`: (width, height) of the upright photo, None where that is not known. Raises InvalidRequest."""
    if photo is not None:
        _check_shape(mask.size, photo)
    _check_kind(mask)
    missing = _share(mask.convert("L"), DARK, 256)
    if missing == 0:
        raise _refusal(
            "marks nothing as missing: all of it is black", "paint what is missing white, or leave the mask out"
        )
    if missing > WHITE_SHARE:
        how_much = "entirely white" if missing == 1 else f"{100 * missing:.0f} % white"
        raise _refusal(
            f"is {how_much}: nearly all of the photo would be missing",
            "invert it if black marks what is missing; transparent parts count as white",
        )


def check_files(mask: bytes, photo: bytes | None) -> None:
    """`check_mask` of encoded files. A damaged picture is left to the worker, whose decoder says what is wrong with it."""
    picture = _upright(mask)
    if picture is not None:
        check_mask(picture, None if photo is None else _size(photo))


def _upright(mask: bytes) -> Image | None:
    """A mask's picture; None where it is damaged. Raises InvalidRequest for what is no picture at all."""
    from PIL import Image, ImageOps

    from .decoding.door import KINDS, is_picture

    if not is_picture(mask):
        raise _refusal(f"is not a {KINDS} picture", EXPECTED)
    try:
        with Image.open(io.BytesIO(mask)) as opened:
            upright = ImageOps.exif_transpose(opened)
            if "A" in upright.getbands() or "transparency" in upright.info:
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
            return upright.convert("RGB")
    except Exception:
        return None


def _size(photo: bytes) -> tuple[int, int] | None:
    """(width, height) of the upright photo; None where it is damaged."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(photo)) as opened:
            turned = opened.getexif().get(0x0112, 1) >= 5  # stored lying on its side
            return (opened.height, opened.width) if turned else opened.size
    except Exception:
        return None


def check_white(mask: bytes, photo: bytes | None, purpose: Purpose) -> None:
    """Is an encoded picture a mask for this purpose? Raises InvalidRequest; what cannot be decoded is left to the worker. `photo`: the file
    that it belongs to, None where that is not at hand."""
    try:
        picture, size = _upright(mask), None if photo is None else _size(photo)
    except InvalidRequest as error:
        raise InvalidRequest(error.message.replace(EXPECTED, purpose.expected), param="mask") from error
    if picture is not None:
        check_white_picture(picture, size, purpose)


def check_white_picture(mask: Image, photo: tuple[int, int] | None, purpose: Purpose) -> None:
    """As `check_white`, decoded. photo: (width, height)."""
    try:
        if photo is not None:
            _check_shape(mask.size, photo)
        _check_kind(mask)
    except InvalidRequest as error:
        raise InvalidRequest(error.message.replace(EXPECTED, purpose.expected), param="mask") from error
    white = _share(mask.convert("L"), 128, 256)
    if white == 0:
        raise InvalidRequest(purpose.black, param="mask")
    if white == 1:
        raise InvalidRequest(purpose.white, param="mask")


def _check_shape(mask: tuple[int, int], photo: tuple[int, int]) -> None:
    (w, h), (W, H) = mask, photo
    if abs(w * H - h * W) > max(STRETCH * w * H, W, H):  # a pixel's rounding of a small mask is no stretch
        raise _refusal(
            f"is {w} x {h} pixels, the photo {W} x {H}: their shapes differ, so that the mask would be stretched",
            "draw it on the photo itself, in the photo's size",
        )


def _check_kind(mask: Image) -> None:
    from PIL import ImageChops

    red, green, blue = mask.convert("RGB").split()
    differ = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    coloured = _share(differ, DARK, 256)
    if coloured > COLOURED_SHARE:
        raise _refusal(f"is coloured in {100 * coloured:.0f} % of its pixels, as a photo is", f"{EXPECTED}")
    grey = _share(mask.convert("L"), DARK, BRIGHT)
    if grey > GREY_SHARE:
        raise _refusal(f"is grey in {100 * grey:.0f} % of its pixels, as a photo is", f"{EXPECTED}")


def _share(picture: Image, low: int, high: int) -> float:
    """Of the pixels of a grey picture, those in [low, high)."""
    counts = picture.histogram()
    return sum(counts[low:high]) / max(sum(counts), 1)


def _refusal(fault: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(f"the mask {fault}; {remedy}", param="degradation")
