"""A finished prior learns on from renders, and the perceptual network from photographs."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist.priors.prior import bundled
from portraitist_workers.faces.networks import PerceptualNetwork, read_network
from portraitist_workers.generator.formats import native
from portraitist_workers.priors import library
from portraitist_workers.priors.engine.people import HELD_OUT
from portraitist_workers.priors.engine.render import render_pool
from portraitist_workers.priors.training import encoder, labelling
from portraitist_workers.priors.training.adversarial import Phase, Sharpening
from portraitist_workers.priors.training.encoder import Inversion
from portraitist_workers.priors.training.finished import Finished
from portraitist_workers.priors.training.labelling import BATCH_BY_ENCODER, BY_ENCODER, Labelling
from portraitist_workers.priors.training.perceptual_distillation import Pictures, TunedPairs, fit_heads
from portraitist_workers.priors.training.photographs import Photographs
from portraitist_workers.priors.training.pool import Pool
from portraitist_workers.priors.training.tuned_pairs import STAGES

PEOPLE = Path(__file__).resolve().parents[1] / "people"


@pytest.fixture(scope="module")
def pool(canvas, tmp_path_factory) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    render_pool(canvas, folder, size=128, count=8, seed=1, shard=8, people=np.arange(4))
    return Pool(folder)


def test_a_finished_prior_learns_on_in_its_synthesis_alone(pool, tmp_path):
    trainer = Finished(bundled())
    before = {name: value.clone() for name, value in trainer.generator.state_dict().items()}
    sharpening = Sharpening(trainer, Phase(batch=4, images=8))
    figures = sharpening.step(pool, None)
    assert {"l1", "edges", "judge", "told_apart"} <= figures.keys()
    changed = {name for name, value in trainer.generator.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("synthesis") for name in changed)

    again = Sharpening(Finished(bundled()), Phase(batch=4, images=8))
    again.load(sharpening.state())
    torch.manual_seed(0)
    first = sharpening.step(pool, None)
    torch.manual_seed(0)
    assert again.step(pool, None) == first  # it goes on as if it had not been stopped

    trainer.write(tmp_path)
    written = library.load(folder=tmp_path)
    _, metadata = native.load(tmp_path / "generator.safetensors")
    _, shipped = native.load(bundled() / "generator.safetensors")
    assert metadata["images_seen"] == shipped["images_seen"] + 8
    z = torch.randn(2, written.generator.config.z_dim)
    assert torch.equal(written.generator.mapping(z), library.load().generator.mapping(z))


def test_labels_to_w_is_learnt_anew_for_a_finished_prior(pool, canvas, tmp_path):
    learner = Labelling(library.load(), canvas)
    synthesis = {name: value.clone() for name, value in learner.synthesis.state_dict().items()}
    by_encoder = [learner.step([pool], None, 0.0)["w"] for _ in range(30)]
    assert learner.seen == 30 * BATCH_BY_ENCODER and by_encoder[-1] < 0.3 * by_encoder[0]
    learner.seen = BY_ENCODER
    by_picture = [learner.step([pool], None, 0.0)["l1"] for _ in range(8)]
    assert min(by_picture[-3:]) < 0.9 * by_picture[0]  # the same eight pictures
    assert all(torch.equal(value, synthesis[name]) for name, value in learner.synthesis.state_dict().items())

    torch.save(learner.state(), tmp_path / "labels.pt")
    again = Labelling(library.load(), canvas)
    again.load(torch.load(tmp_path / "labels.pt", weights_only=True))
    assert again.step([pool], None, 0.5) == learner.step([pool], None, 0.5)  # it goes on as if it had not been stopped

    image, _, labels = pool.batch(4, 128, np.random.default_rng(0))
    labels_to_w = labelling.load(tmp_path / "labels.pt")
    with_them, without = Finished(bundled(), labels_to_w), Finished(bundled())
    assert torch.equal(with_them.codes(image, labels), labels_to_w(labels))
    found = without.w(image, labels)
    assert torch.equal(found, without.encoder(image)) and not torch.allclose(found, with_them.w(image, labels))

    for learn in (False, True):  # held, or along with a synthesis
        phase = Phase(batch=4, images=8, labels=learn)
        sharpening = Sharpening(Finished(bundled(), labelling.load(tmp_path / "labels.pt")), phase)
        figures = sharpening.step(pool, None)
        assert ("near" in figures) is learn
        assert torch.equal(sharpening.trainer.codes(image, labels), labels_to_w(labels)) is not learn
        again = Sharpening(Finished(bundled(), labelling.load(tmp_path / "labels.pt")), phase)
        again.load(sharpening.state())
        assert torch.equal(again.trainer.codes(image, labels), sharpening.trainer.codes(image, labels))
        sharpening.trainer.write(tmp_path)
        w = sharpening.trainer.w(image, labels)
        assert (
            torch.equal(labelling.load(tmp_path / "labels.pt")(labels), w)
            and torch.equal(w, labels_to_w(labels)) is not learn
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """As the London set lies there: four people of whom one is held out, with faces of the test people."""
    london = tmp_path_factory.mktemp("data") / "london"
    ids = ("001", HELD_OUT[0], "002", "003")
    for expression in ("neutral", "smiling"):
        (london / expression).mkdir(parents=True)
        for person, name in zip(ids, ("ada", "bruno", "cora", "dario"), strict=True):
            photo = sorted((PEOPLE / name).glob("*.jpg"))[0]
            shutil.copyfile(photo, london / expression / f"{person}.jpg")
            (london / expression / f"{person}.tem").touch()
    with open(london / "people.csv", "w", newline="") as file:
        csv.writer(file).writerows([("id", "age", "gender", "ethnicity"), *((i, "30", "female", "white") for i in ids)])
    return london.parent


def test_photographs_are_those_of_training_people(data):
    photographs = Photographs(data)
    assert photographs.crops.shape == (6, 512, 512, 3)  # both of three people, nothing of the held-out one
    rng = np.random.default_rng(0)
    windows = photographs.windows(8, 128, rng)
    assert windows.shape == (8, 3, 128, 128) and windows.std((1, 2, 3)).unique().numel() == 8
    assert photographs.batch(2, 256, rng).shape == (2, 3, 256, 256)


def test_every_other_picture_is_a_photograph(data, pool):
    pool_pictures = Pictures(pool, None).batch(6, np.random.default_rng(0))
    both = Pictures(pool, Photographs(data)).batch(6, np.random.default_rng(0))
    assert both.shape == pool_pictures.shape == (6, 3, 128, 128)
    renders = {tuple(x.flatten()[:50].tolist()) for x in pool.batch(200, 128, np.random.default_rng(1))[0]}
    assert [tuple(x.flatten()[:50].tolist()) in renders for x in both] == [True] * 3 + [False] * 3


def test_new_heads_read_what_the_old_ones_read():
    """Of a student whose maps are the targets themselves, least squares finds the heads again."""
    student, _ = read_network("perceptual", bundled())
    images = torch.rand(8, 3, 128, 128) * 2 - 1
    images = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    with torch.no_grad():
        targets = [x.clone() for x in student.eval().features(images)]
    with torch.no_grad():
        for head in student.heads:
            head.weight.normal_()
    with torch.no_grad():
        spoilt = [(x - y).square().mean() / y.var() for x, y in zip(student.features(images), targets, strict=True)]
    fit_heads(student, images, targets)
    with torch.no_grad():
        errors = [(x - y).square().mean() / y.var() for x, y in zip(student.features(images), targets, strict=True)]
    assert max(errors[:3]) < 0.05 < 0.5 < min(spoilt)
    assert isinstance(student, PerceptualNetwork)


def test_measuring_pairs_show_no_picture_of_the_training_pairs(tmp_path):
    for number, (N, R) in enumerate(((16, 8), (8, 16))):  # of priors of two sizes
        pictures = np.arange(N, dtype=np.uint8).reshape(1, N, 1, 1, 1, 1) + 100 * number
        everywhere = pictures * np.ones((len(STAGES), 1, 2, R, R, 3), np.uint8)
        np.savez(tmp_path / f"pairs-{number:03d}.npz", pairs=everywhere.reshape(-1, 2, R, R, 3))
    pairs = TunedPairs(tmp_path)
    assert [set(np.unique(x)) for x in pairs.train] == [set(range(14)), set(range(100, 107))]
    assert [set(((x + 1) * 127.5).round().int().unique().tolist()) for x in pairs.test] == [{14, 15}, {107}]
    assert {pairs.batch(3, np.random.default_rng(i)).shape for i in range(9)} == {(3, 2, 3, 8, 8), (3, 2, 3, 16, 16)}


def test_an_encoder_learns_on_and_reads_photographs(data, pool, tmp_path):
    trainer = Finished(bundled())
    inversion = Inversion(trainer, pool, 1e-3, Photographs(data))
    before = {name: value.clone() for name, value in inversion.encoder.state_dict().items()}
    generator = {name: value.clone() for name, value in trainer.generator_ema.state_dict().items()}
    inversion.photographs.crops = 255 - inversion.photographs.crops  # as nothing in the pool
    with_them = inversion.step(0.0)
    assert any(not torch.equal(value, before[name]) for name, value in inversion.encoder.state_dict().items())
    assert all(torch.equal(value, generator[name]) for name, value in trainer.generator_ema.state_dict().items())
    without = Inversion(trainer, pool, 1e-3).step(0.0)
    assert with_them["pixels"] > 1.1 * without["pixels"]  # they are synthesised ...
    assert with_them["w"] < 1.2 * without["w"]  # ... and have no w to be found
    trainer.write(tmp_path, inversion.encoder)
    assert not torch.equal(library.load(folder=tmp_path).encoder.stem.weight, library.load().encoder.stem.weight)


def test_an_encoder_learns_who_it_is(pool, monkeypatch):
    def learnt():
        inversion = Inversion(Finished(bundled()), pool, 1e-3)
        inversion.step(0.0)
        return inversion.encoder.state_dict()

    first, again = learnt(), learnt()
    monkeypatch.setattr(encoder, "IDENTITY_WEIGHT", 0.0)
    without = learnt()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, without[name]) for name, value in first.items())
