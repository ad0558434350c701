"""The invisible mark: found where it is, not found where it is not, and not seen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from portraitist.provenance import mark
from portraitist.provenance.search import find
from portraitist_workers.provenance import marking
from provenance.conftest import decoded, small

ROOT = Path(__file__).parents[2]
PHOTOS = sorted((ROOT / "examples" / "photos").glob("photo-*.jpg"))
FACES = [decoded(p.read_bytes())[60:316, 190:446] for p in PHOTOS]  # about the face, 256 px


def resized(pixels, side, how=Image.Resampling.LANCZOS):
    return np.asarray(Image.fromarray(pixels).resize((side, side), how))


def jpeg(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return decoded(file.getvalue())


@pytest.fixture(scope="module")
def portraits():
    return [resized(face, 128) for face in FACES]


@pytest.fixture(scope="module")
def marked(portraits):
    return [marking.mark_portrait(p) for p in portraits]


def test_it_cannot_be_seen_and_is_the_same_each_time(portraits, marked):
    for before, after in zip(portraits, marked, strict=True):
        change = after.pixels.astype(float) - before
        assert 10 * np.log10(255**2 / (change**2).mean()) > 38
        assert np.abs(change).max() <= 20
    assert np.array_equal(marking.mark_portrait(portraits[0]).pixels, marked[0].pixels)


DAMAGES = {
    "half, JPEG 80": small,
    "half, JPEG 80, Lanczos": lambda x: jpeg(resized(x, 64), 80),
    "half, JPEG 80, bicubic": lambda x: jpeg(resized(x, 64, Image.Resampling.BICUBIC), 80),
    "half, JPEG 80, box": lambda x: jpeg(resized(x, 64, Image.Resampling.BOX), 80),
    "JPEG 80, half": lambda x: resized(jpeg(x, 80), 64),
    "JPEG 50": lambda x: jpeg(x, 50),
    "300 px": lambda x: resized(x, 300),
    "90 px": lambda x: resized(x, 90),
    "darker": lambda x: np.clip(x * 0.7 + 20, 0, 255).astype(np.uint8),
    "mirrored": lambda x: small(x[:, ::-1]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_it_survives(marked, damage):
    assert all(find(damage(m.pixels), thorough=False).found for m in marked)


def test_a_crop_and_a_screenshot_are_searched(marked):
    assert find(marked[0].pixels[7:122, 5:120]).found
    page = np.full((300, 420, 3), 255, np.uint8)
    page[60:260, 130:330] = resized(marked[1].pixels, 200)
    found = find(jpeg(page, 85))
    assert found.found and found.part is not None
    x, y, side = found.part
    assert abs(side - 200) < 20 and abs(x - 130) < 60 and abs(y - 60) < 60


def test_80_percent_of_each_side_suffice(portraits):
    """Where half size and JPEG 80 need little, crops decide how strong the mark gets."""
    for portrait in portraits[:3]:
        marked = marking.mark_portrait(portrait).pixels
        tile = mark.pattern()
        crops = mark.scores(marking._crops(marking._window(mark.luminance(marked))), tile).max((-2, -1))
        assert crops.min() >= marking.TARGET_CROPPED
        assert find(marked[:102, 26:]).found and find(marked[13:115, 13:115][:, ::-1]).found


def test_a_sheet(portraits):
    """Searched, so its pictures are marked more strongly; mirrored, too."""
    cells = [marking.mark_portrait(p, on_sheet=True) for p in portraits[:4]]
    page = marking.sheet(cells, 2).pixels
    unmarked = marking.sheet([marking.MarkedImage(p, 0.0) for p in portraits[:4]], 2).pixels
    assert find(small(page[:, ::-1])).found and not find(small(unmarked)).found


def test_a_mark_can_be_lifted_and_the_docs_say_so(portraits, monkeypatch):
    """Who has one marked picture can put its mark on another without the key: the mark is a hint, the signature proves."""
    monkeypatch.setenv("PORTRAITIST_MARK_KEY", "secret")
    page = (ROOT / "docs" / "provenance.md").read_text()
    picture = marking.mark_portrait(portraits[0]).pixels
    lifted = picture.astype(float) - np.asarray(Image.fromarray(picture).filter(ImageFilter.MedianFilter(7)))
    others = [np.clip(np.rint(p + lifted), 0, 255).astype(np.uint8) for p in portraits[1:]]
    assert any(find(o, thorough=False).found for o in others) and not any(
        find(p, thorough=False).found for p in portraits[1:]
    )
    assert "can be lifted" in page


@pytest.mark.parametrize("side", [256, 512])
def test_larger_portraits(side):
    after = marking.mark_portrait(resized(FACES[2], side)).pixels
    assert find(small(after), thorough=False).found and find(jpeg(resized(after, 128), 80), thorough=False).found


def test_nothing_is_found_where_nothing_is(portraits, marked):
    assert not any(find(p, thorough=False).found for p in portraits)
    assert not any(find(m.pixels, key="another", thorough=False).found for m in marked)
    assert not find(portraits[0]).found and not find(decoded(PHOTOS[0].read_bytes())).found
    for flat in (0, 127, 255):
        assert not find(np.full((128, 128, 3), flat, np.uint8)).found
    assert not find(np.random.default_rng(0).integers(0, 256, (200, 90, 3), np.uint8)).found


def test_the_key_is_a_setting(portraits, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_MARK_KEY", "secret")
    after = marking.mark_portrait(portraits[0]).pixels
    assert find(after, thorough=False).found
    monkeypatch.delenv("PORTRAITIST_MARK_KEY")
    assert not find(after, thorough=False).found


def test_false_alarms_are_as_rare_as_promised(portraits):
    """Over random keys, at one place: P(score > x) <= exp(-x^2 / 2), for the picture whose coefficients are most unlike noise too."""
    window = mark.whitened(mark.resized(mark.luminance(portraits[0]), mark.GRID, mark.GRID))
    stripes = np.sin(np.arange(mark.GRID) * 1.5)[None].repeat(mark.GRID, 0)
    for seen in (window, stripes):
        scores = np.array([mark.scores(seen, mark._pattern.__wrapped__(f"key {n}"))[0, 0] for n in range(2000)])
        for x in (0.5, 1.0, 2.0, 3.0):
            assert (scores > x).mean() <= np.exp(-x * x / 2) + 0.01
    assert abs(scores.mean()) < 0.1


def test_a_part_of_a_photo():
    photo = decoded(PHOTOS[3].read_bytes())
    changed = np.zeros(photo.shape[:2], np.float32)
    changed[60:316, 190:446] = np.hanning(258)[1:-1, None] * np.hanning(258)[None, 1:-1]
    after = marking.mark_part(photo, changed)
    assert np.array_equal(after.pixels[changed == 0], photo[changed == 0])
    for seen in (small(after.pixels), small(after.pixels[:, ::-1])):
        found = find(seen)
        assert found.found and found.part is not None
    assert np.array_equal(marking.mark_part(photo, 0 * changed).pixels, photo)
