"""Promise 14: whatever the operations hand out is marked and signed. With the real engine, briefly trained."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from faces.profiles import encoded_in, profile
from PIL import Image

from portraitist.degradations import Downsample
from portraitist.doctor import _weights
from portraitist.provenance.credentials import read
from portraitist.provenance.search import find
from portraitist.requests import CreatePersona, Edit, Enhance, Photo, Synthesize
from portraitist.results import PictureReport, PictureResult, Pictures
from portraitist_workers import operations
from portraitist_workers.faces.image_io import decode
from portraitist_workers.operations import MemoryContext, run
from portraitist_workers.persona import presets, reach
from portraitist_workers.persona.tuning import Schedule
from portraitist_workers.report.embed import tiles
from provenance.conftest import decoded, small

pytestmark = pytest.mark.slow  # `made` is
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A context with a persona, and every picture that each verb made, with the photo behind it."""
    if _weights().state != "ok":
        pytest.skip("the bundled prior is not complete")
    patch = pytest.MonkeyPatch()
    patch.setenv("PORTRAITIST_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setitem(presets.PRESETS, "fast", presets.Preset(3, Schedule(steps=4), edit_steps=3, project_steps=3))
    patch.setattr(reach, "PROBED", {"yaw": (25,)})  # how far the person can be moved is no matter here
    context = MemoryContext()

    def upload(path):
        return Photo(name=path.name, blob=context.put(path.read_bytes()))

    photos = [upload(p) for p in sorted((EXAMPLES / "photos").glob("photo-*.jpg"))[:4]]
    record = run(CreatePersona(persona_id="per_1", name="ana", photos=photos, preset="fast"), context)
    context.personas["per_1"] = record
    new, tiny = EXAMPLES / "new.jpg", EXAMPLES / "damaged" / "tiny.jpg"
    wide = tmp_path_factory.mktemp("photo") / "wide.png"  # as a phone with a wide gamut would store it
    Image.fromarray(encoded_in(warm(new), "Display P3")).save(wide, icc_profile=profile("Display P3"))
    person = {"persona_id": "per_1"}
    results = [
        (None, run(Synthesize(**person, values=[{"yaw": 4.0}, {"yaw": -4.0}, {}], seed=3, columns=2), context)),
        (new, run(Edit(**person, photo=upload(new), values=[{"smile": 0.6}]), context)),
        (wide, run(Edit(**person, photo=upload(wide), values=[{"yaw": 5.0}]), context)),
        (tiny, run(Enhance(**person, photo=upload(tiny), degradation=[Downsample(factor=8)]), context)),
    ]
    context.sheet = results[0][1].sheet
    patch.undo()
    return context, record, [(photo, picture) for photo, result in results for picture in result.pictures]


def test_every_picture_is_signed(made):
    context, record, pictures = made
    files = [(photo, context.blob(d)) for photo, p in pictures for d in (p.blob, p.crop) if d is not None]
    assert len(files) == 3 + 2 * 2 + 2
    for photo, data in files:
        told = read(data, "image/png")
        assert told.state == "valid" and told.trust == "test" and told.tool.startswith("portraitist ")
        assert told.made == ("created" if photo is None else "edited")
        if photo is not None:
            assert photo.name.encode() not in data and b"per_1" not in data
    for sheet in (context.sheet, record.preview):
        assert read(context.blob(sheet), "image/png").state == "valid"
    assert find(decoded(context.blob(context.sheet))).found


def test_every_picture_shows_the_mark_at_half_size_and_jpeg_80(made):
    context, _, pictures = made
    for _, picture in pictures:
        for digest in filter(None, (picture.blob, picture.crop)):
            pixels = decoded(context.blob(digest))
            assert find(small(pixels)).found
            assert not find(pixels, key="another", thorough=False).found
        assert picture.report.mark > 6.7


def test_reproductions_are_marked_and_photos_are_not(made):
    context, record, _ = made
    photos, reproductions = tiles(Image.fromarray(decoded(context.blob(record.preview))))
    assert all(find(np.asarray(r)).found for r in reproductions)
    assert not any(find(np.asarray(p), thorough=False).found for p in photos)


def test_pixels_outside_the_face_are_the_photos_own(made):
    context, _, pictures = made
    photo, picture = next((photo, p) for photo, p in pictures if photo and photo.name == "new.jpg")
    changed = (decoded(context.blob(picture.blob)) != decoded(photo.read_bytes())).any(2)
    assert picture.report.outside_change == 0 and not changed[:, :20].any() and changed.any()


def warm(photo: Path) -> np.ndarray:
    """In evening light, so that colours are strong everywhere."""
    return np.rint(decoded(photo.read_bytes()) * (1.0, 0.8, 0.55)).astype(np.uint8)


def test_an_edited_photo_of_a_wide_gamut_looks_the_same_outside_the_face(made):
    context, _, pictures = made
    photo, picture = next((photo, p) for photo, p in pictures if photo and photo.name == "wide.png")
    data = context.blob(picture.blob)
    assert Image.open(io.BytesIO(data)).info["srgb"] == 1  # its numbers mean what they say
    outside = np.s_[:, :20]
    before, after = warm(EXAMPLES / "new.jpg")[outside].astype(int), decoded(data)[outside]
    assert np.array_equal(after, decode(photo.read_bytes())[outside]) and picture.report.outside_change == 0
    assert np.abs(after - before).mean() < 0.6 and np.abs(decoded(photo.read_bytes())[outside] - before).mean() > 1.8


def test_a_picture_that_did_not_pass_the_door_is_not_handed_out(monkeypatch, made):
    """Negative control of the door itself."""
    world = MemoryContext()
    world.personas["per_1"] = made[1]
    module = type("module", (), {})()
    module.run = lambda request, context: Pictures(
        pictures=[PictureResult(blob=context.put(b"unmarked"), report=PictureReport())]
    )
    monkeypatch.setattr(operations.importlib, "import_module", lambda *_: module)
    with pytest.raises(AssertionError, match="without its mark"):
        run(Synthesize(persona_id="per_1"), world)
