"""What is no mask is refused before it is uploaded; what a person may have drawn is not."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

import portraitist
from portraitist.errors import InvalidRequest
from portraitist.masks import check_files, check_mask
from portraitist.testing import fake_studio

EXAMPLES = Path(__file__).parents[2] / "examples"


def drawn(size=(200, 150), mode="L"):
    mask = Image.new(mode, size)
    ImageDraw.Draw(mask).ellipse((60, 40, 120, 90), fill="white")
    return mask


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "mask",
    [
        drawn(),
        drawn(mode="RGB"),
        drawn().convert("1"),
        drawn().convert("P"),
        drawn().filter(ImageFilter.GaussianBlur(4)),  # a soft brush
        drawn((400, 300)),
        drawn((133, 100)),  # of a photo 200 x 150, rounded
        Image.open(EXAMPLES / "damaged" / "hole-mask.png").resize((200, 150)),
    ],
)
def test_masks_are_taken(mask):
    check_mask(mask.convert("RGB"), (200, 150))
    check_files(encoded(mask), encoded(Image.new("RGB", (200, 150))))


def test_a_jpeg_is_taken():
    check_files(encoded(drawn(mode="RGB"), "JPEG", quality=50), None)


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (drawn((150, 200)), "150 x 200 pixels, the photo 200 x 150"),
        (drawn((210, 150)), "would be stretched"),
        (Image.open(EXAMPLES / "new.jpg").resize((200, 150)), "coloured in .* a mask is black and white"),
        (Image.open(EXAMPLES / "new.jpg").convert("L").resize((200, 150)), "grey in .* a mask is black and white"),
        (Image.new("L", (200, 150), 255), "entirely white"),
        (ImageOps.invert(drawn()).filter(ImageFilter.MaxFilter(21)), "98 % white.*invert it"),
        (Image.new("L", (200, 150)), "marks nothing"),
        (Image.new("RGBA", (200, 150)), "entirely white.*transparent parts count as white"),
    ],
)
def test_what_is_no_mask_of_the_photo_is_refused(mask, what):
    with pytest.raises(InvalidRequest, match=what) as told:
        check_files(encoded(mask), encoded(Image.new("RGB", (200, 150))))
    assert told.value.param == "degradation"


def test_a_photo_that_lies_on_its_side_is_compared_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encoded(Image.new("RGB", (150, 200)), "JPEG", exif=exif)
    check_files(encoded(drawn((200, 150))), photo)
    with pytest.raises(InvalidRequest, match="shapes differ"):
        check_files(encoded(drawn((150, 200))), photo)


def test_what_is_no_picture_is_refused_and_a_damaged_one_left_to_the_worker():
    check_files(encoded(drawn((150, 200)))[:60], b"x")
    check_files(encoded(drawn((150, 200))), b"x")
    with pytest.raises(InvalidRequest, match="not a JPEG, PNG.*white where pixels are missing"):
        check_files(b"no picture", b"x")
    with pytest.raises(InvalidRequest, match="the mask is a float; expected a path"):
        portraitist.Mask(0.5)


def test_enhance_refuses_before_anything_is_uploaded(monkeypatch):
    ana, kept = fake_studio().personas.create("ana", [b"1", b"2", b"3"], wait=True), []
    monkeypatch.setattr("portraitist.submission.Uploads.add", lambda self, data: kept.append(data) or "0" * 64)
    with pytest.raises(InvalidRequest, match="shapes differ"):
        ana.enhance(Image.new("RGB", (200, 150)), portraitist.Mask(drawn((150, 200))))
    assert kept == []
