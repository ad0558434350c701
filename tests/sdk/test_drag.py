"""drag and replay: what is refused before anything is sent, and what is asked for."""

import io
import json

import pytest
from PIL import Image

from portraitist import recipes
from portraitist.errors import InvalidRequest, NotFound, PersonaDeleted
from portraitist.pulls import MOST, By, pulls
from portraitist.testing import fake_studio

PAIR = ((10, 20), (30, 20))


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)


def png(size=(40, 30), white=(5, 5, 20, 20), colour="black"):
    image, file = Image.new("RGB", size, colour), io.BytesIO()
    if white:
        image.paste("white", white)
    image.save(file, "PNG")
    return file.getvalue()


def asked(studio):
    return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request


def test_points_become_pulls():
    made = pulls([PAIR, ("mouth_left", By(-4, 6)), ((1, 2), By(0, -3)), ("brows", By(0, -2)), ([1, 2, 9, 7], (6, 6))])
    assert [(p.handle, p.to, p.by) for p in made] == [
        ((10, 20), (30, 20), None),
        ("mouth_left", None, (-4, 6)),
        ((1, 2), None, (0, -3)),
        ("brows", None, (0, -2)),
        ((1, 2, 9, 7), (6, 6), None),
    ]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "holds 0"),
        ([((n * 3, 1), (1, 1)) for n in range(500)], f"1 to {MOST}"),
        ("nose", "points is a str"),
        (7, "points is a int"),
        ([(1, 2, 3)], "point 1"),
        ([((1, 2), (float("nan"), 3))], "target of point 1"),
        ([((1, float("inf")), (3, 3))], "handle of point 1"),
        ([((1,), (3, 3))], "handle of point 1"),
        ([PAIR, (("a", "b"), (3, 3))], "handle of point 2"),
        ([("tail", (3, 3))], "mouth_left"),
        ([PAIR, ((10.5, 20), (1, 1))], "1 and 2 have the same handle"),
        ([("nose", By(1, 1)), ("nose", By(2, 2))], "same handle"),
        ([("tail", (3, 3))], "or a region: mouth, whole_nose"),
        ([((1, 2, 3), (3, 3))], "handle of point 1"),
        ([((1, 2, 3, float("nan")), (3, 3))], "handle of point 1"),
        ([((10, 20, 10, 30), By(1, 1))], "box .*which is empty; give left, top, right, bottom"),
        ([((10, 20, 30, 15), By(1, 1))], "which is empty"),
        ([("mouth", By(1, 1)), ("mouth", By(2, 2))], "same handle"),
        ([((1, 2, 5, 6), By(1, 1)), ((1, 2, 5, 6), By(2, 2))], "same handle"),
        ([((n, 1, n + 5, 9), By(1, 1)) for n in range(11)], "each of which counts for 6 points"),
    ],
)
def test_points_that_cannot_be_meant(ana, studio, points, said):
    before = len(studio.jobs.list())
    with pytest.raises(InvalidRequest, match=said) as refused:
        ana.drag(points=points)
    assert refused.value.param == "points" and len(studio.jobs.list()) == before


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (png((30, 40)), "their shapes differ"),
        (png(white=None), "all black"),
        (png(white=None, colour="white"), "all white"),
        (png(white=None, colour="red"), "coloured"),
        (b"no picture", "is not a"),
    ],
)
def test_masks_that_cannot_be_meant(ana, mask, said):
    with pytest.raises(InvalidRequest, match=said) as refused:
        ana.drag(png(), points=[PAIR], mask=mask)
    assert refused.value.param == "mask"


def test_what_is_asked(ana, studio, tmp_path):
    made = ana.drag(png(), points=[PAIR, ("nose", By(1, 0))], mask=png(), method="freedrag", guarded=False, seed=3)
    request = asked(studio)
    assert request["method"] == "freedrag" and request["guarded"] is False and request["seed"] == 3
    assert studio._backend.sealed(ana.id).get(request["mask"]) == png()
    assert [p.end for p in made.report.points] == ["arrived"] * 2
    ana.drag(points=[PAIR])
    assert asked(studio)["photo"] is None
    moving = ana.drag(points=[PAIR], frames=3)
    assert len(moving.way) == 3 and not made.way
    with Image.open(moving.save_way(tmp_path / "way.webp")) as film:
        assert film.n_frames == 6  # there, and back again
    with pytest.raises(InvalidRequest, match="frames=12"):
        made.save_way(tmp_path / "none.webp")
    with pytest.raises(InvalidRequest, match="method"):
        ana.drag(points=[PAIR], method="warp")


