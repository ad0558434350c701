"""The real engine on a real worker: a personalisation that is killed in its middle ends as one that was left alone."""

import time
from pathlib import Path

import pytest

import portraitist
from portraitist.backend import embedded
from portraitist.doctor import _weights

from .processes import child_pid, kill, row, until

PHOTOS = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("photo-*.jpg"))[:4]


@pytest.fixture
def studio(tmp_path, monkeypatch):
    if _weights().state != "ok":
        pytest.skip("the bundled prior is not complete")
    monkeypatch.delenv("PORTRAITIST_TEST_OPERATIONS")
    monkeypatch.delenv("OMP_NUM_THREADS")
    yield portraitist.connect(home=tmp_path / "home")
    embedded(tmp_path / "home").transport.stop()


@pytest.mark.slow
def test_killed_while_tuning_ends_with_the_same_weights(studio):
    whole = studio.personas.create("whole", PHOTOS, preset="fast").wait(timeout=600)
    job = studio.personas.create("broken", PHOTOS, preset="fast")
    store = studio._backend.store

    def tuning():
        now = job.status
        assert not job.done, now
        return (
            isinstance(now, portraitist.Running)
            and now.stage == "tune"
            and now.step > 10
            and store.load_checkpoint(job.id)
        )

    until(tuning, timeout=300)
    time.sleep(2.0)
    assert not job.done
    kill(child_pid(studio, job))
    broken = job.wait(timeout=600)
    assert row(studio, job).attempts == 2
    read = [studio._backend.sealed(one.id).get(one.record.weights) for one in (whole, broken)]
    assert read[0] == read[1]  # to the bit
    portrait = broken.synthesize(yaw=5, smile=0.5, seed=7)
    again = whole.synthesize(yaw=5, smile=0.5, seed=7)
    assert portrait.image.tobytes() == again.image.tobytes()  # the signatures differ
    told = portraitist.verify(portrait.read())
    assert told.credentials.state == "valid" and told.mark.found
    whole.delete()
    assert store.has(broken.record.weights)
    broken.delete()
    assert not list((studio._backend.home / "blobs").glob("??/*"))
