"""The demonstration's course, with a studio that has no engine."""

from __future__ import annotations

import pytest

from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.requests import Edit
from portraitist.testing import fake_studio, plain_pictures
from portraitist_workers.demo import setting, story
from portraitist_workers.demo.__main__ import main


@pytest.fixture
def engineless(monkeypatch):
    monkeypatch.setattr(story, "face_frame", lambda photo: None)
    monkeypatch.setattr(story, "machine", lambda: {"processor": "none"})

    def use(run=None):
        monkeypatch.setattr(story.portraitist, "connect", lambda home: fake_studio(run), raising=False)

    return use


def test_it_makes_a_report(engineless, tmp_path, capsys):
    engineless()
    assert main(["--out", str(tmp_path / "demo")]) == 0
    report = tmp_path / "demo" / "report.html"
    assert "Ana, learnt from 20 photos" in report.read_text()
    *_, before, last = capsys.readouterr().out.rstrip().splitlines()
    assert before.endswith(str(report)) and last.endswith(
        f"portraitist studio --home {tmp_path / 'demo' / 'state'} --person ana"
    )


def test_a_part_that_fails_is_reported_and_the_rest_goes_on(engineless, tmp_path, capsys):
    def run(request, context):
        if isinstance(request, Edit) and request.photo.name == "group.jpg":
            raise FaceNotFound("group.jpg does not show this person; use another photo", param="group.jpg")
        return plain_pictures(request, context)

    engineless(run)
    assert story.Demo(setting.find_examples(None), tmp_path / "demo").run() == 1
    text = (tmp_path / "demo" / "report.html").read_text()
    assert "group.jpg does not show this person; use another photo" in text
    assert 'id="pull"' in text and "at=&#x27;chin&#x27;, by=(0, 5)" in text
    assert 'id="restore"' in text and 'id="group"' not in text
    assert "failed: ana.edit('group.jpg'" in capsys.readouterr().out


def test_only_its_own_folder_is_removed(tmp_path):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "thesis.tex").write_text("…")
    with pytest.raises(InvalidRequest, match="no demo made it"):
        setting.renew(precious)
    assert (precious / "thesis.tex").exists()
    (made := setting.renew(tmp_path / "demo")).joinpath("left-over").write_text("")
    assert [p.name for p in setting.renew(made).iterdir()] == [setting.MARK]


def test_missing_examples_are_named(tmp_path):
    with pytest.raises(InvalidRequest, match="--examples"):
        setting.find_examples(tmp_path)
