"""Our generator equals the reference implementations, in both layouts and every mode."""

import numpy as np
import pytest
import reference_vectors
import torch
from reference_vectors import thinned

from portraitist_workers.generator.formats import nvidia, rosinality

TOLERANCE = 1e-4


def close(ours: torch.Tensor, reference: np.ndarray) -> float:
    return (ours - torch.from_numpy(reference)).abs().max().item()


@pytest.fixture(scope="module")
def ada(vectors, tmp_path_factory):
    canary = tmp_path_factory.mktemp("canary") / "touched"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTRAITIST_CANARY", str(canary))
        generator = nvidia.load(vectors / "nvidia_ada_64.pkl")
    assert not canary.exists(), "the importer ran code that the pickle carries"
    return generator, reference_vectors.load("nvidia_ada_64")


@pytest.fixture(scope="module")
def ros(vectors):
    return rosinality.load(vectors / "rosinality_64.pt"), reference_vectors.load("rosinality_64")


@torch.no_grad()
def test_nvidia(ada):
    generator, ref = ada
    z = torch.from_numpy(ref["z"])
    w = generator.synthesis.as_w_plus(generator.mapping(z))
    assert close(w, ref["w"]) <= TOLERANCE
    assert close(generator.mapping.truncate(w, 0.7), ref["w_trunc07"]) <= TOLERANCE
    assert close(generator(z), ref["img"]) <= TOLERANCE
    assert close(thinned(generator(z, truncation_psi=0.7)), ref["img_trunc07"]) <= TOLERANCE
    assert close(thinned(generator(z, noise="none")), ref["img_nonoise"]) <= TOLERANCE
    assert close(thinned(generator.synthesis(torch.from_numpy(ref["w_plus"]))), ref["img_w_plus"]) <= TOLERANCE
    assert close(generator(z, noise="none"), ref["img"]) > 10 * TOLERANCE  # the noise does something


@torch.no_grad()
def test_rosinality(ros):
    generator, ref = ros
    z = torch.from_numpy(ref["z"])
    assert close(generator.mapping(z), ref["w"]) <= TOLERANCE
    assert close(generator.mapping.w_avg[None], ref["latent_avg"]) <= TOLERANCE
    assert close(generator(z), ref["img"]) <= TOLERANCE
    assert close(thinned(generator(z, truncation_psi=0.7)), ref["img_trunc07"]) <= TOLERANCE
    assert close(thinned(generator.synthesis(torch.from_numpy(ref["w_plus"]))), ref["img_w_plus"]) <= TOLERANCE
