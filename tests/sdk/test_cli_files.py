"""What the command line reads and writes: checked before the work, and never overwritten unasked."""

import json

import pytest
from PIL import Image

from portraitist.cli import several
from portraitist.errors import FaceNotFound
from portraitist.testing import fake_studio, plain_pictures


@pytest.fixture
def ana(cli):
    """How many jobs there are once she is learnt."""
    cli("create", "ana", "photos", "--json")
    return lambda: len(cli.studio.jobs.list())


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_named_file_is_not_overwritten_and_a_chosen_name_is_free(cli, ana, tmp_path):
    (tmp_path / "kept.png").write_text("mine")
    code, _, err = cli("synthesize", "ana", "-o", "kept.png")
    assert code == 2 and "kept.png is there already" in err and "--force" in err and ana() == 1
    assert (tmp_path / "kept.png").read_text() == "mine"
    assert cli("synthesize", "ana", "-o", "kept.png", "--force")[0] == 0 and Image.open("kept.png").size == (64, 64)
    for _ in range(3):
        assert cli("synthesize", "ana")[0] == 0
    assert files(tmp_path) == ["ana-2.png", "ana-3.png", "ana.png", "kept.png"]


def test_several_pictures_are_numbered(cli, ana, tmp_path):
    assert cli("synthesize", "ana", "-n", "3", "-o", "y.png")[0] == 0
    assert files(tmp_path) == ["y-01.png", "y-02.png", "y-03.png"]
    assert cli("synthesize", "ana", "-n", "2", "-o", "y.webp")[0] == 0 and Image.open("y-02.webp").format == "WEBP"
    code, _, err = cli("synthesize", "ana", "--yaw=-5,5", "-o", "y.png")
    assert code == 2 and "y-01.png is there already" in err
    for _ in range(2):
        assert cli("synthesize", "ana", "-n", "2", "-o", "more")[0] == 0
    assert files(tmp_path / "more") == ["ana-01.png", "ana-02.png", "ana-03.png", "ana-04.png"]
    assert (
        cli("edit", "ana", "photos/a.jpg", "--yaw", "5", "-o", "more")[0] == 0
        and (tmp_path / "more" / "a-ana.png").exists()
    )


@pytest.mark.parametrize(
    "out, words",
    [
        ("x.gif", ".png, .jpg, .jpeg, .webp, .avif"),  # that `verify` cannot read
        ("x.txt", "no format that is written"),
        ("nowhere/x.png", "no folder yet"),
        ("photos/a.jpg/x.png", "not a folder"),
        ("photos/a.jpg", "there already"),
    ],
)
def test_out_is_checked_before_the_work(cli, ana, out, words):
    for command in (("synthesize", "ana"), ("edit", "ana", "photos/b.jpg", "--yaw", "5")):
        code, _, err = cli(*command, "-o", out)
        assert code == 2 and words in err and ana() == 1
    code, _, err = cli("synthesize", "ana", "--no-wait", "-o", "x.png")
    assert code == 2 and "jobs ID --out" in err and ana() == 1


def test_pictures_that_were_not_waited_for_are_fetched(cli, ana, tmp_path):
    learnt = cli.studio.jobs.list()[0].id
    job = cli("synthesize", "ana", "-n", "2", "--no-wait")[1].strip()
    assert files(tmp_path) == []
    code, out, _ = cli("jobs", job, "--out", "x.png")
    assert code == 0 and "x-02.png" in out and files(tmp_path) == ["x-01.png", "x-02.png"]
    assert cli("jobs", job, "--out", "x.png")[0] == 2 and cli("jobs", job, "--out", "x.gif", "--force")[0] == 2
    grid = cli("synthesize", "ana", "--grid", "yaw,smile", "--no-wait")[1].strip()
    pictures = json.loads(cli("jobs", grid, "--follow", "--out", "grid.jpg", "--json")[1])["pictures"]
    assert len(pictures) == 25 and Image.open("grid.jpg").width > 300
    for made in (job, grid):
        assert cli("jobs", made, "--recipe", f"{made}.json") == (0, f"{made}.json\n", "")
        assert json.loads((tmp_path / f"{made}.json").read_text())["request"]["operation"] == "synthesize"
        assert cli("jobs", made, "--recipe", f"{made}.json")[0] == 2
    for wrong, words in (
        (("jobs", learnt, "--out", "x"), "makes no pictures"),
        (("jobs", "--out", "x"), "jobs ID --out"),
        (("jobs", "--recipe", "x"), "jobs ID --recipe"),
        (("jobs", learnt, "--recipe", "x"), "makes no pictures; leave --recipe out"),
    ):
        code, _, err = cli(*wrong)
        assert code == 2 and words in err


