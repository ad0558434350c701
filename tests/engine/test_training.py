"""Training on the engine's renders: which pools are read, and how a prior of twice the size goes on from the smaller one."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.faces.networks import AttributeNetwork
from portraitist_workers.priors.engine.labels import LABEL_FIELDS, label_fields
from portraitist_workers.priors.engine.render import FOLDS, choose_people, render_pool
from portraitist_workers.priors.training.attribute_training import (
    ARGUMENTS,
    TARGETS,
    batch,
    by_doubt,
    calibrate,
    errors_and_deviations,
    train_eyes,
    training_batch,
)
from portraitist_workers.priors.training.cross_calibration import errors_on_fold
from portraitist_workers.priors.training.pool import Pool
from portraitist_workers.priors.training.prior import PHASES, Trainer


def test_a_larger_prior_begins_with_the_smaller_one(canvas):
    small = Trainer(canvas, 128)
    state = small.state()
    state["generator_ema"] = {name: value + 1 for name, value in state["generator_ema"].items()}  # as if trained
    large = Trainer(canvas, 256)
    large.load(state)
    phase, done = large.position()
    assert (phase.resolution, done) == (256, 0.0)
    assert large.seen == sum(phase.images for phase in PHASES if phase.resolution <= 128)
    for live in (large.generator, large.generator_ema):
        assert all(torch.equal(live.state_dict()[name], value) for name, value in state["generator_ema"].items())
    learning = {id(p) for group in large.optimizer.param_groups for p in group["params"]}
    assert not any(id(p) in learning for p in large.labels.parameters())
    again = Trainer(canvas, 256)
    again.load(large.state())
    assert again.seen == large.seen


def test_a_pool_of_other_labels_is_refused(tmp_path):
    places = {name: [at.start, at.stop] for name, at in label_fields(3).items()}
    (tmp_path / "pool.json").write_text(json.dumps({"fields": places}))
    assert len(Pool(tmp_path)) == 0
    (tmp_path / "pool.json").write_text(
        json.dumps({"fields": {name: at for name, at in places.items() if name != "shape"}})
    )
    with pytest.raises(ValueError, match="render it anew"):
        Pool(tmp_path)
    (tmp_path / "pool.json").unlink()
    with pytest.raises(ValueError, match="whose faces"):
        _ = Pool(tmp_path).people


# -- predicted deviations: who is left out of what --


@pytest.fixture(scope="module")
def crowd(canvas):
    """The canvas's four people twice."""
    per_person = {
        f.name: getattr(canvas, f.name) for f in fields(canvas) if len(getattr(canvas, f.name)) == len(canvas.ids)
    }
    return replace(
        canvas, **{name: [*v, *v] if isinstance(v, list) else np.concatenate([v, v]) for name, v in per_person.items()}
    )


@pytest.fixture(scope="module")
def mixes(crowd, tmp_path_factory) -> Path:
    """32 renders of eight people, and 8 of the last three of them."""
    folder = tmp_path_factory.mktemp("mixes")
    render_pool(crowd, folder / "all", size=128, count=32, seed=1, shard=16, people=np.arange(8))
    render_pool(crowd, folder / "fold", size=128, count=8, seed=2, shard=8, people=np.array([5, 6, 7]))
    return folder


def test_each_training_person_is_in_one_fold(canvas):
    many = replace(canvas, held_out=np.arange(21) % 7 == 3)
    folds = [set(choose_people(many, f"fold-{k}")) for k in range(FOLDS)]
    assert sum(map(len, folds)) == 18 and set.union(*folds) == set(choose_people(many, "training"))
    assert set(choose_people(many, "learning")) == set.union(*folds[:-1])
    assert not set.union(*folds) & set(choose_people(many, "held_out"))


