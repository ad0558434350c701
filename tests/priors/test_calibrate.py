"""A foreign generator becomes a prior: measured once, resumable, and then good for every operation."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from portraitist.degradations import Downsample
from portraitist.errors import Conflict, JobCancelled, NotFound, PriorNotCalibrated, PriorUnavailable
from portraitist.priors.prior import bundled as bundled_folder
from portraitist.requests import CalibratePrior, CreatePersona, Edit, Enhance, Photo, Synthesize
from portraitist_workers.generator.formats import native, nvidia_writer
from portraitist_workers.generator.layers import ModulatedConv
from portraitist_workers.inversion import encoder as encoder_file
from portraitist_workers.operations import MemoryContext, run
from portraitist_workers.operations.calibrate import complaints
from portraitist_workers.persona import presets
from portraitist_workers.persona.tuning import Schedule
from portraitist_workers.priors import library
from portraitist_workers.priors.calibration import directions, fit_encoder, samples

from .conftest import sha256

EXAMPLES = __import__("pathlib").Path(__file__).parents[2] / "examples"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def request(prior, **kwargs):
    return CalibratePrior(prior=prior.name, generator_sha256=prior.record.generator_sha256, **kwargs)


def test_calibrated_once_and_then_usable(studio, home, files, in_process):
    prior = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    with pytest.raises(PriorNotCalibrated):
        library.load("x")
    stages = []
    record = run(request(prior, samples=40), MemoryContext(lambda p: stages.append(p.stage)))
    assert list(dict.fromkeys(stages)) == ["sample", "faces", "directions", "encoder"]
    assert record.calibration.samples == 40 and record.calibration.warnings  # noise is no face
    assert studio.priors.get("x").calibrated and not list((home / "priors").glob(".samples*"))
    loaded = library.load("x")
    assert loaded.reference == f"x@{prior.record.generator_sha256[:16]}" and loaded.resolution == 32
    assert loaded.steps.shape == (6, 16) and loaded.w_std.shape == (16,) and loaded.steps.isfinite().all()
    assert loaded.encoder(torch.zeros(2, 3, 32, 32)).shape == (2, 16)
    assert library.load("x") is loaded
    studio.priors.usable("x")
    for file in ("latents.safetensors", "generator.safetensors"):
        data = (prior.folder / file).read_bytes()
        (prior.folder / file).write_bytes(data[:-1] + b"\x00" if data[-1:] != b"\x00" else data[:-1] + b"\x01")
        with pytest.raises(PriorUnavailable, match=f"{file.partition('.')[0]} in .* not what its record says"):
            library.load("x")
        (prior.folder / file).write_bytes(data)


def test_a_run_that_is_cut_off_ends_as_one_that_is_not(studio, home, files, in_process):
    prior = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    whole = run(request(prior, samples=96), MemoryContext())

    def stop_after(stage, step):
        def on_step(progress):
            if (progress.stage, progress.step) == (stage, step):
                raise JobCancelled("stop")

        return on_step

    for stage, step in (("sample", 64), ("encoder", 7)):
        context = MemoryContext(stop_after(stage, step))
        with pytest.raises(JobCancelled):
            run(request(prior, samples=96), context)
        shards = sorted(next((home / "priors").glob(".samples-x-*-0")).iterdir())
        stamps = [p.stat().st_mtime_ns for p in shards]
        assert len(shards) == (2 if stage == "sample" else 3)
        context._on_step = lambda p: None
    again = run(request(prior, samples=96), context)
    assert [p.exists() for p in shards] == [False] * 3 and stamps
    assert again.assets == whole.assets and again.calibration.figures == whole.calibration.figures


def test_the_right_weights_of_the_right_prior(studio, home, files, in_process):
    prior = studio.priors.add(files / "nvidia.pkl", name="x", accept_licence=True)
    asked = request(prior, samples=32)
    studio.priors.remove("x")
    with pytest.raises(NotFound):
        run(asked, MemoryContext())
    studio.priors.add(files / "other.pkl", name="x", accept_licence=True)
    with pytest.raises(Conflict, match="replaced"):
        run(asked, MemoryContext())
    with pytest.raises(NotFound):
        library.load("nobody")


def test_the_shortest_way_leaves_alone_what_is_held():
    rng = torch.Generator().manual_seed(0)
    slope, kept = torch.randn(2, 24, generator=rng), torch.linalg.qr(torch.randn(24, 3, generator=rng))[0].T
    step = directions.shortest(slope, kept)
    assert torch.allclose(slope @ step.T, torch.eye(2), atol=1e-3) and (kept @ step.T).abs().max() < 1e-4
    w = torch.randn(2000, 24, generator=rng)
    seen = w @ kept.T + 0.1 * torch.randn(2000, 3, generator=rng)
    found = directions.held(w, w.mean(0), w.std(0), torch.zeros(2000, 4), seen)
    assert torch.linalg.svdvals(found[:3] @ kept.T).min() > 0.95
    found = directions.backdrop_directions(w, seen)
    assert found.shape == (3, 24) and torch.linalg.svdvals(found @ kept.T).min() > 0.95


def test_steps_that_leak_are_mixed_until_they_do_not():
    """Two measured attributes that are mixtures of two directions in w: after the correction each moves alone."""
    mixture = torch.tensor([[1.0, 0.6], [0.3, 1.0]])

    class Estimator:
        names = ("yaw", "pitch")

        def __call__(self, images):
            return images.flatten(1)[:, :2], None

    class Linear:
        resolution = 32

        @staticmethod
        def images(w, dtype=None):
            return (w[:, :2] @ mixture.T) * torch.tensor([13.0, 6.0])

    rng = torch.Generator().manual_seed(1)
    w = torch.randn(400, 8, generator=rng)
    drawn = samples.Samples(
        w, torch.randint(0, 255, (400, 3, 128, 128), generator=rng).to(torch.uint8), Linear.images(w)
    )
    found = directions.find(
        Linear, Estimator(), lambda images: torch.ones(len(images), 4) / 2, drawn, w.mean(0), w.std(0)
    )
    assert found.gains == pytest.approx({"yaw": 1, "pitch": 1}, abs=0.12) and max(found.leaks.values()) < 0.1
    assert not complaints(found, 0.5) and "encoder" in complaints(found, 0.95)[0]


def test_the_encoder_learns_what_the_last_layer_can():
    """Pictures whose w is linear in what the bundled encoder sees."""
    bundled = library.load("default")
    images = torch.cat(
        [
            bundled.generator(
                torch.randn(32, bundled.generator.config.z_dim, generator=torch.Generator().manual_seed(s))
            )
            for s in range(6)
        ]
    )
    images = samples.at_side(images.clamp(-1, 1), samples.SIDE)
    with torch.no_grad():
        w = bundled.encoder(images)[:, :5].contiguous()
    drawn = samples.Samples(w, ((images + 1) * 127.5).round().to(torch.uint8), torch.zeros(len(w), 6))
    encoder, error = fit_encoder.start(drawn, w.mean(0), w.std(0))
    assert isinstance(encoder, encoder_file.Encoder) and encoder(images[:2]).shape == (2, 5)
    assert error < 0.6


@pytest.mark.slow
def test_every_operation_on_an_imported_prior(studio, home, tmp_path, monkeypatch):
    """The default prior, with noise and a clamp, goes out as NVIDIA's and comes back behind the walls as a foreign one."""
    default = native.load(bundled_folder() / "generator.safetensors")[0]
    default.config = dataclasses.replace(default.config, conv_clamp=256.0)
    with torch.no_grad():
        for name, strength in default.named_parameters():
            if name.endswith("noise_strength"):
                strength.fill_(0.02)
    nvidia_writer.write(default, tmp_path / "twin.pkl", licence="")
    prior = studio.priors.add(tmp_path / "twin.pkl", accept_licence=True)
    twin = native.load(prior.generator)[0]
    assert twin.config.conv_clamp == 256.0 and not any(
        s.module.silent for s in twin.layers() if isinstance(s.module, ModulatedConv)
    )
    record = run(request(prior, samples=128), MemoryContext())
    assert record.calibration.figures["faces_found"] >= 0.9 and not record.calibration.warnings
    assert (
        record.calibration.figures["gain_yaw"] == pytest.approx(1, abs=0.35)
        and record.calibration.figures["encoder_error"] < 0.9
    )

    monkeypatch.setitem(presets.PRESETS, "fast", presets.Preset(3, Schedule(steps=4), edit_steps=3, project_steps=3))
    context = MemoryContext()

    def upload(path):
        return Photo(name=path.name, blob=context.put(path.read_bytes()))

    photos = [upload(p) for p in sorted((EXAMPLES / "photos").glob("photo-*.jpg"))[:4]]
    persona = run(CreatePersona(persona_id="per_1", name="ana", photos=photos, preset="fast", prior="twin"), context)
    assert persona.prior == f"twin@{sha256(prior.generator)[:16]}"
    context.personas["per_1"] = persona
    person = {"persona_id": "per_1"}
    results = [
        run(Synthesize(**person, values=[{"yaw": 4.0}]), context),
        run(Edit(**person, photo=upload(EXAMPLES / "new.jpg"), values=[{"smile": 0.6}]), context),
        run(
            Enhance(**person, photo=upload(EXAMPLES / "damaged" / "tiny.jpg"), degradation=[Downsample(factor=8)]),
            context,
        ),
    ]
    for result in results:
        image = np.asarray(Image.open(io.BytesIO(context.blob(result.pictures[0].blob))))
        assert image.std() > 10
    assert abs(results[0].pictures[0].report.attributes["yaw"].achieved - 4.0) < 3
