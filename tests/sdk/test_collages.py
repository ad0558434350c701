"""transfer, blend, variations, strip, extend, restyle: what is refused before anything is sent, and what is asked for."""

import io

import pytest
from PIL import Image

from portraitist import By
from portraitist.errors import Conflict, InvalidImage, InvalidRequest, NotFound, OutOfRange, UnknownAttribute
from portraitist.testing import fake_studio


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)


def png(size=(40, 30), *, white=True):
    """A black picture, with a white box: as a mask it marks that. white: None for a picture that is all white, False for none."""
    picture = Image.new("L", size, 255 if white is None else 0)
    picture.paste(0 if white is False else 255, (2, 2, 8, 8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def asked(studio):
    return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request


def test_what_is_asked_for(studio, ana):
    assert ana.transfer(b"photo", b"other", region="eyes", strength=0.5).image.size
    request = asked(studio)
    assert (request["operation"], request["region"], request["strength"]) == ("transfer", "eyes", 0.5)
    assert request["photo"]["blob"] != request["like"]["blob"]
    assert ana.transfer(b"photo", b"other").image.size and (asked(studio)["region"], asked(studio)["mask"]) == (
        "smile",
        None,
    )
    assert ana.transfer(png(), b"other", mask=png()).image.size
    request = asked(studio)
    assert request["region"] is None and studio._backend.sealed(ana.id).get(request["mask"]) == png()
    assert [p.image.size for p in ana.variations(b"photo", n=3, strength=1, layers=(8, 16), seed=4)] == [(64, 64)] * 3
    request = asked(studio)
    assert (request["n"], request["layers"], request["patches"], request["seed"]) == (3, [8, 16], [], 4)
    assert len(ana.variations(b"photo", patches=[((1, 2, 3, 4), By(0, -1)), ((1, 2, 3, 4), (2, 0))])) == 8
    assert [patch["by"] for patch in asked(studio)["patches"]] == [[0, -1], [2, 0]]
    assert ana.blend(b"photo", b"other", mask=0.25).image.size and asked(studio)["mask"] == 0.25
    assert ana.blend(b"photo", b"other").image.size and asked(studio)["mask"] == "left-right"
    assert ana.blend(b"photo", b"other", mask="background").image.size and asked(studio)["mask"] == "background"
    assert ana.strip([{"yaw": -10}, {}, {"yaw": 10}], vertical=True).image.size
    assert asked(studio)["values"] == [{"yaw": -10}, {}, {"yaw": 10}] and asked(studio)["vertical"]
    assert ana.extend(b"photo", (300, 200)).image.size and asked(studio)["size"] == [300, 200]
    assert asked(studio)["face"] is None
    assert ana.extend(b"photo", (300, 200), face=(5, 6)).image.size and asked(studio)["face"] == [5, 6]
    assert ana.restyle(b"photo", style="clay", strength=0.5, region="hair").image.size
    request = asked(studio)
    assert (request["style"], request["strength"], request["region"]) == ("clay", 0.5, "hair")
    assert request["like"] is None
    assert ana.restyle(style="toon", seed=3).image.size and asked(studio)["photo"] is None
    assert ana.restyle(b"photo", style="toon", like=b"drawing").image.size
    request = asked(studio)
    assert studio._backend.sealed(ana.id).get(request["like"]["blob"]) == b"drawing" != request["photo"]["blob"]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda ana: ana.transfer(b"1", b"2", region="tail"), InvalidRequest, "smile"),
        (lambda ana: ana.transfer(b"1", b"2", strength=2), InvalidRequest, "strength"),
        (lambda ana: ana.transfer(b"1", b"2", strength=float("nan")), InvalidRequest, "strength"),
        (lambda ana: ana.transfer(b"1", b"2", region="eyes", mask=png()), InvalidRequest, "give one of them"),
        (lambda ana: ana.transfer(png((9, 9)), b"2", mask=png()), InvalidRequest, "shapes differ"),
        (lambda ana: ana.transfer(png(), b"2", mask=png(white=False)), InvalidRequest, "nothing is taken"),
        (lambda ana: ana.transfer(b"1", b"2", mask=b"mask"), InvalidRequest, "a transfer's mask is black and white"),
        (lambda ana: ana.variations(b"1", n=0), InvalidRequest, "n=0"),
        (lambda ana: ana.variations(b"1", n=65), InvalidRequest, "n=65"),
        (lambda ana: ana.variations(b"1", layers=[9]), InvalidRequest, "8, 16, 32 or 64"),
        (lambda ana: ana.variations(b"1", layers=[]), InvalidRequest, "layers"),
        (lambda ana: ana.variations(b"1", strength=2), InvalidRequest, "strength"),
        (lambda ana: ana.variations(b"1", patches="eyes"), InvalidRequest, "give a list"),
        (lambda ana: ana.variations(b"1", patches=[7]), InvalidRequest, "patch 1 is 7"),
        (
            lambda ana: ana.variations(b"1", patches=[((4, 2, 1, 4), (1, 1))]),
            InvalidRequest,
            "right must be beyond left",
        ),
        (lambda ana: ana.variations(b"1", patches=[((1, 2, 3, 4), (1, float("nan")))]), InvalidRequest, "finite"),
        (lambda ana: ana.variations(b"1", patches=[((1, 2, 3, 4), (1, 1))] * 17), InvalidRequest, "at most 16"),
        (lambda ana: ana.blend(b"1", b"2", mask="inside-out"), InvalidRequest, "left-right"),
        (lambda ana: ana.blend(b"1", b"2", mask="hair"), InvalidRequest, "background"),
        (lambda ana: ana.blend(b"1", b"2", mask=float("nan")), InvalidRequest, "mask"),
        (
            lambda ana: ana.transfer(png(), b"2", mask=png(white=None)),
            InvalidRequest,
            "nothing of the photo would stay",
        ),
        (lambda ana: ana.transfer(png(), b"2", mask="no.png"), InvalidImage, "no.png"),
        (lambda ana: ana.transfer(b"1", b"2", face=(float("nan"), 1)), InvalidRequest, "face"),
        (lambda ana: ana.extend(b"1", (100_000, 100)), InvalidRequest, "16384"),
        (lambda ana: ana.extend(b"1", (100_000, 100_000)), InvalidRequest, "16384"),
        (lambda ana: ana.extend(b"1", (float("nan"), 100)), InvalidRequest, "size"),
        (lambda ana: ana.extend(b"1", (16_000, 16_000)), InvalidRequest, "40 million"),
        (lambda ana: ana.extend(b"1", (0, 10)), InvalidRequest, "size"),
        (lambda ana: ana.restyle(b"1", style="toon", strength=1.5), InvalidRequest, "strength"),
        (lambda ana: ana.restyle(b"1", style="toon", region="tail"), InvalidRequest, "head"),
        (lambda ana: ana.restyle(style="toon", region="hair"), InvalidRequest, "region"),
        (lambda ana: ana.strip([{}]), InvalidRequest, "2 to 256"),
        (lambda ana: ana.strip("yaw"), InvalidRequest, "2 to 256"),
        (lambda ana: ana.strip([{}] * 300), InvalidRequest, "2 to 256"),
        (lambda ana: ana.strip([{"yaw": [1, 2]}, {}]), InvalidRequest, "one number"),
        (lambda ana: ana.strip([{"hue": 1}, {}]), UnknownAttribute, "hue"),
        (lambda ana: ana.strip([{"yaw": 900}, {}]), OutOfRange, "yaw"),
    ],
)
def test_what_is_refused(studio, ana, call, error, said):
    with pytest.raises(error, match=said):
        call(ana)
    assert len(studio.jobs.list()) == 1  # the creation


