"""Parts of the prior's training that can be checked in seconds."""

import numpy as np
import pytest
import torch

from portraitist.priors.prior import bundled
from portraitist.provenance.search import find
from portraitist_workers.faces.image_io import to_tensor, to_uint8
from portraitist_workers.generator import GeneratorConfig
from portraitist_workers.generator.formats import native
from portraitist_workers.generator.mapping import Mapping
from portraitist_workers.priors import library
from portraitist_workers.priors.training import mapping as training
from portraitist_workers.priors.training.distortions import conditions, marked
from portraitist_workers.priors.training.losses import BORDER_WEIGHT, random_view, where_to_look
from portraitist_workers.priors.training.verification import equal_error
from portraitist_workers.provenance.marking import STRENGTH


def two_moons(count, seed):
    """[count, 16]: two arcs in the first two axes, noise in the others."""
    rng = torch.Generator().manual_seed(seed)
    angle = torch.rand(count, generator=rng) * torch.pi
    upper = torch.rand(count, generator=rng) < 0.5
    arc = torch.stack([angle.cos() + 0.5 * upper, torch.where(upper, 0.5 - angle.sin(), angle.sin())], 1)
    return torch.cat(
        [3 * arc + 0.1 * torch.randn(count, 2, generator=rng), 0.3 * torch.randn(count, 14, generator=rng)], 1
    )


@pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="teaching a mapping network needs torch 2.9 (the extra `train`)"
)
def test_the_mapping_finds_the_distribution_of_w():
    torch.manual_seed(0)
    mapping = Mapping(GeneratorConfig(32, z_dim=16, w_dim=16, mapping_layers=4))
    w = two_moons(4000, 0)
    unseen = two_moons(1000, 1)
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(2))
    before = training.sliced_distance(mapping(z).detach(), unseen)
    found = training.fit(mapping, w, flow_steps=120, pairs=4000, steps=600, told=lambda line: None)
    after = training.sliced_distance(mapping(z), unseen)
    assert after < 0.25 * before and found["sliced_distance"] < 1.5 * found["floor"] and found["missed"] < 0.2
    assert torch.allclose(mapping.w_avg, w.mean(0), atol=0.1)


def test_w_is_taken_from_pictures_and_their_mirror_images():
    prior = library.load()
    pictures = np.random.default_rng(0).integers(0, 256, (3, prior.resolution, prior.resolution, 3), np.uint8)
    w, mirrored = training.found_in([pictures], prior), training.found_in([pictures[:, :, ::-1]], prior)
    assert w.shape == (6, prior.generator.config.w_dim)
    assert torch.allclose(w, mirrored[[3, 4, 5, 0, 1, 2]], atol=1e-4) and not torch.allclose(w, mirrored, atol=1e-2)
    with torch.no_grad():
        said = prior.encoder(to_tensor(pictures))
    assert torch.allclose(w[0] - w[1], training.BEYOND * (said[0] - said[1]), atol=1e-3)
    with pytest.raises(ValueError, match=f"--size {prior.resolution}"):
        training.found_in([pictures[:, ::2, ::2]], prior)


def test_a_prior_takes_the_mapping_of_another(tmp_path):
    training.main(["--like", str(bundled()), "--prior", str(bundled("default-256")), "--out", str(tmp_path)])
    made, about = native.load(tmp_path / "generator.safetensors")
    ours, theirs = library.load("default-256").generator, library.load().generator
    assert all(
        torch.equal(a, b)
        for a, b in zip(made.mapping.state_dict().values(), theirs.mapping.state_dict().values(), strict=True)
    )
    assert all(
        torch.equal(a, b)
        for a, b in zip(made.synthesis.state_dict().values(), ours.synthesis.state_dict().values(), strict=True)
    )
    assert about["mapping"] == native.load(bundled() / "generator.safetensors")[1]["mapping"] and "licence" in about


def test_training_sees_the_mark_that_is_delivered():
    rng = np.random.default_rng(0)
    pictures = torch.nn.functional.interpolate(
        torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5, (128, 128), mode="bicubic"
    )
    change = (marked(pictures, rng) - pictures) * 127.5
    assert STRENGTH[0] * 0.9 < float(change.square().mean().sqrt()) < STRENGTH[1] * 1.1
    score, without = (
        max(find(pixels).score for pixels in to_uint8(p))
        for p in (marked(pictures, np.random.default_rng(3)), pictures)
    )
    assert score > 2 * without


def test_conditions_differ_and_begin_with_the_clean_one():
    pictures = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = conditions(pictures, np.random.default_rng(0))
    assert next(iter(seen)) == "clean" and seen["clean"] is pictures
    for name, changed in list(seen.items())[1:]:
        assert changed.shape == pictures.shape and float((changed - pictures).abs().mean()) > 1e-3, name


@pytest.mark.parametrize(("gap", "rate"), [(10.0, 0.0), (0.0, 0.5), (2.0, 0.159)])
def test_equal_error_rate(gap, rate):
    rng = np.random.default_rng(0)
    found, threshold = equal_error(rng.normal(gap, 1, 4000), rng.normal(0, 1, 20_000))
    assert abs(found - rate) < 0.02 and -0.5 < threshold - gap / 2 < 0.5


@pytest.mark.parametrize(("resolution", "half"), [(64, 32), (128, 64)])
def test_views_are_the_whole_or_the_same_window_of_all(resolution, half):
    """Pictures whose values are their own columns, seen at 64 px: the whole has them all, a window every one of some."""
    columns = torch.arange(resolution, dtype=torch.float32).expand(1, 1, resolution, resolution)
    rng, spans = torch.Generator().manual_seed(0), []
    for _ in range(40):
        a, b = random_view(columns, columns + 1, size=64, rng=rng)
        assert a.shape == (1, 1, 64, 64) and torch.allclose(b - a, torch.ones_like(a), atol=1e-4)
        spans.append(float(a.max() - a.min()))
    windows = [span for span in spans if span < 0.8 * resolution]
    assert 10 < len(windows) < 30 and max(windows) < half + 1


@pytest.mark.parametrize(("resolution", "edge"), [(64, 0), (128, 1), (256, 2)])
def test_outermost_pixels_weigh_more_in_large_pictures(resolution, edge):
    heavy = where_to_look(torch.ones(1, 1, resolution, resolution))[0, 0] == BORDER_WEIGHT
    inside = torch.zeros_like(heavy)
    inside[edge : resolution - edge, edge : resolution - edge] = True
    assert torch.equal(heavy, ~inside)
