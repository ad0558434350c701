"""How a finished prior is taught to close its eyes: what pairs differ in, and what may change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.generator.formats import native
from portraitist_workers.inversion import encoder as encoder_file
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library
from portraitist_workers.priors.engine import template
from portraitist_workers.priors.training import eyelids
from portraitist_workers.priors.training.losses import EYES

from .conftest import polygon


@pytest.fixture(scope="module")
def pairs(canvas, layout, tmp_path_factory):
    tex = canvas.tex.copy()
    for hole in (template.EYE_LEFT_HOLE, template.EYE_RIGHT_HOLE):  # the made-up heads have none
        tex[:, :, polygon(layout, layout[list(hole)]) > 0] = 250
    canvas = replace(canvas, tex=tex)
    folder = tmp_path_factory.mktemp("pairs")
    eyelids.render_pairs(canvas, np.arange(4), folder, size=128, count=12, seed=3, shard=6)
    return folder


def test_a_pair_differs_in_its_eyes_alone(pairs):
    opened, closed, change = eyelids.Pairs(pairs).batch(8, np.random.default_rng(0))
    assert opened.shape == (8, 3, 128, 128) and (change < 0).all()
    region = eyelids.lids(opened, closed)
    assert (region.amax((1, 2, 3)) > 0.5).all() and float(region.mean()) < 0.1
    top, bottom = (round(128 * row) for row in EYES[0])
    assert float(region[:, :, top - 8 : bottom + 8].sum() / region.sum()) > 0.95
    assert (eyelids.lids(opened, opened) == 0).all()


def test_a_lesson_changes_generator_and_encoder_and_nothing_else(pairs, tmp_path):
    prior = library.load()
    before = {name: value.clone() for name, value in prior.generator.state_dict().items()}
    lesson = eyelids.Lesson(prior, eyelids.Pairs(pairs), None)
    first, *_ = (lesson.step(0.5) for _ in range(3))
    rounding = 1e-6 if optimisation_dtype() == torch.float32 else 5e-3  # sums of another number of pictures
    assert first["same"] < rounding < first["lids"]
    lesson.write(tmp_path, {"licence": "ours"})
    again = eyelids.Lesson(prior, eyelids.Pairs(pairs), None)
    again.load(lesson.state())
    assert again.seen == lesson.seen == 3 * eyelids.BATCH
    assert lesson.step(0.5) == again.step(0.5)
    taught, metadata = native.load(tmp_path / "generator.safetensors")
    changed = {
        name.split(".")[2]
        for name, value in taught.state_dict().items()
        if not torch.allclose(value, before[name], atol=1e-6)
    }
    assert changed == {"16", "32", "64", "128"} and metadata == {"licence": "ours", "eyelids_seen": 24}
    assert all(torch.equal(value, before[name]) for name, value in prior.generator.state_dict().items())
    photo = torch.zeros(1, 3, 128, 128)
    assert not torch.equal(encoder_file.load(tmp_path / "encoder.safetensors")(photo), prior.encoder(photo))