def test_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    assert cli("blend", "ana", "photos/a.jpg", "photos/b.jpg", "--mask", "background", "--out", "behind.png")[0] == 0
    assert asked(cli.studio)["mask"] == "background"
    assert cli("transfer", "ana", "photos/a.jpg", "photos/b.jpg", "--region", "eyes", "--out", "best.png")[0] == 0
    assert cli("blend", "ana", "photos/a.jpg", "photos/b.jpg", "--mask", "0.5", "--out", "both.png")[0] == 0
    assert cli("strip", "ana", "--set", "yaw=-20,smile=1", "--set", "yaw=20", "--out", "strip.png")[0] == 0
    (tmp_path / "mask.png").write_bytes(png((16, 16)))
    assert cli("transfer", "ana", "photos/a.jpg", "photos/b.jpg", "--mask", "mask.png")[0] == 0
    assert (tmp_path / "a-masked.png").is_file()
    assert cli("transfer", "ana", "photos/a.jpg", "photos/b.jpg", "--mask", "no.png")[0] == 2
    ways = ("--patch", "1,2,5,6:0,-1", "--patch", "1,2,5,6:+1,0", "--layers", "8,16")
    assert cli("variations", "ana", "photos/a.jpg", "-n", "2", *ways, "--out", "varied.png")[0] == 0
    assert {"varied-01.png", "varied-02.png"} <= {path.name for path in tmp_path.iterdir()}
    assert {"best.png", "both.png", "strip.png"} <= {path.name for path in tmp_path.iterdir()}
    for wrong in (
        ("blend", "ana", "photos/a.jpg", "photos/b.jpg", "--mask", "half"),
        ("strip", "ana", "--set", "yaw", "--set", "x=1"),
        ("variations", "ana", "photos/a.jpg", "--patch", "1,2,3"),
        ("variations", "ana", "photos/a.jpg", "--layers", "coarse"),
    ):
        code, _, told = cli(*wrong)
        assert (code == 2 and wrong[-2] in told) or "--set" in told


