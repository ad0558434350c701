"""`official` walks the same way as DragGAN's released renderer, on the bundled priors."""

import numpy as np
import pytest
import reference_vectors
import torch

from portraitist_workers.drag.official import official
from portraitist_workers.priors import library

RATE = 1e-2
# One sign of a difference near zero (the loss is an absolute value) turns in the last case: .00003 of the gradient.
SLACK = {("default-256", 9): 5e-5}


@pytest.fixture(scope="module")
def runs():
    return reference_vectors.load("draggan")


@pytest.mark.parametrize(
    ("prior", "seed"),
    [*(("default", seed) for seed in (0, 3, 4, 8)), *(("default-256", seed) for seed in (2, 6, 9))],
)
def test_points_gradient_and_latent(runs, prior, seed):
    loaded = library.load(prior)
    assert loaded.sha256[:16] in str(runs["about"]), "the prior was trained anew: it needs new reference runs"
    case = {name.split("/")[2]: value for name, value in runs.items() if name.startswith(f"{prior}/{seed}/")}
    synthesis, side = loaded.generator.synthesis, loaded.resolution
    w = torch.from_numpy(runs[f"{prior}/w0"][seed])[None, None].expand(1, synthesis.config.num_ws, -1)
    fixed = None
    if "fixed" in case:
        fixed = torch.from_numpy(np.unpackbits(case["fixed"])[: side * side].reshape(side, side)).float()
    steps = official(synthesis, w, case["handles"].tolist(), case["targets"].tolist(), fixed=fixed, rate=RATE)
    for number, (step, points) in enumerate(zip(steps, case["points"], strict=False)):
        assert step.points == [tuple(p) for p in points.tolist()], number
        if number == 0:
            expected = torch.from_numpy(case["gradient_step1"])
            assert (step.gradient - expected).norm() < SLACK.get((prior, seed), 1e-5) * expected.norm()
    assert number == 9
    assert (step.w - torch.from_numpy(case["w_after"])).abs().max() < 10 * RATE * 1e-2
