"""The judge of the adversarial phase: it learns what differs, and only that."""

import pytest
import torch
import torch.nn.functional as F

from portraitist_workers.priors.training.discriminator import Discriminator, gradient_penalty


def pairs(count, seed, *, blurred):
    """Pictures [count, 3, 32, 32] of smooth noise with grain, and the same without their grain or as they are."""
    rng = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.randn(count, 3, 4, 4, generator=rng), (32, 32), mode="bicubic")
    real = 0.5 * smooth + 0.1 * torch.randn(count, 3, 32, 32, generator=rng)
    return real, (F.avg_pool2d(F.pad(real, (1,) * 4, mode="reflect"), 3, 1) if blurred else real.clone())


@pytest.mark.parametrize("blurred, steps", [(True, 25), (False, 3)])
def test_it_learns_texture_and_finds_no_difference_where_there_is_none(blurred, steps):
    torch.manual_seed(0)
    discriminator = Discriminator(32)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99))
    for step in range(steps):
        real, fake = pairs(8, step, blurred=blurred)
        truth, found = discriminator(torch.cat([real, fake])).chunk(2)
        loss = F.softplus(found - truth).mean() + 1e-3 * gradient_penalty(discriminator, torch.cat([real, fake]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = pairs(32, 1000, blurred=blurred)
        truth, found = discriminator(real), discriminator(fake)
    told_apart = float((truth > found).float().mean())
    assert told_apart > 0.9 if blurred else told_apart == 0
    assert truth.shape == (32, 16 * 16 + 4 * 4)


def test_the_penalty_is_the_squared_slope():
    slope = torch.randn(5, 3 * 8 * 8, generator=torch.Generator().manual_seed(0))

    def linear(pictures):
        return pictures.flatten(1) @ slope.T

    pictures = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = slope.sum(0).square().sum() / 5
    assert float(gradient_penalty(linear, pictures)) == pytest.approx(float(expected), rel=0.02)
