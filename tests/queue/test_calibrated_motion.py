"""`portraitist priors calibrate --motion` as a user runs it: its process is killed, it goes on, and then points can be moved."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_generator import generator as small

import portraitist
from portraitist.backend import embedded
from portraitist_workers.drag.moving import Mover
from portraitist_workers.drag.transformer import LatentTransformer
from portraitist_workers.generator.formats import native
from portraitist_workers.priors.calibration.motion_answers import UNITS

from .processes import child_pid, kill, row, until


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "short_operations")
    yield portraitist.connect(home=tmp_path / "home")
    embedded(tmp_path / "home").transport.stop()


def moved(prior, places=6):
    """Mean share of the way that points have gone, by the tracker of the drag."""
    gone = []
    for seed in range(places):
        picture = prior.move(at=(20.0 + 4 * seed, 40.0 - 3 * seed), by=(2.0, 0.0), seed=seed, guarded=False)
        (point,) = picture.report.points
        gone.append(1 - point.left / 2.0)
    return float(np.mean(gone))


@pytest.mark.slow
def test_killed_and_then_moved_by(studio, tmp_path):
    native.save(small(3, resolution=64), tmp_path / "small.safetensors", metadata={"licence": "CC0-1.0"})
    prior = studio.priors.add(tmp_path / "small.safetensors")
    command = [sys.executable, "-m", "portraitist", "priors", "calibrate", "small", "--motion", "--samples", "32"]
    command += ["--faces", "66", "--steps", "120", "--home", str(tmp_path / "home"), "--json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    (job,) = until(studio.jobs.list)
    store = studio._backend.store
    until(
        lambda: job.done or (getattr(job.status, "stage", "") == "motion" and store.load_checkpoint(job.id)),
        timeout=300,
    )
    kill(child_pid(studio, job))
    told, _ = running.communicate(timeout=300)
    assert running.returncode == 0 and row(studio, job).attempts == 2
    assert "latent_transformer" in json.loads(told)["assets"]

    taught = moved(prior)
    torch.manual_seed(0)
    network = LatentTransformer(Mover.load(prior.asset("latent_transformer")).network.sizes)
    (tmp_path / "untaught.safetensors").write_bytes(Mover(network, torch.tensor(UNITS)).to_bytes())
    prior.attach("latent_transformer", tmp_path / "untaught.safetensors")
    untaught = moved(prior)
    print(taught, untaught)
    assert taught > 0.5 and taught > untaught + 0.3
