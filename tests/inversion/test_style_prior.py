"""The Gaussian over styles: latents' own styles are about 1 away, others farther, and inversion stays nearer to it."""

import small_generator
import torch

from portraitist_workers.inversion.optimize import refine_styles
from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.inversion.style_prior import StylePrior
from portraitist_workers.priors import library


def drawn(generator, count, seed):
    z = torch.randn(count, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return generator.styles(generator.mapping(z))


def test_styles_of_latents_are_likely_and_shuffled_ones_are_not():
    """A diagonal Gaussian takes numbers of different people for one person's styles; the full one does not."""
    generator = library.load().generator
    own = drawn(generator, 64, 9)
    rng = torch.Generator().manual_seed(1)
    mixed = [
        torch.stack([column[torch.randperm(len(column), generator=rng)] for column in style.T], 1) for style in own
    ]
    full, diagonal = StylePrior.of(generator), StylePrior.of(generator, diagonal=True)
    assert len(full.spread) < 300 < len(full.mean)
    for prior in (full, diagonal):
        assert 0.7 < prior.distance(own).mean() < 1.4
    assert abs(diagonal.distance(mixed).mean() - diagonal.distance(own).mean()) < 0.1
    assert full.distance(mixed).mean() > 10 * full.distance(own).mean()


def test_inversion_stays_nearer_to_it():
    generator = small_generator.generator(resolution=64)
    prior = StylePrior.of(generator)
    photos = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loss = Reconstruction(lambda a, b: (a - b).square().flatten(1).mean(1))
    start = drawn(generator, 2, 3)
    free, held = (refine_styles(generator, photos, start, loss, steps=25, prior=p) for p in (None, prior))
    assert prior.distance(held).mean() < 0.7 * prior.distance(free).mean()