def test_a_recipe_makes_the_picture_again(ana, studio, tmp_path):
    made = ana.drag(png(), points=[PAIR], mask=png(), seed=3)
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(made.recipe))
    first = asked(studio)
    for source in (made.recipe, file, str(file)):
        again = studio.replay(source)
        assert asked(studio) == first | {name: asked(studio)[name] for name in ("photo", "mask")}
        assert again.recipe["files"].values() == made.recipe["files"].values() or len(again.recipe["files"]) == 1
    assert studio.replay(made.recipe, png(), mask=png()).report.points == made.report.points
    with pytest.raises(InvalidRequest, match="not the photo"):
        studio.replay(made.recipe, png((50, 50)))
    with pytest.raises(InvalidRequest, match="no recipe"):
        _ = ana.drag(points=[PAIR], frames=2).way[0].recipe


def test_numbers_may_be_written_as_javascript_does(ana, studio):
    made = ana.drag(points=[((10.0, 20.0), (30.5, 40.0))])
    there = json.dumps(made.recipe)
    back = json.loads(there.replace("10.0", "10").replace("20.0", "20").replace("40.0", "40"))
    assert json.dumps(back) != there and studio.replay(back).report.points == made.report.points


def changed(recipe, **values):
    """By somebody who also knows how the checksum is made."""
    body = {name: value for name, value in (recipe | values).items() if name != "checksum"}
    return {**body, "checksum": recipes._checksum(body)}


def test_recipes_that_cannot_be_replayed(ana, studio, tmp_path):
    recipe = ana.drag(points=[PAIR]).recipe
    (tmp_path / "torn.json").write_text(json.dumps(recipe)[:-9])
    request = recipe["request"]
    for bad, said in (
        (tmp_path / "torn.json", "cannot be read"),
        (tmp_path / "none.json", "cannot be read"),
        ({}, "no recipe"),
        (recipe | {"recipe": 2}, "version 2"),
        (recipe | {"request": request | {"seed": 1}}, "was changed"),
        ({name: value for name, value in recipe.items() if name != "checksum"}, "was changed"),
        (changed(recipe, prior="cats@0"), "prior cats@0"),
        (changed(recipe, weights="0" * 64), "has learnt"),
        (changed(recipe, request=request | {"operation": "delete"}), "nothing that can be replayed"),
        (changed(recipe, request=request | {"run": "rm"}), "not understood"),
        (changed(recipe, request=request | {"pulls": []}), "not understood"),
    ):
        with pytest.raises(InvalidRequest, match=said) as refused:
            studio.replay(bad)
        assert refused.value.param == "recipe"
    with pytest.raises(NotFound):
        fake_studio().replay(recipe)
    ana.delete()
    with pytest.raises(PersonaDeleted):
        studio.replay(recipe)


def test_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    code, out, _ = cli(
        "drag", "ana", "photos/a.jpg", "--move", "4,4:9,4", "--move", "mouth_left:-1,+2", "--recipe", "r.json"
    )
    assert code == 0 and "2 of 2 points arrived" in out and (tmp_path / "a-ana.png").exists()
    pulled = json.loads((tmp_path / "r.json").read_text())["request"]["pulls"]
    assert [p["to"] for p in pulled] == [[9, 4], None] and pulled[1]["by"] == [-1, 2]
    assert cli("drag", "ana", "--move", "4,4:9,4", "--video", "w.webp")[0] == 0 and Image.open("w.webp").n_frames == 24
    assert cli("replay", "r.json", "-o", "again.png")[0] == 0
    regions = "--move", "brows:+0,-2", "--move", "1,2,9,7:5,5", "--recipe", "regions.json"
    assert cli("drag", "ana", *regions, "-o", "regions.png")[0] == 0
    assert [p["handle"] for p in json.loads((tmp_path / "regions.json").read_text())["request"]["pulls"]] == [
        "brows",
        [1, 2, 9, 7],
    ]
    assert cli("replay", "regions.json", "-o", "regions-again.png")[0] == 0
    assert cli("drag", "ana", "--move", "4,4:9,4", "--seed", "5")[0] == 0 and (tmp_path / "ana-dragged.png").exists()
    for arguments, said in (
        (("--move", "4,4"), "expected HANDLE:TARGET"),
        (("--move", "4,4:x,y"), "expected HANDLE:TARGET"),
        (("--move", "tail:1,2"), "no part of the face"),
        (("--move", "1,2,3:1,2"), "expected HANDLE:TARGET"),
        (("--move", "5,2,1,9:1,2"), "which is empty"),
        ((), "holds 0"),
        (("--move", "4,4:9,4", "--recipe", "r.json"), "there already"),
        (("--move", "4,4:9,4", "--recipe", "s.json", "--no-wait"), "--no-wait"),
        (("--move", "4,4:9,4", "--mask", "no.png"), "no.png"),
        (("--move", "4,4:9,4", "--video", "w.gif"), "must end in .webp or .mp4"),
        (("--move", "4,4:9,4", "--video", "w.webp"), "there already"),
    ):
        code, _, err = cli("drag", "ana", *arguments)
        assert code == 2 and said in err, err
