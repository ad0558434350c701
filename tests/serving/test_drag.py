"""Dragging, from the request to the picture: photos and portraits, masks, recipes, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from portraitist import recipes
from portraitist.errors import FaceNotFound, InvalidImage, InvalidRequest
from portraitist.requests import Drag, Photo, Pull
from portraitist_workers import operations
from portraitist_workers.drag.landmarks import landmarks
from portraitist_workers.faces.image_io import to_tensor
from portraitist_workers.persona import presets, tuning
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id, raw, record

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"
NOBODY = Path(__file__).parents[2] / "examples" / "photos" / "bad-no-face.jpg"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Photos are opened in a few steps."""
    preset = presets.Preset(2, tuning.Schedule(steps=2, batch=2), edit_steps=2, project_steps=2)
    for name in presets.PRESETS:
        monkeypatch.setitem(presets.PRESETS, name, preset)
    PERSONAS.forget(persona_id(1))
    yield
    PERSONAS.forget(persona_id(1))


def drag(world, *pulls, file=None, mask=None, **more):
    photo = None if file is None else Photo(name="new.jpg", blob=world.put(file))
    request = Drag(
        persona_id=persona_id(1),
        photo=photo,
        pulls=list(pulls),
        mask=None if mask is None else world.put(mask),
        guarded=more.pop("guarded", False),
        **more,
    )
    return operations.run(request, world).pictures[0]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def image(world, picture):
    return np.asarray(Image.open(io.BytesIO(world.blob(picture.blob)))).astype(int)


def upright():
    return np.asarray(Image.open(NEW).convert("RGB"))


def test_a_portrait():
    told = []
    world = context(1)
    world._on_step = told.append
    before = operations.run(
        Drag(persona_id=persona_id(1), pulls=[Pull(handle="nose", by=(0, 0))], guarded=False), world
    ).pictures[0]
    made = drag(world, Pull(handle="nose", by=(4, 0)))
    (point,) = made.report.points
    assert point.end == "arrived" and point.target[0] - point.handle[0] == pytest.approx(4, abs=0.02)
    assert abs(point.reached[0] - point.target[0]) < 0.3 and point.left < 0.4 and not made.report.warnings
    assert made.report.steps >= 2 and made.report.method == "draggan" and made.report.mark > 6
    assert np.abs(image(world, made) - image(world, before)).mean() > 1
    assert before.report.steps == 0 and before.report.points[0].end == "arrived"
    assert any(step.stage == "drag" and "px left" in step.message for step in told)


def test_a_photo_in_its_own_pixels_with_a_mask():
    world, photo = context(1), upright()
    mask = np.zeros(photo.shape, np.uint8)
    mask[380:480, 160:300] = 255  # the lower face
    pulls = [Pull(handle="mouth_left", by=(-3, -4)), Pull(handle=(267, 425), to=(270, 421))]
    made = drag(world, *pulls, file=NEW.read_bytes(), mask=png(mask))
    first, second = made.report.points
    assert np.hypot(first.handle[0] - 220, first.handle[1] - 428) < 8 and second.handle == (267, 425)
    change = np.abs(image(world, made) - photo)
    assert made.report.fixed_change == 0 and change[mask == 0].max() == 0 and change[mask > 0].mean() > 0.5
    assert made.crop is not None and made.report.identity_before is not None


def test_regions_of_a_photo():
    pulls = [Pull(handle="mouth", by=(0, -4)), Pull(handle=(190, 290, 290, 320), by=(0, -2))]
    mouth, box = drag(context(1), *pulls, file=NEW.read_bytes()).report.points
    assert abs(mouth.handle[0] - 242) < 12 and 415 < mouth.handle[1] < 450
    assert mouth.target[1] - mouth.handle[1] == pytest.approx(-4, abs=0.02) and mouth.left < 2
    assert box.handle == pytest.approx((240, 305), abs=0.05) and box.left < 2


def test_lying_photos_are_stood_up():
    """EXIF says which way is up, and points are counted from the upright photo's corner."""
    turned, file = Image.open(NEW).transpose(Image.Transpose.ROTATE_90), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(file, "JPEG", quality=98, exif=exif)
    world = context(1)
    point = drag(world, Pull(handle="nose", by=(1, 0)), file=file.getvalue()).report.points[0]
    assert np.hypot(point.handle[0] - 242, point.handle[1] - 398) < 12