def test_people_can_be_left_out_of_a_pool(crowd, mixes):
    rng = np.random.default_rng(0)

    def shares(pool: Pool) -> torch.Tensor:
        labels = pool.batch(200, 128, rng, blinking=0.3)[2]
        return labels[:, label_fields(len(crowd.ids))["id_w"]].reshape(200, 2, 8).sum((0, 1))

    assert (shares(Pool(mixes / "all", without=[1, 6])) > 0).tolist() == [
        True,
        False,
        True,
        True,
        True,
        True,
        False,
        True,
    ]
    everybody = Pool(mixes / "all")
    assert (shares(everybody) > 0).all()
    closed = everybody.all_labels()[:, LABEL_FIELDS["eyes_open"].start] < 0.5
    assert everybody.blinking == pytest.approx(closed.mean())


@pytest.fixture
def network() -> AttributeNetwork:
    torch.manual_seed(0)
    return AttributeNetwork(**ARGUMENTS).eval()


def test_calibrated_deviations_hold_68_percent(mixes, network):
    """Of all errors, and of those where the network doubts as of those where it does not."""
    pool = Pool(mixes / "fold")

    def held() -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng(2)
        errors, deviations = errors_and_deviations(network, *batch(pool, 200, rng), rng)
        return (errors < 1).float().mean(0), by_doubt(errors, deviations)[0]

    everywhere, parts = held()
    assert ((everywhere - 0.68).abs() > 0.1).any() and parts.log().abs().mean() > 0.4
    calibrate(network, pool, {}, count=200)
    everywhere, parts = held()
    assert everywhere.numpy() == pytest.approx(0.68, abs=0.02)
    assert parts.log().abs().mean() < 0.15
    gains = network.gains.clone()
    calibrate(network, pool, {"pitch": 0.5}, count=200)
    change = network.gains - gains
    assert change[:, 0].tolist() == pytest.approx([0, np.log(0.5), 0, 0, 0, 0], abs=1e-4)
    assert (change - change[:, :1]).abs().max() < 1e-4


def test_the_eyes_tower_learns_first_and_sees_nothing_but_eyes(mixes, network, tmp_path):
    tower, others = (
        network.eyes,
        {name: value.clone() for name, value in network.state_dict().items() if not name.startswith("eyes.")},
    )
    pool = Pool(mixes / "all")
    train_eyes(tower, pool, tmp_path, 0.1)
    read = torch.load(tmp_path / "eyes.pt", weights_only=True)
    assert read["step"] > 0 and all(
        torch.equal(value, others[name]) for name, value in network.state_dict().items() if name in others
    )
    image = pool.batch(1, 128, np.random.default_rng(0))[0]
    changed = image.clone()
    changed[:, :, :32], changed[:, :, 96:], changed[:, :, :, :16], changed[:, :, :, 112:] = 1, 1, 1, 1
    with torch.no_grad():
        seen = tower(image)
        assert torch.equal(tower(changed), seen)
        changed[:, :, 56:64, 48:56] = 1
        assert not torch.equal(tower(changed), seen)


def test_a_fold_is_judged_by_a_network_that_never_saw_it(mixes, tmp_path):
    errors, deviations = errors_on_fold(mixes / "all", mixes / "fold", tmp_path, name="fold-1", minutes=0.02)
    assert (
        errors.shape[1] == len(TARGETS)
        and (errors > 0).all()
        and deviations.shape == errors.shape
        and (tmp_path / "fold-1.pt").exists()
    )


def test_closed_eyes_are_drawn_oftener_and_weigh_less(mixes):
    pool, eyes = Pool(mixes / "all"), list(TARGETS).index("eyes_open")
    assert 0 < pool.blinking < 0.2
    draws = [training_batch(pool, 40, np.random.default_rng(i), side=32)[1:] for i in range(100)]
    truth, weight = (torch.cat(parts) for parts in zip(*draws, strict=True))
    closed = (truth[:, eyes] < 0.5).float()
    assert closed.mean() > pool.blinking + 0.1
    assert float((weight * closed).mean() / weight.mean()) == pytest.approx(pool.blinking, abs=0.02)
