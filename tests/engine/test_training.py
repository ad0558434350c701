"""Training on the engine's renders: which pools are read, and how a prior of twice the size goes on from the smaller one."""

import json

import pytest
import torch

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.priors.engine.labels import label_fields
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
    fields = {name: [at.start, at.stop] for name, at in label_fields(3).items()}
    (tmp_path / "pool.json").write_text(json.dumps({"fields": fields}))
    assert len(Pool(tmp_path)) == 0
    (tmp_path / "pool.json").write_text(json.dumps({"fields": {name: at for name, at in fields.items() if name != "shape"}}))
    with pytest.raises(ValueError, match="render it anew"):
        Pool(tmp_path)
