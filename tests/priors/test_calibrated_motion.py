"""An imported generator gets a latent transformer of its own: what it asks for, what is refused, and going on where it was cut off."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save
from small_generator import generator as small
from small_generator import parts

from portraitist.errors import FaceNotFound, InvalidRequest, JobCancelled, PriorAssetMissing
from portraitist.requests import CalibratePrior
from portraitist_workers.generator.formats import native
from portraitist_workers.inversion import encoder
from portraitist_workers.operations import MemoryContext, calibrate, run
from portraitist_workers.priors import library
from portraitist_workers.priors.calibration import motion, motion_answers

SHORT = {"samples": 32, "motion": True, "faces": 22, "steps": 12}
WHERE = ("sample", "faces", "directions", "encoder", "points", "motion")


def no_face(image):
    """What the mesh says of noise, at once."""
    raise FaceNotFound("noise")


@pytest.fixture
def priors(studio, tmp_path, in_process, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(motion, "DIM", 32)
    monkeypatch.setattr(motion_answers, "landmarks", no_face)
    return studio.priors


def add(priors, generator, tmp_path, name="x"):
    path = tmp_path / f"{name}.safetensors"
    native.save(generator, path, metadata={"licence": "CC0-1.0"})
    return priors.add(path)


def usable(priors, generator, tmp_path, name="x"):
    """With directions and an encoder that nobody measured, which takes half a minute."""
    add(priors, generator, tmp_path, name)
    rng = torch.Generator().manual_seed(0)
    steps, sitting = torch.randn(6, 16, generator=rng), torch.eye(16)[:2].contiguous()
    attributes = {"attributes": json.dumps(["yaw", "pitch", "roll", "smile", "mouth_open", "eyes_open"])}
    made = {
        "latents": save({"w_std": torch.ones(16), "steps": steps, "sitting": sitting}, metadata=attributes),
        "encoder": encoder.to_bytes(encoder.Encoder(16)),
    }
    digests = {asset: hashlib.sha256(data).hexdigest() for asset, data in made.items()}
    priors._home.change(name, lambda record: record.model_copy(update={"assets": record.assets | digests}), made)
    return priors[name]


def request(prior, **asked):
    return CalibratePrior(prior=prior.name, generator_sha256=prior.record.generator_sha256, **asked)


def test_measured_first_where_that_is_wanting(priors, tmp_path):
    prior = add(priors, small(3, resolution=64), tmp_path)
    told = []
    record = run(request(prior, **SHORT), MemoryContext(told.append))
    assert tuple(dict.fromkeys(p.stage for p in told)) == WHERE and told[-1].eta is not None
    assert set(record.assets) == {"generator", "latents", "encoder", "latent_transformer"} and prior.verify().ok
    assert set(record.calibration.figures) >= {"motion_1", "motion_3", "motion_8", "encoder_error"}
    assert calibrate.HARDLY in record.calibration.warnings  # after twelve steps
    assert not [path for path in (tmp_path / "home" / "priors").iterdir() if path.name.startswith(".")]
    stages = []
    again = run(request(prior, motion=True, faces=22, steps=14), MemoryContext(lambda p: stages.append(p.stage)))
    assert set(stages) == {"points", "motion"}  # it was measured before
    changed = {name for name in record.assets if again.assets[name] != record.assets[name]}
    assert changed == {"latent_transformer"} and again.calibration.warnings == record.calibration.warnings


def test_cut_off_anywhere_it_ends_as_if_it_were_not(priors, tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "SAVE_SECONDS", 0.0)
    short, generator = {"motion": True, "faces": 22, "steps": 12}, small(3, resolution=64)
    whole = run(request(usable(priors, generator, tmp_path, "whole"), **short), MemoryContext())
    asked = request(usable(priors, generator, tmp_path), **short)
    context, met = MemoryContext(), []

    def stop_at(stage, step):
        def on_step(progress):
            met.append((progress.stage, progress.step))
            if met[-1] == (stage, step):
                raise JobCancelled("stop")

        return on_step

    for stage, step, first in (("points", 5, 6), ("motion", 4, 4)):
        context._on_step = stop_at(stage, step)
        with pytest.raises(JobCancelled):
            run(asked, context)
        met.clear()
        context._on_step = stop_at(stage, step + 1)
        with pytest.raises(JobCancelled):
            run(asked, context)
        assert met[0] == (stage, first)  # nothing before that is done again
        met.clear()
    context._on_step = lambda progress: None
    broken = run(asked, context)
    assert broken.assets["latent_transformer"] == whole.assets["latent_transformer"]


def test_what_is_refused(priors, tmp_path):
    tiny = add(priors, small(3, resolution=32), tmp_path, "tiny")
    with pytest.raises(InvalidRequest, match="draws 32 px, .* features of 64 px; use a larger"):
        tiny.calibrate(motion=True)
    with pytest.raises(InvalidRequest, match="features of 64 px"):  # whoever asks
        run(request(tiny, **SHORT), MemoryContext())
    composed = add(priors, parts(), tmp_path, "composed")
    with pytest.raises(InvalidRequest, match="part by part, .* cannot be moved; use a StyleGAN2"):
        composed.calibrate(motion=True)
    with pytest.raises(InvalidRequest, match="bundled"):
        priors["default-parts"].calibrate(motion=True)
    with pytest.raises(InvalidRequest, match="ask for motion, too"):
        tiny.calibrate(steps=100)
    prior = add(priors, small(3, resolution=64), tmp_path)
    for asked in ({"faces": 3}, {"steps": 0}):
        with pytest.raises(InvalidRequest, match=next(iter(asked))):
            prior.calibrate(motion=True, **asked)
    with pytest.raises(PriorAssetMissing, match="run `portraitist priors calibrate x --motion`"):
        library.asset("x", "latent_transformer")
    with pytest.raises(InvalidRequest, match="leave samples out"):
        usable(priors, small(3, resolution=64), tmp_path, "y").calibrate(motion=True, samples=64)
