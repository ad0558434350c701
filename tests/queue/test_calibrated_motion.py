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
from portraitist.errors import PriorAssetMissing
from portraitist_workers.drag.moving import Mover
from portraitist_workers.drag.transformer import LatentTransformer
from portraitist_workers.generator.formats import native
from portraitist_workers.priors.calibration.motion_answers import UNITS

from .processes import row

STEPS = 120


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "killed_motion")
    monkeypatch.setenv("STEPS_FILE", str(tmp_path / "steps.txt"))
    yield portraitist.connect(home=tmp_path / "home")
    embedded(tmp_path / "home").transport.stop()


def calibrate(tmp_path, *more):
    command = [sys.executable, "-m", "portraitist", "priors", "calibrate", "small", "--home", str(tmp_path / "home")]
    done = subprocess.run([*command, "--json", *more], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def moved(prior):
    """Mean share of the way that points of six faces have gone, as the drag's tracker sees it."""
    gone = []
    for seed in range(6):
        picture = prior.move(at=(20.0 + 4 * seed, 40.0 - 3 * seed), by=(2.0, 0.0), seed=seed, guarded=False)
        gone.append(1 - picture.report.points[0].left / 2.0)
    return float(np.mean(gone))


@pytest.mark.slow
def test_killed_and_then_moved_by(studio, tmp_path):
    native.save(small(3, resolution=64), tmp_path / "small.safetensors", metadata={"licence": "CC0-1.0"})
    prior = studio.priors.add(tmp_path / "small.safetensors")
    calibrate(tmp_path, "--samples", "32")
    with pytest.raises(PriorAssetMissing, match="run `portraitist priors calibrate small --motion`"):
        prior.move(at=(20.0, 40.0), by=(2.0, 0.0))
    told = calibrate(tmp_path, "--motion", "--faces", "66", "--steps", str(STEPS))
    assert "latent_transformer" in told["assets"] and 0 < told["calibration"]["figures"]["motion_1"] <= 1
    job = next(job for job in studio.jobs.list() if row(studio, job).request.get("motion"))
    assert row(studio, job).attempts == 2
    assert (tmp_path / "steps.txt").read_text().split() == [str(n + 1) for n in range(STEPS)]  # none twice

    prior = studio.priors["small"]  # as it is now
    taught = moved(prior)
    torch.manual_seed(0)
    network = LatentTransformer(Mover.load(prior.asset("latent_transformer")).network.sizes)
    (tmp_path / "untaught.safetensors").write_bytes(Mover(network, torch.tensor(UNITS)).to_bytes())
    prior.attach("latent_transformer", tmp_path / "untaught.safetensors")
    untaught = moved(prior)  # negative control
    assert taught > 0.4 and taught > untaught + 0.2, (taught, untaught)
