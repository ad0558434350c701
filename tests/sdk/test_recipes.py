"""Recipes: every operation that makes pictures has one, and `replay` gives the same again, as many and laid out as they were."""

import io
import json

import pytest
from PIL import Image

from portraitist import Downsample, InvalidRequest, Mask, NotFound, Part, recipes
from portraitist.operations import OPERATIONS
from portraitist.picture import Grid
from portraitist.testing import fake_studio

from .test_collages import asked, png


def photo(colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


# By operation: the call, and how many files it is given.
MADE = {
    "synthesize": (lambda ana: ana.synthesize(yaw=3, seed=4), 0),
    "edit": (lambda ana: ana.edit(photo(), yaw=3), 1),
    "drag": (lambda ana: ana.drag(photo(), points=[((1, 1), (2, 2))], mask=png()), 2),
    "move": (lambda ana: ana.move(photo(), at="nose", by=(1, 0), face=(9, 9)), 1),
    "transfer": (lambda ana: ana.transfer(photo(), photo("blue"), mask=png()), 3),
    "blend": (lambda ana: ana.blend(photo(), photo("blue"), mask=0.5), 2),
    "extend": (lambda ana: ana.extend(photo(), (90, 60), face=(9, 9)), 1),
    "restyle": (lambda ana: ana.restyle(photo(), style="toon", region="hair"), 1),
    "variations": (lambda ana: ana.variations(photo(), n=1)[0], 1),
    "strip": (lambda ana: ana.strip([{"yaw": 1}, {}]), 0),
    "compose": (lambda ana: ana.compose(photo(), Part("hair", like=photo("blue"))), 2),
    "enhance": (lambda ana: ana.enhance(photo(), [Downsample(2), Mask(png())]), 2),
}


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)


def told(studio, ana):
    """The newest job's request, in plain words."""
    return studio._backend.readable(ana.id, asked(studio))


def test_none_is_left_out():
    """`retouch` is what a live session saves: tests/serving/test_retouch.py."""
    assert {name for name, row in OPERATIONS.items() if row.makes_pictures} == {*MADE, "retouch"}


@pytest.mark.parametrize("operation", MADE)
def test_the_same_is_asked_for_again(ana, studio, operation):
    call, files = MADE[operation]
    recipe = json.loads(json.dumps(call(ana).recipe))
    first = told(studio, ana)
    assert recipe["request"] == first and first["operation"] == operation and len(recipe["files"]) == files
    again = studio.replay(recipe)
    second = (again[0] if isinstance(again, list) else again).recipe
    expected = json.dumps(first)
    for old, new in zip(recipe["files"], second["files"], strict=True):
        assert old != new and recipe["files"][old] == second["files"][new]  # uploaded again, as the second job's own
        expected = expected.replace(old, new)
    assert json.loads(expected) == told(studio, ana) == second["request"]


def forgotten(recipe):
    """The recipe, whose files the store has no more."""
    text = json.dumps({name: value for name, value in recipe.items() if name != "checksum"})
    for number, blob in enumerate(recipe["files"]):
        text = text.replace(blob, f"{number:064x}")
    body = json.loads(text)
    return {**body, "checksum": recipes._checksum(body)}


@pytest.mark.parametrize("operation", ["transfer", "blend"])
def test_both_photos_are_given_again_by_their_names(ana, studio, operation):
    recipe = forgotten(MADE[operation][0](ana).recipe)
    given = {"mask": png()} if operation == "transfer" else {}
    with pytest.raises(NotFound, match="the photo that the recipe was made with is kept no more") as missing:
        studio.replay(recipe)
    assert missing.value.param == "photo"
    with pytest.raises(NotFound) as missing:
        studio.replay(recipe, photo())
    assert missing.value.param == "like"
    with pytest.raises(InvalidRequest, match="not the like that"):
        studio.replay(recipe, photo(), like=[photo("green")], **given)
    assert studio.replay(recipe, photo(), like=[photo("blue")], **given).image.size


def test_a_painted_hole_is_given_again(ana, studio):
    recipe = forgotten(MADE["enhance"][0](ana).recipe)
    with pytest.raises(NotFound, match="the mask that the recipe was made with is kept no more") as missing:
        studio.replay(recipe, photo())
    assert missing.value.param == "mask"
    assert studio.replay(recipe, photo(), mask=png()).image.size
    assert asked(studio)["degradation"][1]["kind"] == "mask"
    assert studio._backend.sealed(ana.id).get(asked(studio)["degradation"][1]["image"]) == png()


def test_several_come_back_as_they_were(ana, studio):
    grid = ana.synthesize(yaw=[-5, 5, 7], smile=[0, 1], pitch=2)
    again = studio.replay(grid[1, 2].recipe)
    assert isinstance(again, Grid) and (again.columns, again.rows) == (grid.columns, grid.rows)
    assert (
        len(studio.replay(ana.synthesize(n=3)[2].recipe))
        == len(studio.replay(ana.edit(photo(), yaw=[1, 2, 3])[0].recipe))
        == 3
    )
    assert len(studio.replay(ana.variations(photo(), n=4)[3].recipe)) == 4
    moved = ana.edit(photo(), yaw=3, frames=2)
    assert len(studio.replay(moved.recipe).way) == 2
    with pytest.raises(InvalidRequest, match="one of the way"):
        _ = moved.way[0].recipe


def test_what_somebody_made_up_is_refused(ana, studio):
    recipe = ana.synthesize(yaw=[1, 2], smile=[0, 1])[0, 0].recipe

    def changed(**request):
        body = {**recipe, "request": recipe["request"] | request}
        del body["checksum"]
        return body

    for request, said in (
        ({"values": [{"yaw": 1.0}, {"smile": 1.0}], "columns": 2}, "two attributes"),
        ({"values": [{}], "columns": 1}, "two attributes"),
        ({"values": []}, "not understood"),
    ):
        body = changed(**request)
        with pytest.raises(InvalidRequest, match=said):
            studio.replay({**body, "checksum": recipes._checksum(body)})
    with pytest.raises(InvalidRequest, match="no number"):
        studio.replay({**changed(values=[{"yaw": float("nan")}]), "checksum": recipe["checksum"]})


def test_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    person = cli.studio.personas.get("ana")
    for name, made, files in (
        ("both", person.blend(photo(), photo("blue")), {"both-replayed.png"}),
        ("few", person.variations(photo(), n=2)[0], {"few-replayed-01.png", "few-replayed-02.png"}),
        ("grid", person.synthesize(yaw=[1, 2], smile=[0, 1])[0, 0], {"grid-replayed.png"}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(made.recipe))
        code, _, err = cli("replay", f"{name}.json")
        assert code == 0 and files <= {path.name for path in tmp_path.rglob("*.png")}, err