def test_pictures_of_a_job_that_is_not_over(cli, ana, monkeypatch):
    job = cli("synthesize", "ana", "--no-wait")[1].strip()
    monkeypatch.setattr("portraitist.jobs.Job.done", False)
    code, _, err = cli("jobs", job, "--out", "x.png")
    assert code == 1 and "is not over" in err and "--follow" in err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("edit", "ana", "notes.txt", "--yaw", "5"), "notes.txt is not a picture: expected a JPEG, PNG"),
        (("edit", "ana", "photos/a.jpg", "notes.txt", "--yaw", "5"), "notes.txt is not a picture"),
        (("edit", "ana", "empty", "--yaw", "5"), "no picture files in empty"),
        (("enhance", "ana", "photos"), "photos is a folder; give a photo's file"),
        (("enhance", "ana", "notes.txt"), "not a picture"),
        (
            ("enhance", "ana", "photos/a.jpg", "--degradation", "mask:photos"),
            "mask:photos: there is no such file; a mask is",
        ),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "mask"), "a mask is black and white"),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "mask:notes.txt"), "notes.txt is not a picture"),
        (("enhance", "ana", "photos/a.jpg", "--degradation", "mask:photos/b.jpg"), "the mask"),
        (("create", "bob", "notes.txt"), "not a picture"),
        (("create", "bob", "photos", "--labels", "photos"), "expected a JSON file"),
    ],
)
def test_what_is_no_picture_is_refused_at_once(cli, ana, tmp_path, arguments, words):
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "empty").mkdir()
    code, _, err = cli(*arguments)
    assert code == 2 and words in err and ana() == 1


def test_a_folder_is_edited(cli, ana, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "photos" / "a.png")
    code, out, err = cli("edit", "ana", "photos", "--yaw", "5")
    assert code == 0 and "edit 4 of 4: c.jpg" in err and "side by side: ana-edited/contact-sheet.html" in out
    assert files(tmp_path / "ana-edited") == [
        "a-ana-2.png",
        "a-ana.png",
        "b-ana.png",
        "c-ana.png",
        "contact-sheet.html",
    ]
    page = (tmp_path / "ana-edited" / "contact-sheet.html").read_text()
    assert all(f'src="{name}"' in page for name in ("../photos/b.jpg", "b-ana.png")) and "yaw 5" in page
    assert cli("edit", "ana", "photos", "--yaw", "5", "--smile=0,1", "-o", "both")[0] == 0
    assert "a-ana-02.png" in files(tmp_path / "both") and len(files(tmp_path / "both")) == 9
    count = ana()
    assert cli("edit", "ana", "photos", "--yaw", "5", "-o", "both", "--smile=0,1")[0] == 2  # they are there
    assert cli("edit", "ana", "photos", "--yaw", "5", "-o", "x.png")[0] == 2 and ana() == count
    assert len(cli("edit", "ana", "photos/a.jpg", "photos/b.jpg", "--yaw", "5", "--no-wait")[1].split()) == 2
    assert cli("edit", "ana", "photos", "--yaw", "5", "--no-wait", "-o", "both")[0] == 2
    (tmp_path / "odd {x}").mkdir()
    assert cli("edit", "ana", "photos/a.jpg", "photos/b.jpg", "--yaw", "5", "-o", "odd {x}")[0] == 0
    assert (
        cli("edit", "ana", "photos/c.jpg", "photos/a.png", "--yaw", "5", "-o", "odd {x}")[0] == 2
    )  # a-ana.png is there
    assert cli("synthesize", "ana", "-o", "odd {x}")[0] == 0 and len(files(tmp_path / "odd {x}")) == 4
    found = json.loads(cli("edit", "ana", "photos", "--yaw", "5", "--json")[1])
    assert [one["error"] for one in found] == [None] * 4 and (tmp_path / "ana-edited-2" / "a-ana.png").exists()


def test_one_photo_that_cannot_be_edited_does_not_stop_the_others(tmp_path, capsys, monkeypatch):
    def run(request, context):
        if request.operation == "edit" and request.photo.name == "b.jpg":
            raise FaceNotFound("b.jpg: shows <nobody>")
        return plain_pictures(request, context)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.new("RGB", (16, 16)).save(tmp_path / "photos" / name)
    ana = fake_studio(run).personas.create("ana", "photos", wait=True)
    with pytest.raises(several.typer.Exit) as ended:
        several.edit(
            ["photos"],
            several.Places(None, "ana"),
            None,
            lambda photo: ana.edit(photo, yaw=5, wait=False),
            no_wait=False,
            json=False,
        )
    out, err = capsys.readouterr()
    assert (
        ended.value.exit_code == 1
        and "a-ana.png" in out
        and "c-ana.png" in out
        and "photos/b.jpg: shows <nobody>" in err
    )
    assert "shows &lt;nobody&gt;" in (tmp_path / "ana-edited" / "contact-sheet.html").read_text()


def test_verify_of_what_is_no_picture(cli, ana, tmp_path):
    (tmp_path / "notes.txt").write_text("not a picture")
    code, out, err = cli("verify", "notes.txt", "photos/a.jpg", "nowhere.png")
    assert (
        code == 2
        and "notes.txt is not a picture" in err
        and "nowhere.png" in err
        and "photos/a.jpg\n  metadata: none" in out
    )
    told = json.loads(cli("verify", "notes.txt", "photos/a.jpg", "--json")[1])
    assert [one.get("generated") for one in told] == [None, False] and told[0]["error"]["code"] == "invalid_image"
