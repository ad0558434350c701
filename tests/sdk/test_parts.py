"""Faces put together part by part: what becomes of the verbs' arguments."""

import base64
import json
import zlib

import pytest
from PIL import Image
from pydantic import ValidationError

from portraitist import InvalidRequest, NotFound, Part, Segmentation, recipes
from portraitist.cli import show
from portraitist.results import ClassMap, PictureReport
from portraitist.submission import submit
from portraitist.testing import fake_studio


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def bea(studio, tmp_path, monkeypatch):
    """With `at(name)`, a photo, and `asked()`, the last request."""
    colours = {"new": "red", "other": "blue", "third": "green"}
    for name, colour in colours.items():
        Image.new("RGB", (16, 16), colour).save(tmp_path / f"{name}.jpg")
    person = studio.personas.create("bea", photos=[str(tmp_path / f"{name}.jpg") for name in colours]).wait()
    person.at = lambda name: str(tmp_path / f"{name}.jpg")
    requests = []

    def spied(backend, request, **more):
        requests.append(request)
        return submit(backend, request, **more)

    monkeypatch.setattr("portraitist.verbs.base.submit", spied)
    person.asked = lambda: requests[-1]
    return person


def test_a_part_like_a_photos(bea):
    picture = bea.edit(bea.at("new"), part="hair", like=bea.at("other"))
    asked = bea.asked()
    assert picture.image.size and picture.segmentation.share("background") == 1.0
    assert asked.photo.name == "new.jpg" and [p.name for p in asked.like] == ["other.jpg"]
    [change] = asked.changes
    assert (change.part, change.like, change.shape, change.texture, change.values) == ("hair", 0, True, True, {})


def test_shape_and_texture_of_two_photos_and_values_of_the_part(bea):
    bea.edit(bea.at("new"), part="eyes", shape=bea.at("other"), texture=bea.at("third"), gaze_right=0.3)
    first, second = bea.asked().changes
    assert (first.like, first.shape, first.texture, first.values) == (0, True, False, {})
    assert (second.like, second.shape, second.texture, second.values) == (1, False, True, {"gaze_right": 0.3})


def test_parts_at_random_in_a_portrait(bea):
    bea.synthesize(parts={"hair": 3, "mouth": 5}, yaw=10, seed=2)
    asked = bea.asked()
    assert asked.photo is None and asked.values == {"yaw": 10} and asked.seed == 2
    assert [(c.part, c.draw) for c in asked.changes] == [("hair", 3), ("mouth", 5)]


def test_a_composition(bea):
    bea.compose(
        bea.at("new"), Part("nose", dx=4, scale=1.2), Part("brows", leave_out=True), only=["skin", "nose", "brows"]
    )
    asked = bea.asked()
    nose, brows = asked.changes
    assert (nose.dx, nose.dy, nose.scale, brows.leave_out) == (4, 0, 1.2, True) and asked.only == [
        "skin",
        "nose",
        "brows",
    ]


def test_its_recipe_has_all_of_it(bea, studio):
    made = bea.compose(bea.at("new"), Part("hair", like=bea.at("other")), Part("eyes", texture=bea.at("third")), yaw=3)
    first, recipe = bea.asked(), json.loads(json.dumps(made.recipe))
    assert len(recipe["files"]) == 3
    again = studio.replay(recipe)
    assert sorted(again.recipe["files"].values()) == sorted(recipe["files"].values())
    asked = studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request
    assert asked["changes"] == first.model_dump(mode="json")["changes"] and asked["values"] == {"yaw": 3}


def test_where_its_photos_are_kept_no_more_they_are_given_again(bea, studio):
    recipe = bea.compose(bea.at("new"), Part("hair", like=bea.at("other"))).recipe
    body = {name: value for name, value in recipe.items() if name != "checksum"}
    text = json.dumps(body)
    for number, blob in enumerate(recipe["files"]):
        text = text.replace(blob, f"{number:064x}")  # nothing lies there
    recipe = json.loads(text)
    recipe["checksum"] = recipes._checksum(recipe)
    with pytest.raises(NotFound, match="the photo that the recipe was made with is kept no more; give it"):
        studio.replay(recipe)
    with pytest.raises(NotFound, match="the like that the recipe was made with is kept no more"):
        studio.replay(recipe, bea.at("new"))
    with pytest.raises(InvalidRequest, match="not the like that"):
        studio.replay(recipe, bea.at("new"), like=[bea.at("third")])
    with pytest.raises(InvalidRequest, match="holds 2 photos, and the recipe was made with 1"):
        studio.replay(recipe, bea.at("new"), like=[bea.at("other"), bea.at("third")])
    assert studio.replay(recipe, bea.at("new"), like=[bea.at("other")]).recipe["files"]


