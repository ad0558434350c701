"""Muon: its steps are orthogonal and as long as asked for, and a photo is fitted in fewer of them than Adam takes."""

import copy
from pathlib import Path
from unittest import mock

import pytest
import torch

from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import decode, to_tensor
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.generator import GeneratorConfig, StyleGAN2
from portraitist_workers.inversion import pivotal
from portraitist_workers.inversion.muon import FROM, Muon, orthogonal
from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.priors import library


@pytest.mark.parametrize("shape", [(16, 144), (64, 64), (96, 32)])
def test_orthogonal_keeps_the_singular_vectors_and_evens_their_values(shape):
    rng = torch.Generator().manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=rng), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -2, min(shape))) @ v
    found = orthogonal(matrix)
    values = torch.diag(u.T @ found @ v.T)
    assert 0.6 < float(values.min()) and float(values.max()) < 1.3
    assert (found - u @ torch.diag(values) @ v).norm() < 1e-2 * found.norm()  # nothing between other pairs of vectors
    assert float(torch.linalg.svdvals(matrix).min()) < 0.02 * float(
        torch.linalg.svdvals(matrix).max()
    )  # they were uneven


def wide() -> StyleGAN2:
    """64 px with matrices for Muon."""
    torch.manual_seed(0)
    return StyleGAN2(
        GeneratorConfig(resolution=64, z_dim=16, w_dim=32, mapping_layers=0, channel_base=2048, channel_max=32)
    )


def test_steps_have_the_length_that_was_asked_for_and_leave_the_noise_alone():
    prior = wide().requires_grad_(False)
    optimizer = Muon(prior, lr=1e-3)
    before = copy.deepcopy(dict(prior.synthesis.named_parameters()))
    w = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
    prior.synthesis(w).square().mean().backward()
    optimizer.step()
    length = {n: float((p - before[n]).detach().square().mean().sqrt()) for n, p in prior.synthesis.named_parameters()}
    kernel = f"blocks.{FROM}.conv1.weight"
    assert length[kernel] == pytest.approx(1e-3, rel=0.25)
    assert length["blocks.8.conv1.weight"] == pytest.approx(1e-3, rel=0.25)  # Adam's first step
    assert (
        all(v == 0 for n, v in length.items() if n.endswith("noise_strength"))
        and "blocks.8.conv1.noise_strength" in length
    )
    step = (prior.synthesis.get_parameter(kernel) - before[kernel]).detach().flatten(1)
    coarse = (prior.synthesis.blocks["8"].conv1.weight - before["blocks.8.conv1.weight"]).detach().flatten(1)
    spread = [float(s[0] / s[s > 1e-4 * s[0]].median()) for s in map(torch.linalg.svdvals, (step, coarse))]
    assert spread[0] < 1.5 < spread[1]


def test_a_photo_is_fitted_sooner_than_by_adam():
    prior = library.load()
    file = Path(__file__).parents[1] / "people" / "bruno" / "bruno-16.jpg"
    picture = decode(file.read_bytes(), file.name)
    photo = to_tensor(crop(picture, ffhq_frame(detect_faces(picture)[0].points), prior.resolution)[None])
    loss = Reconstruction(load_perceptual())
    with torch.no_grad():
        w = prior.encoder(photo)

    def left(build) -> float:
        with mock.patch.object(pivotal, "Muon", build):
            tuned = pivotal.tune_to_photo(prior.generator, photo, w, loss, steps=15, lr=2e-3)
        return float(loss(tuned.synthesis(w), photo, 0))

    by_muon, by_adam = (
        left(Muon),
        left(
            lambda g, lr: torch.optim.Adam([p.requires_grad_() for p in g.tunable().values()], lr=lr, betas=(0.9, 0.95))
        ),
    )
    assert by_muon < 0.93 * by_adam
