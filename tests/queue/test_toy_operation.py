"""A new operation is a row, a module and a verb; nothing else has to know of it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from portraitist.cli.app import app
from portraitist.errors import InvalidRequest
from portraitist.operations import OPERATIONS
from portraitist.provenance.verify import verify
from portraitist.testing import fake_studio
from portraitist.watch import Watch

from .fleet import Fleet
from .processes import PHOTOS
from .toy_operation import ROW, negative

PHOTO = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture(autouse=True)
def row(monkeypatch):
    monkeypatch.setitem(OPERATIONS, ROW.name, ROW)
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "toy_worker")


def check(studio):
    ana = studio.personas.create("ana", PHOTOS, wait=True)
    job = negative(ana, PHOTO, wait=False)
    made = job.wait(timeout=120)
    with Image.open(PHOTO) as photo:
        expected = 255 - np.asarray(photo.convert("RGB")).astype(int)
    assert np.abs(np.asarray(made.image).astype(int) - expected).mean() < 3  # the mark
    assert "turn" in {event.progress.stage for event in job.events() if event.progress}
    assert studio.jobs.get(job.id).result().read() == made.read()
    return job, made


def test_embedded(studio, tmp_path):
    job, made = check(studio)
    found = verify(made.save(tmp_path / "made.png"))
    assert found.credentials.state == "valid"
    home = str(studio._backend.home)
    fetched = CliRunner().invoke(app, ["jobs", job.id, "--out", str(tmp_path / "x.png"), "--home", home])
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "x.png").read_bytes() == made.read()


def test_in_a_cluster(tmp_path):
    fleet = Fleet(tmp_path)
    try:
        fleet.add()
        fleet.ready()
        check(fleet.studio)
    finally:
        fleet.stop()


def test_in_a_fake_studio_and_on_the_progress_bar():
    studio = fake_studio()
    ana = studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)
    assert negative(ana, PHOTO).image.size == (64, 64)
    assert Watch("negative")._what == "turn round"


def test_unknown_to_a_worker_that_lacks_the_row(studio, monkeypatch):
    """Negative control: the row is what makes it known."""
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "fake_operations")
    ana = studio.personas.create("ana", PHOTOS, wait=True)
    with pytest.raises(InvalidRequest, match="negative.*not known here"):
        negative(ana, PHOTO)