def test_what_cannot_be_meant(bea):
    with pytest.raises(InvalidRequest, match="give shape= and texture= in its place"):
        bea.edit(bea.at("new"), part="hair", like=bea.at("other"), texture=bea.at("third"))
    with pytest.raises(InvalidRequest, match="leave n and grid out"):
        bea.synthesize(parts={"hair": 1}, n=2)
    with pytest.raises(InvalidRequest, match="make one of its name"):
        bea.compose(bea.at("new"), "hair")
    with pytest.raises(InvalidRequest, match="scale=0.0"):
        bea.compose(bea.at("new"), Part("nose", scale=0.0))
    with pytest.raises(InvalidRequest, match="one value"):
        bea.compose(None, Part("hair", draw=1), yaw=[1, 2])
    with pytest.raises(NotFound, match="no class map"):
        _ = bea.synthesize().segmentation


def test_a_segmentation():
    numbers = bytes([0, 0, 1, 2])
    data = base64.b64encode(zlib.compress(numbers)).decode()
    found = Segmentation(ClassMap(names=["background", "skin", "hair"], side=2, data=data))
    assert found.numbers == numbers and found.image.size == (2, 2) and found.image.getpixel((0, 1)) == 1
    assert (found.share("background"), found.share("hair")) == (0.5, 0.25) and "skin 25.0%" in repr(found)
    with pytest.raises(InvalidRequest, match="'ears'; there are background, skin, hair"):
        found.share("ears")


def test_a_part_that_goes_from_seed_to_seed(bea):
    picture = bea.compose(None, Part("hair", draw=[3, 5, 8]), Part("eyes", draw=4), frames=6)
    hair, eyes = bea.asked().changes
    assert (hair.draw, hair.draws, eyes.draw, eyes.draws) == ([3, 5, 8], [3, 5, 8], 4, [4]) and len(picture.way) == 6
    assert bea.asked().frames == 6 and all(one.segmentation for one in picture.way)
    bea.compose(None, Part("hair", draw=[3]))
    with pytest.raises(ValidationError, match="say in how many frames"):
        type(bea.asked())(persona_id="x", changes=[{"part": "hair", "draw": [1, 2]}])
    with pytest.raises(ValidationError, match="as many seeds"):
        changes = [{"part": "hair", "draw": [1, 2]}, {"part": "nose", "draw": [1, 2, 3]}]
        type(bea.asked())(persona_id="x", changes=changes, frames=3)


def test_a_composition_on_the_command_line(cli):
    cli("create", "ana", "photos")
    code, out, err = cli(
        "compose", "ana", "photos/a.jpg", "--part", "hair:like=photos/b.jpg", "--part", "nose:dx=4,scale=1.2,smile=.5",
        "--part", "brows:leave_out", "--only", "skin, nose,hair", "--yaw", "3", "--recipe", "made.json", "--out", "x.png",
    )  # fmt: skip
    assert code == 0 and "x.png" in out, err
    asked = cli.studio._backend.ledger.job(cli.studio.jobs.list(limit=1)[0].id).request
    hair, nose, brows = asked["changes"]
    assert (hair["part"], hair["like"], brows["leave_out"]) == ("hair", 0, True) and asked["photo"]["blob"]
    assert (nose["dx"], nose["dy"], nose["scale"], nose["values"]) == (4, 0, 1.2, {"smile": 0.5})
    assert asked["only"] == ["skin", "nose", "hair"] and asked["values"] == {"yaw": 3} and asked["frames"] == 0
    code, out, err = cli("replay", "made.json", "--out", "again.png")
    assert code == 0 and "again.png" in out, err
    for wrong in ("nose", "nose:", "nose:dx=far", "nose:dx", "hair:draw=x", "hair:like=", "nose:dx=4,,dy=2"):
        code, _, err = cli("compose", "ana", "--part", wrong)
        assert code == 2 and "expected NAME:WHAT" in err, wrong
    code, _, err = cli("compose", "ana", "--part", "hair:draw=3,draw=5")
    assert code == 2 and "write them with --video" in err
    assert cli("compose", "prior:default-parts", "--part", "hair:draw=3", "--seed", "2", "--out", "nobody.png")[0] == 0


def test_the_command(cli):
    cli("create", "ana", "photos")
    code, out, err = cli("edit", "ana", "photos/a.jpg", "--part", "hair", "--like", "photos/b.jpg", "--out", "new.png")
    assert code == 0 and "new.png" in out, err
    code, _, err = cli("replay", "no.json", "--like", "photos/b.jpg")
    assert code == 2 and "cannot be read" in err
    code, _, err = cli("edit", "ana", "photos/a.jpg", "--like", "photos/b.jpg")
    assert code == 2 and "name it with --part" in err


def test_the_command_line_says_how_much_of_the_masks_stayed():
    told = show.summary(PictureReport(mask_iou={"skin": 0.93, "hair": 0.41, "nose": 1.0, "neck": 0.999}))
    assert told == "masks kept: hair 41 %, skin 93 %"
    assert show.summary(PictureReport(mask_iou={"nose": 1.0})) == ""