def test_the_way_there():
    world = context(1)
    request = Drag(persona_id=persona_id(1), pulls=[Pull(handle="nose", by=(6, 0))], guarded=False, frames=4)
    last, *way = operations.run(request, world).pictures
    noses = [landmarks(to_tensor(image(world, p).astype(np.uint8)))["nose"][0] * 128 for p in (*way, last)]
    assert len(way) == 4 and np.allclose(np.diff(noses), 6 / 4, atol=0.8) and noses[-1] - noses[0] > 4.5
    assert last.report.recipe and not way[0].report.recipe


def test_its_recipe_gives_the_same_pixels():
    world = context(1)
    made = drag(world, Pull(handle="nose", by=(3, 2)), file=NEW.read_bytes(), guarded=True)
    recipe = recipes.read(made.report.recipe)
    recipes.check_persona(recipe, record(1))
    PERSONAS.forget(persona_id(1))  # a process that knows nothing of it
    again = operations.run(recipes.request_of(recipe), world).pictures[0]
    assert raw(world, again) == raw(world, made)
    other = drag(world, Pull(handle="nose", by=(3, 3)), file=NEW.read_bytes(), guarded=True)
    assert raw(world, other) != raw(world, made)  # negative control


def test_the_guard_takes_back_what_is_somebody_else(monkeypatch):
    world = context(1)
    free = drag(world, Pull(handle="nose", by=(9, 0)), seed=2)
    # Likeness falls as the nose moves, below the floor beyond half of the way.
    monkeypatch.setattr(
        "portraitist_workers.drag.guard.scores",
        lambda judge, draw, steps: 1e3 * (torch.stack([step.left.sum() for step in steps]) - 4.5 / 128),
    )
    monkeypatch.setattr("portraitist_workers.drag.guard.LOSS", 1e3 * 4.5 / 128)
    monkeypatch.setattr("portraitist_workers.drag.guard.recalled", lambda *given: given[3])
    held = drag(world, Pull(handle="nose", by=(9, 0)), seed=2, guarded=True)
    assert free.report.points[0].end == "arrived" and held.report.points[0].end == "unlike"
    assert 4.3 < held.report.points[0].left < 5 and "no longer be like" in held.report.warnings[-1]


def test_points_elsewhere():
    """The photo is opened once for all."""
    world = context(1)
    for pull, said in (
        (Pull(handle=(-5, 10), to=(20, 20)), "handle of point 1, .*outside the picture"),
        (Pull(handle=(240, 400), to=(2000, 400)), "target of point 1, .*outside the picture, which is 480 x 560"),
        (Pull(handle=(20, 20), to=(30, 20)), "outside the person's face, whose square"),
        (Pull(handle="nose", by=(300, 0)), "target of point 1"),
        (
            Pull(handle="nose", to=(8, -0.001)),
            r"\(8, 0\), lies outside .* counted from the handle is given as By\(x, y\)$",
        ),
        (Pull(handle="nose", by=(-200, 0)), "only what is inside can be pulled$"),
        (Pull(handle=(0, 0, 60, 40), by=(0, 1)), "region of point 1, .*outside the person's face"),
    ):
        with pytest.raises(InvalidRequest, match=said) as refused:
            drag(world, pull, file=NEW.read_bytes())
        assert refused.value.param == "points"


def test_what_else_is_refused():
    world, nose = context(1), Pull(handle="nose", by=(1, 0))
    half = np.zeros((560, 480, 3), np.uint8)
    half[:200] = 255
    with pytest.raises(InvalidRequest, match="shapes differ"):
        drag(world, nose, file=NEW.read_bytes(), mask=png(half[:, :300]))
    with pytest.raises(InvalidImage):
        drag(world, nose, file=NEW.read_bytes(), mask=b"\x89PNG\r\n\x1a\n torn")
    with pytest.raises(InvalidImage):
        drag(world, nose, file=b"torn")
    with pytest.raises(FaceNotFound):
        drag(world, nose, file=NOBODY.read_bytes())
    with pytest.raises(InvalidRequest, match="same handle"):
        drag(world, Pull(handle=(64, 70), by=(1, 0)), Pull(handle=(64.2, 70), by=(1, 0)))
