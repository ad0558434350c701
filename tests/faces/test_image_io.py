"""Decoding what users upload: every file is a correct picture or a typed refusal, in bounded memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portraitist.errors import InvalidImage
from portraitist_workers.faces.image_io import decode, decode_about, encode_jpeg, encode_png, read, to_tensor, to_uint8


def png(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()


def test_png_round_trip_is_exact_and_repeatable():
    picture = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode_png(picture)), picture)
    assert encode_png(picture) == encode_png(picture)


def test_jpeg_round_trip_is_close(photos):
    picture = read(photos / "photo-00.jpg")
    assert np.abs(decode(encode_jpeg(picture, 95)).astype(int) - picture).mean() < 1.5


def test_tensor_round_trip_is_exact():
    picture = np.arange(256, dtype=np.uint8).reshape(8, 32, 1).repeat(3, axis=2)
    tensor = to_tensor(picture)
    assert tensor.shape == (1, 3, 8, 32) and tensor.min() == -1 and tensor.max() == 1
    assert np.array_equal(to_uint8(tensor)[0], picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:10, :10] = (250, 10, 10)  # a red corner at top left
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = Image.fromarray(upright)
    stored = stored.transpose(undo) if undo is not None else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode(png(stored, exif=exif)), upright)


def test_transparency_lies_over_white():
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[:10] = (10, 200, 30, 255)
    out = decode(png(Image.fromarray(picture)))
    assert (out[:10] == (10, 200, 30)).all() and (out[10:] == 255).all()


def test_sixteen_bit_grey_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(16, 0)
    out = decode(png(Image.fromarray(ramp)))
    assert np.abs(out[0, :, 0].astype(int) - (ramp[0] >> 8)).max() <= 1


def test_cmyk_keeps_its_colours(photos):
    picture = Image.open(photos / "photo-00.jpg").convert("RGB")
    buffer = io.BytesIO()
    picture.convert("CMYK").save(buffer, "JPEG", quality=95)
    assert np.abs(decode(buffer.getvalue()).astype(int) - np.asarray(picture)).mean() < 4


def test_large_jpegs_are_decoded_coarsely_on_request(photos):
    picture = np.asarray(Image.open(photos / "photo-00.jpg").convert("RGB").resize((2000, 1500)))
    data = encode_jpeg(picture)
    coarse, factor = decode_about(data, "x", 500)
    assert coarse.shape[:2] == (375, 500) and factor == 4
    assert decode_about(data, "x", None)[0].shape == picture.shape
    assert decode_about(encode_png(picture), "x", 500)[1] == 1  # only JPEG can


def test_messages_name_the_file_and_the_remedy():
    with pytest.raises(InvalidImage) as caught:
        decode(b"nonsense", "holiday.jpg")
    assert caught.value.param == "holiday.jpg"
    assert "holiday.jpg" in caught.value.message and "JPEG, PNG, WebP, AVIF or HEIC" in caught.value.message
    with pytest.raises(InvalidImage, match="not a file"):
        read("/nowhere/at/all.jpg")
    with pytest.raises(InvalidImage):
        read("with\x00null.jpg")


def test_control_characters_in_names_never_reach_messages():
    with pytest.raises(InvalidImage) as caught:
        decode(b"", "a\x1b[31m\n" + "b" * 500)
    assert caught.value.message.isprintable() and len(caught.value.message) < 300


_CHILD = """
import io, json, sys, time
sys.path.insert(0, sys.argv[1])
from PIL import Image
from hostile_files import hostile_files
from portraitist.errors import InvalidImage
from portraitist_workers.faces.image_io import decode
Image.MAX_IMAGE_PIXELS = None
photo = Image.open(sys.argv[2]).convert("RGB")
wrong, outcomes, slowest = [], {"refuse": 0, "decode": 0}, 0.0
for name, data, expected in hostile_files(photo, 500):
    start = time.process_time()
    try:
        picture = decode(data, name)
        outcome = "decode"
        if not (picture.dtype == "uint8" and picture.ndim == 3 and picture.shape[2] == 3 and picture.flags.writeable):
            wrong.append((name[:40], "bad array"))
    except InvalidImage as error:
        outcome = "refuse"
        if error.param != name or not error.message.isprintable():
            wrong.append((name[:40], "does not name the file"))
    slowest = max(slowest, time.process_time() - start)
    outcomes[outcome] += 1
    if expected not in ("either", outcome):
        wrong.append((name[:40], expected, outcome))
with open("/proc/self/status") as status:  # getrusage's peak would be that of the process that started this one, where it is larger
    peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024
print(json.dumps({"wrong": wrong, "outcomes": outcomes, "slowest": slowest, "peak_mb": peak}))
"""


def test_500_hostile_files(photos):
    """In a process of its own, so that its peak memory is this test's."""
    here = str(Path(__file__).parent)
    run = subprocess.run(
        [sys.executable, "-c", _CHILD, here, str(photos / "photo-00.jpg")], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:]
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["wrong"] == []
    assert sum(result["outcomes"].values()) == 500 and min(result["outcomes"].values()) > 30
    assert result["peak_mb"] < 1000 and result["slowest"] < 5
