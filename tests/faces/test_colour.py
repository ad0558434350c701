"""Embedded colour profiles are honoured; those that are sRGB change nothing; hostile ones do no harm."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageEnhance

from faces.profiles import encoded_in, profile
from portraitist.decoding import colour
from portraitist_workers.faces.image_io import decode, encode_png


@pytest.fixture(scope="module")
def pixels(photos) -> np.ndarray:
    """Of strong colours."""
    return np.asarray(ImageEnhance.Color(Image.open(photos / "photo-00.jpg").convert("RGB")).enhance(2.5))


def file(pixels: np.ndarray, kind: str = "PNG", icc: bytes | None = None, mode: str | None = None, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels, mode).save(out, kind, icc_profile=icc, **options)
    return out.getvalue()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_a_profile_is_honoured(name, pixels):
    foreign = encoded_in(pixels, name)
    seen = decode(file(foreign, icc=profile(name)))
    assert difference(seen, pixels).max() <= 4 and difference(seen, pixels).mean() < 0.8
    assert difference(decode(file(foreign)), pixels).mean() > 3  # control: without it the colours are wrong


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_in_every_format(kind, pixels):
    foreign = encoded_in(pixels, "Display P3")
    assert difference(decode(file(foreign, kind, profile("Display P3"), quality=95)), pixels).mean() < 2.5
    assert difference(decode(file(foreign, kind, quality=95)), pixels).mean() > 3


def test_in_heic(pixels):
    import pillow_heif

    out = io.BytesIO()
    image = Image.fromarray(encoded_in(pixels, "Display P3"))
    image.info["icc_profile"] = profile("Display P3")
    pillow_heif.from_pillow(image).save(out, quality=95)
    assert difference(decode(out.getvalue()), pixels).mean() < 2.5


@pytest.mark.parametrize("icc", [profile("sRGB"), colour.srgb_bytes()])
def test_srgb_keeps_every_pixel(icc):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(decode(file(noise, icc=icc)), noise)


def test_transparent_and_grey_pictures(pixels):
    foreign = encoded_in(pixels, "Adobe RGB")
    half = np.dstack([foreign, np.full(foreign.shape[:2], 255, np.uint8)])
    half[: len(half) // 2, :, 3] = 0
    seen = decode(file(half, icc=profile("Adobe RGB")))
    assert (seen[: len(half) // 2] == 255).all() and difference(seen, pixels)[len(half) // 2 :].max() <= 4
    grey = pixels[..., 1]
    assert difference(decode(file(grey, icc=profile("sRGB")))[..., 0], grey).max() == 0  # tagged with a profile for RGB


def test_what_we_hand_out_says_that_it_is_srgb(pixels):
    assert Image.open(io.BytesIO(encode_png(pixels))).info["srgb"] == 1


BROKEN = {
    "empty": b"\0" * 300,
    "cut": profile("Adobe RGB")[:200],
    "another space": profile("Adobe RGB").replace(b"RGB ", b"CMYK", 1),
    "a device link": profile("Adobe RGB").replace(b"mntr", b"link", 1),
    "points outside": profile("Adobe RGB").replace(b"rXYZ\0\0", b"rXYZ\x7f\xff", 1),
    "chains": profile("Adobe RGB") + b"mpet",
    "too large": profile("Adobe RGB") + bytes(colour.MAX_BYTES),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_or_odd_profile_is_ignored(fault, pixels):
    assert np.array_equal(decode(file(pixels, "WEBP", BROKEN[fault], lossless=True)), pixels)


def test_flipped_bytes_do_no_harm(pixels):
    """Each gives a picture of the right form, quickly."""
    rng = np.random.default_rng(0)
    presses = [profile("Adobe RGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
    small, begun = np.ascontiguousarray(pixels[:64, :64]), time.process_time()
    for n in range(300):
        icc = bytearray(presses[n % 2])
        for at in rng.integers(0, len(icc), 1 + n % 8):
            icc[at] = rng.integers(256)
        assert decode(file(small, icc=bytes(icc))).shape == small.shape
    assert time.process_time() - begun < 20
