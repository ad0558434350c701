"""HEIC and AVIF, as phones write them: read by content, upright, bounded, refused clearly where the package is missing."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from portraitist.errors import InvalidImage
from portraitist.photos import gather
from portraitist_workers.faces import image_io
from portraitist_workers.faces.image_io import decode, read


@pytest.fixture(scope="module")
def photo(photos) -> Image.Image:
    return Image.open(photos / "photo-00.jpg").convert("RGB").resize((192, 144), Image.Resampling.BOX)


def heic(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def avif(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "AVIF", quality=90, **options)
    return file.getvalue()


def far(a, b) -> float:
    """Mean difference of two pictures, levels of 255."""
    return float(np.abs(np.asarray(a).astype(int) - np.asarray(b)).mean())


@pytest.mark.parametrize("encode", [heic, avif])
def test_what_the_content_says_counts(encode, photo, tmp_path):
    (tmp_path / "really.jpg").write_bytes(encode(photo))
    assert far(read(tmp_path / "really.jpg"), photo) < 2.5
    assert far(decode(encode(photo.convert("L"))), photo.convert("L").convert("RGB")) < 2.5
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    flat = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), alpha).convert("RGB")
    assert far(decode(encode(alpha)), flat) < 2.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("encode", [heic, avif])
def test_orientation_is_applied_once(encode, orientation, photo):
    """Cameras tell it twice: as a property of the picture (irot, imir), and in EXIF."""
    exif = Image.Exif()
    exif[0x0112] = exif[0x0113] = orientation  # encoders may drop the first when they write the property
    data = encode(photo, exif=exif.tobytes())
    first, second = (
        number.to_bytes(2, "big") + b"\0\3\0\0\0\1\0" + bytes([orientation]) for number in (0x0112, 0x0113)
    )
    data = data if first in data else data.replace(second, first)
    assert first in data and (orientation == 1 or b"irot" in data or b"imir" in data)
    once = turned(photo, orientation)
    assert decode(data).shape[:2] == once.size[::-1] and far(decode(data), once) < 2.5
    for wrong in (photo, turned(once, orientation)):  # not at all, twice
        assert orientation == 1 or wrong.size != once.size or far(wrong, once) > 10


def turned(image: Image.Image, orientation: int) -> Image.Image:
    image = image.copy()
    image.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(image)
    upright.info.clear()
    return upright


def test_tiled_like_a_phones(photo):
    assert far(decode(heic(photo, tile_size=64)), photo) < 2.5


def test_of_a_burst_the_primary_picture_counts(photo):
    file = io.BytesIO()
    burst = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    burst.add_from_pillow(photo)
    burst.save(file, quality=90, primary_index=1)
    assert far(decode(file.getvalue()), photo) < 2.5


def test_an_animation_is_refused(photo):
    with pytest.raises(InvalidImage, match="animation of 2 frames"):
        decode(avif(photo, save_all=True, append_images=[ImageOps.mirror(photo)]))


@pytest.mark.parametrize("encode", [heic, avif])
def test_the_size_is_checked_before_a_pixel_is_decoded(encode, photo, monkeypatch):
    data = encode(photo)
    claim = data.replace((192).to_bytes(4, "big") + (144).to_bytes(4, "big"), (9000).to_bytes(4, "big") * 2)
    assert claim != data
    for plugin in (pillow_heif.HeifImageFile, Image.OPEN["AVIF"][0]):
        monkeypatch.setattr(plugin, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(InvalidImage, match=r"9000 x 9000 pixels; at most 50 million"):
        decode(claim)


def test_a_cut_file_is_refused(photo):
    data = heic(photo)
    for part in (0.02, 0.1, 0.3, 0.6, 0.95):
        with pytest.raises(InvalidImage):
            decode(data[: int(len(data) * part)])


def test_a_folder_with_them(photo, tmp_path):
    (tmp_path / "IMG_1.HEIC").write_bytes(heic(photo))
    (tmp_path / "img_2.heif").write_bytes(heic(photo))
    (tmp_path / "img_3.avif").write_bytes(avif(photo))
    found = dict(gather(tmp_path))
    assert list(found) == ["IMG_1.HEIC", "img_2.heif", "img_3.avif"]
    assert all(far(decode(data, name), photo) < 2.5 for name, data in found.items())


def test_reading_registers_nothing_with_pillow(photo):
    """Pillow belongs to the whole process: an app may have chosen another reader."""
    code = (
        "import sys, io; from PIL import Image; from portraitist.decoding.door import open_picture\n"
        "open_picture(sys.stdin.buffer.read(), 'x'); print('HEIF' in Image.OPEN)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=heic(photo), capture_output=True, check=True)
    assert run.stdout.strip() == b"False"


def test_without_the_package_it_says_so(photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InvalidImage, match=r"'IMG_1\.HEIC' is a HEIC picture.*pip install 'portraitist\[heic\]'.*JPEG"):
        image_io.decode(heic(photo), "IMG_1.HEIC")
    assert far(decode(avif(photo)), photo) < 2.5  # Pillow's own
