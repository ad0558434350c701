"""A photo of two people: the person's own face is found, another one can be named, and the report says what that means."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from portraitist.degradations import GaussianBlur
from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.requests import Edit, Enhance, Extend, FindFaces, Move, Photo, Restyle, Retouch, SetStep, Transfer
from portraitist_workers import operations
from portraitist_workers.faces import image_io
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.persona.presets import PRESETS, Preset
from portraitist_workers.persona.subject import find
from portraitist_workers.persona.tuning import Schedule

from .people import context, model, persona_id, raw, record

pytestmark = pytest.mark.slow  # together they take minutes

GROUP = Path(__file__).parents[2] / "examples" / "group.jpg"
LEFT, RIGHT = (200, 290), (551, 308)


@pytest.fixture(scope="module")
def photo():
    return image_io.decode(GROUP.read_bytes(), GROUP.name)


@pytest.fixture
def ana(photo):
    """Somebody whose photos all show the face on the right: the one on the left is a stranger's."""
    person = model(1)
    right = find(photo, person, "group.jpg", face=RIGHT).pixels
    with torch.no_grad():
        mine = load_identity()(right)
    noise = torch.randn(6, mine.shape[1], generator=torch.Generator().manual_seed(0)).to(mine)
    person.embeddings.copy_(torch.nn.functional.normalize(mine + 0.01 * noise, dim=1))
    return person


def test_the_persons_own_face_is_found_and_another_can_be_named(photo, ana):
    own = find(photo, ana, "group.jpg")
    assert (own.frame.centre_x, own.frame.centre_y) == pytest.approx(RIGHT, abs=2) and not own.stranger
    assert [face["theirs"] for face in own.faces] == [True, False] and own.likeness[0] > 0.95 > own.likeness[1]
    named = find(photo, ana, "group.jpg", face=(LEFT[0] + 40, LEFT[1] - 30))  # anywhere in it
    assert (named.frame.centre_x, named.frame.centre_y) == pytest.approx(LEFT, abs=2) and named.stranger
    assert named.others == (own.frame,) and named.faces == own.faces[::-1]


@pytest.mark.parametrize("place", [(3, 3), (380, 60), (float("nan"), 0)])
def test_a_place_without_a_face_is_refused(photo, ana, place):
    with pytest.raises(
        InvalidRequest, match=r"no face lies at .*\. Faces lie at \(200, 290\), \(551, 308\)"
    ) as refused:
        find(photo, ana, "group.jpg", face=place)
    assert refused.value.param == "face"


def test_who_finds_nobody_is_told_of_the_faces(photo, ana):
    ana.embeddings.neg_()
    with pytest.raises(FaceNotFound, match="2 face") as missing:
        find(photo, ana, "group.jpg")
    assert [face["theirs"] for face in missing.value.faces] == [False, False]
    middles = sorted(np.mean(face["corners"], 0)[0] for face in missing.value.faces)
    assert middles == pytest.approx([LEFT[0], RIGHT[0]], abs=2)


def changed(world, picture):
    """Mean change of the left and of the right half."""
    with Image.open(GROUP) as before:
        pixels = np.frombuffer(raw(world, picture), np.uint8).reshape(before.height, before.width, 3).astype(int)
        change = np.abs(pixels - np.asarray(before.convert("RGB")))
    return change[:, :380].mean(), change[:, 380:].mean()


def test_the_face_that_is_named_changes_and_the_other_does_not():
    world = context(1)
    group = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))
    asked = {"persona_id": persona_id(1), "photo": group}

    def edited(**more):
        return operations.run(Edit(**asked, values=[{"smile": 1.0}], **more), world).pictures[0]

    left, right = changed(world, edited(face=LEFT))
    assert left > 0.05 and right == 0
    left, right = changed(world, edited(face=RIGHT))
    assert right > 0.05 and left == 0

    def moved(**more):
        asked_too = {"at": "mouth_left", "by": (-4.0, -5.0), "guarded": False, **more}
        return operations.run(Move(**asked, **asked_too), world).pictures[0]

    left, right = changed(world, moved(face=LEFT))
    assert left > 0.02 and right == 0
    left, right = changed(world, moved(face=RIGHT))
    assert right > 0.02 and left == 0
    steps = [SetStep(values={"smile": 1.0})]
    kept = operations.run(Retouch(**asked, steps=steps, face=LEFT), world).pictures[0]
    assert changed(world, kept)[1] == 0 and kept.report.recipe["request"]["face"] == list(map(float, LEFT))


def test_all_faces_of_a_photo_are_found():
    world = context(1)

    def found(file):
        photo = Photo(name="a.jpg", blob=world.put(file))
        return operations.run(FindFaces(persona_id=persona_id(1), photo=photo), world).faces

    middles = [face.middle for face in found(GROUP.read_bytes())]
    assert sorted(middles) == [pytest.approx(LEFT, abs=2), pytest.approx(RIGHT, abs=2)]
    assert found((GROUP.parent / "photos" / "bad-no-face.jpg").read_bytes()) == []


@pytest.mark.parametrize(
    "made",
    [
        lambda asked, group, face: Enhance(**asked, photo=group, degradation=[GaussianBlur(3.0)], face=face),
        lambda asked, group, face: Transfer(**asked, photo=group, like=group, face=face, like_face=RIGHT),
        lambda asked, group, face: Restyle(**asked, photo=group, style="toon", region="face", face=face),
    ],
    ids=["enhance", "transfer", "restyle"],
)
def test_every_change_of_a_photo_is_of_the_face_that_was_named(ana, made, monkeypatch):
    monkeypatch.setitem(PRESETS, "fast", Preset(3, Schedule(steps=10), edit_steps=5, project_steps=6))
    world = context()
    weights = world.put(ana.to_bytes())
    world.personas["per_ana"] = record(1).model_copy(update={"persona_id": "per_ana", "weights": weights})
    group = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))

    def of(face):
        picture = operations.run(made({"persona_id": "per_ana"}, group, face), world).pictures[0]
        return *changed(world, picture), [said for said in picture.report.warnings if "was named" in said]

    left, right, strange = of(LEFT)
    other_left, other_right, known = of(RIGHT)
    assert left > other_left and other_right > right and strange and not known  # a blur is taken off all of the photo


def test_a_wider_photo_is_of_the_face_that_was_named(ana):
    world = context()
    weights = world.put(ana.to_bytes())
    world.personas["per_ana"] = record(1).model_copy(update={"persona_id": "per_ana", "weights": weights})
    group = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))

    def wider(face):
        asked = Extend(persona_id="per_ana", photo=group, size=(1000, 700), face=face)
        return operations.run(asked, world).pictures[0]

    own, named = wider(None), wider(LEFT)
    assert raw(world, own) == raw(world, named)  # only what is said of it differs
    assert own.report.identity > 0.9 > named.report.identity
    assert [any("was named" in said for said in made.report.warnings) for made in (own, named)] == [False, True]
    with pytest.raises(InvalidRequest, match="no face lies at"):
        wider((3, 3))


def test_the_report_says_that_it_is_a_strangers(photo, ana):
    from portraitist_workers.detail.scene import scene_of
    from portraitist_workers.editing.caution import cautions

    named = find(photo, ana, "group.jpg", face=LEFT)
    scene = scene_of(named.photo, named.frame, named.others)
    assert any("the face that was named is not like this person" in said for said in cautions(named, scene))
    own = find(photo, ana, "group.jpg")
    assert not any("was named" in said for said in cautions(own, scene_of(own.photo, own.frame, own.others)))