def test_wider_and_restyled_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    assert cli("extend", "ana", "photos/a.jpg", "--size", "300x200", "--face", "5,6", "--out", "wide.png")[0] == 0
    assert asked(cli.studio)["face"] == [5, 6]
    assert cli("restyle", "ana", "photos/a.jpg", "--style", "clay", "--region", "hair", "--out", "clay.png")[0] == 0
    assert cli("restyle", "ana", "--style", "pencil", "--out", "drawn.png")[0] == 0
    assert cli("restyle", "ana", "photos/a.jpg", "--like", "photos/b.jpg", "--out", "coloured.png")[0] == 0
    assert asked(cli.studio)["like"]["blob"]
    assert {"wide.png", "clay.png", "drawn.png", "coloured.png"} <= {path.name for path in tmp_path.iterdir()}
    code, _, told = cli("extend", "ana", "photos/a.jpg", "--size", "large")
    assert code == 2 and "1024,512" in told


def test_styles(studio, cli):
    assert [style.name for style in studio.styles.list()] == ["toon", "pencil", "clay"]
    assert "default" in studio.styles.get("toon").bases and "oil" not in studio.styles
    pictures = [b"%d" % n for n in range(6)]
    asked_for = []

    def many():
        for number in range(10_000):
            asked_for.append(number)
            yield b"%d" % number

    with pytest.raises(InvalidRequest, match="more than 500 pictures"):
        studio.styles.learn("mine", many())
    assert len(asked_for) == 501  # the others were not even read
    for call, error in (
        (lambda: studio.styles.learn("mine", pictures[:1]), InvalidRequest),
        (lambda: studio.styles.learn("mine", pictures * 100), InvalidRequest),
        (lambda: studio.styles.learn("../mine", pictures), InvalidRequest),
        (lambda: studio.styles.learn("mine", pictures, steps=1), InvalidRequest),
        (lambda: studio.styles.learn("toon", pictures), Conflict),
        (lambda: studio.styles.remove("toon"), InvalidRequest),
        (lambda: studio.styles.remove("mine"), NotFound),
        (lambda: studio.styles.get("mine"), NotFound),
    ):
        with pytest.raises(error):
            call()
    assert studio.jobs.list() == []
    code, out, _ = cli("styles", "list")
    assert code == 0 and [line.split(":")[0] for line in out.splitlines()] == ["toon", "pencil", "clay"]
    assert cli("styles", "remove", "toon", "--yes")[0] == 2 and cli("styles", "remove", "mine", "--yes")[0] == 1
