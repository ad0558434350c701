"""What takes minutes to decode is refused at once, wherever a stranger's picture comes in; what cameras write is not."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

import portraitist
from faces.costly_files import many_chunks, many_scans, many_segments, many_tiles, much_padding
from portraitist.decoding import bounds
from portraitist.decoding.door import MAX_SCANS
from portraitist.errors import InvalidImage, PhotosUnusable
from portraitist.photos import gather
from portraitist_workers.faces.image_io import decode, decode_about
from portraitist_workers.faces.intake import check_photos
from portraitist_workers.report.embed import opened

COSTLY = {
    "scans": many_scans,
    "segments": many_segments,
    "padding": much_padding,
    "padding behind an end": lambda: much_padding(before=b"\xff\xd9"),
    "chunks": many_chunks,
    "tiles": lambda: many_tiles(768, side=2048),
}


@pytest.fixture(scope="module", params=COSTLY)
def costly(request) -> bytes:
    return COSTLY[request.param]()


def within_a_second(call, *arguments):
    begun = time.process_time()
    result = call(*arguments)
    assert time.process_time() - begun < 1
    return result


def test_the_worker_refuses_at_once(costly):
    def refused():
        for side in (None, 1600):
            with pytest.raises(InvalidImage, match=r"'costly\.jpg' (is a progressive|has).*save it anew") as caught:
                decode_about(costly, "costly.jpg", side)
            assert caught.value.param == "costly.jpg"

    within_a_second(refused)


def test_verify_refuses_at_once(costly, tmp_path):
    (tmp_path / "costly.jpg").write_bytes(costly)

    def refused():
        with pytest.raises(InvalidImage, match=r"'costly\.jpg'"):
            portraitist.verify(tmp_path / "costly.jpg")

    within_a_second(refused)


def test_an_upload_becomes_a_verdict_at_once(costly):
    def verdicts():
        photos = list(gather([("costly.jpg", costly)]))
        with pytest.raises(PhotosUnusable) as caught:
            check_photos(photos)
        return caught.value.photos

    (verdict,) = within_a_second(verdicts)
    assert (verdict["name"], verdict["code"]) == ("costly.jpg", "undecodable") and "costly.jpg" in verdict["reason"]


def test_the_report_shows_none(costly):
    assert within_a_second(opened, costly) is None


def test_without_the_check_it_would_take_minutes():
    """Negative control: 60 of the 20,000 scans, in a picture of a ninth of the size."""
    few, many = many_scans(scans=10, side=2333), many_scans(scans=60, side=2333)
    begun = time.process_time()
    Image.open(io.BytesIO(few)).load()
    between = time.process_time()
    Image.open(io.BytesIO(many)).load()
    per_scan = (time.process_time() - between - (between - begun)) / 50
    assert per_scan * 9 * 20_000 > 60


def test_scans_are_bounded_by_themselves_and_with_the_pixels():
    assert decode(many_scans(scans=MAX_SCANS, side=200)).shape == (200, 200, 3)
    with pytest.raises(InvalidImage, match=f"{MAX_SCANS + 1} scans; at most {MAX_SCANS}"):
        decode(many_scans(scans=MAX_SCANS + 1, side=200))
    with pytest.raises(InvalidImage, match="21 scans; at most 20"):
        decode(many_scans(scans=21, side=7000))
    assert decode(many_scans(scans=15, side=7000)).shape == (7000, 7000, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"progressive": True, "subsampling": 0}])
def test_ordinary_jpegs_have_few_scans(photos, options):
    file = io.BytesIO()
    Image.open(photos / "photo-00.jpg").save(file, "JPEG", **options)
    assert bounds.scans(file.getvalue()) == (10 if options else 1)


def test_scans_of_previews_and_of_what_is_appended_do_not_count():
    preview, photo = io.BytesIO(), io.BytesIO()
    Image.new("L", (64, 64)).save(preview, "JPEG", progressive=True)
    exif = b"Exif\0\0" + preview.getvalue() * 20  # 120 scans inside a segment
    Image.new("L", (64, 64)).save(photo, "JPEG", exif=exif)
    data = photo.getvalue() + many_scans(scans=200, side=64) * 2  # as phones append videos and other pictures
    assert data.count(b"\xff\xda") > 500 and bounds.scans(data) == 1
    assert decode(data).shape == (64, 64, 3)


def test_restart_markers_cost_nothing():
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)).save(
        file, "JPEG", restart_marker_blocks=1
    )
    assert sum(file.getvalue().count(bytes([0xFF, 0xD0 + n])) for n in range(8)) > 10_000
    assert within_a_second(bounds.scans, file.getvalue()) == 1


def test_heic_tiles_are_counted_as_often_as_they_are_used():
    assert decode(many_tiles(256)).shape == (100, 100, 3)  # the file is a right one; 256 tiles of 2048 px would be, too
    bounds.check_composition(many_tiles(4, side=512), 4 * 512**2 + 100**2)
    with pytest.raises(bounds.Unbounded, match="parts"):
        bounds.check_composition(many_tiles(4, side=512), 4 * 512**2 + 100**2 - 1)
    with pytest.raises(InvalidImage, match="'iovl'"):
        decode(many_tiles(4, kind=b"iovl"))


def test_heic_that_is_composed_of_itself_ends():
    data = many_tiles(768, side=64, shown=64)
    assert data.count(b"\0\2" * 768) == 1
    with pytest.raises(bounds.Unbounded):
        bounds.check_composition(data.replace(b"\0\2" * 768, b"\0\1" * 768), 2**40)


def test_heic_whose_boxes_contradict_each_other_is_refused():
    data = many_tiles(4)
    for kind in (b"pitm", b"ipco", b"meta"):
        start = data.index(kind) - 4
        box = data[start : start + int.from_bytes(data[start : start + 4], "big")]
        twice = data[:start] + box + data[start:]
        if kind != b"meta":  # the boxes around it grow
            for outer in (b"meta", b"iprp") if kind == b"ipco" else (b"meta",):
                at = twice.index(outer) - 4
                size = int.from_bytes(twice[at : at + 4], "big") + len(box)
                twice = twice[:at] + size.to_bytes(4, "big") + twice[at + 4 :]
        with pytest.raises(bounds.Unbounded, match=f"two boxes '{kind.decode()}'"):
            bounds.check_composition(twice, 2**40)
