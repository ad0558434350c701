"""move: what is refused before anything is sent, and what is asked for."""

import json

import pytest

from portraitist.errors import InvalidRequest
from portraitist.pulls import MOST, movement
from portraitist.testing import fake_studio

from .test_drag import asked, png


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)


def test_it_becomes_pulls():
    made = movement((10, 20), (3, -1), 0.1, ["nose", (5, 5), "eyes", (1, 2, 9, 7)])
    assert [(p.handle, p.by, p.grow) for p in made] == [
        ((10, 20), (3, -1), 0.1),
        ("nose", (0, 0), 0),
        ((5, 5), (0, 0), 0),
        ("eyes", (0, 0), 0),
        ((1, 2, 9, 7), (0, 0), 0),
    ]


def test_what_is_asked(ana, studio):
    made = ana.move(png(), at="mouth_left", by=(-3, -4), anchors=[(4, 5), "nose"], guarded=False, seed=3)
    request = asked(studio)
    assert request["operation"] == "move" and request["at"] == "mouth_left" and request["by"] == [-3, -4]
    assert request["anchors"] == [[4, 5], "nose"] and request["guarded"] is False and request["photo"]["blob"]
    assert [p.end for p in made.report.points] == ["arrived"] * 3
    assert ana.move(at=(4, 5), dz=0.1, wait=False).wait().report.points and asked(studio)["dz"] == 0.1
    again = studio.replay(made.recipe)
    assert asked(studio)["operation"] == "move" and again.report.points == made.report.points
    assert request["face"] is None
    ana.move(png(), at="nose", by=(1, 0), face=(5, 6))
    assert asked(studio)["face"] == [5, 6]


@pytest.mark.parametrize(
    ("values", "param", "said"),
    [
        ({"at": "tail", "by": (1, 1)}, "at", "no part of the face; use nose"),
        ({"at": (1,), "by": (1, 1)}, "at", "give two numbers"),
        ({"at": (1, float("nan")), "by": (1, 1)}, "at", "give two numbers"),
        ({"at": "nose"}, "by", "nothing would move"),
        ({"at": "nose", "by": (0, 0)}, "by", "nothing would move"),
        ({"at": "nose", "by": 3}, "by", "give two numbers"),
        ({"at": "nose", "dz": 0.6}, "dz", "from -0.5 to 0.5"),
        ({"at": "nose", "dz": float("nan")}, "dz", "from -0.5 to 0.5"),
        ({"at": "nose", "by": (1, 1), "anchors": "chin"}, "anchors", "give a list"),
        ({"at": "nose", "by": (1, 1), "anchors": 7}, "anchors", "give a list"),
        ({"at": "nose", "by": (1, 1), "anchors": [(1, 2), "tail"]}, "anchors", "anchor 2"),
        ({"at": "nose", "by": (1, 1), "anchors": [(3 * n, 1) for n in range(MOST)]}, "anchors", f"at most {MOST - 1}"),
        ({"at": "nose", "by": (1, 1), "anchors": ["nose"]}, "points", "same handle"),
    ],
)
def test_what_cannot_be_meant(ana, studio, values, param, said):
    before = len(studio.jobs.list())
    with pytest.raises(InvalidRequest, match=said) as refused:
        ana.move(**values)
    assert refused.value.param == param and len(studio.jobs.list()) == before


def test_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    code, out, _ = cli(
        "move", "ana", "photos/a.jpg", "--at", "4,4", "--by", "-3,+4", "--anchor", "nose",
        "--anchor", "9,9", "--anchor", "1,2,3,4", "--recipe", "r.json"
    )  # fmt: skip
    assert code == 0 and "4 of 4 points arrived" in out and (tmp_path / "a-ana.png").exists()
    request = json.loads((tmp_path / "r.json").read_text())["request"]
    assert request["at"] == [4, 4] and request["by"] == [-3, 4] and request["anchors"] == ["nose", [9, 9], [1, 2, 3, 4]]
    assert cli("replay", "r.json", "-o", "again.png")[0] == 0
    assert cli("move", "ana", "photos/a.jpg", "--at", "nose", "--by", "1,0", "--face", "5,6")[0] == 0
    assert cli.studio._backend.ledger.job(cli.studio.jobs.list(limit=1)[0].id).request["face"] == [5, 6]
    assert cli("move", "ana", "--at", "chin", "--dz", "-0.1")[0] == 0 and (tmp_path / "ana-moved.png").exists()
    for arguments, said in (
        (("--by", "1,1"), "--at is missing"),
        (("--at", "4", "--by", "1,1"), "expected two numbers"),
        (("--at", "4,4", "--by", "x"), "expected two numbers"),
        (("--at", "4,4"), "nothing would move"),
        (("--at", "4,4", "--by", "1,1", "--anchor", "tail"), "no part of the face"),
        (("--at", "4,4", "--by", "1,1", "--recipe", "r.json"), "there already"),
    ):
        code, _, err = cli("move", "ana", *arguments)
        assert code == 2 and said in err, err
