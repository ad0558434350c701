"""A small random generator and perceptual stand-in, so that the persona's machinery is tested in seconds."""

import torch

from portraitist_workers.generator import GeneratorConfig, StyleGAN2


def generator(seed: int = 0, resolution: int = 32) -> StyleGAN2:
    torch.manual_seed(seed)
    config = GeneratorConfig(resolution, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16)
    return StyleGAN2(config).eval().requires_grad_(False)


def noisy(seed: int = 0, resolution: int = 32) -> StyleGAN2:
    """With noise that shows."""
    made = generator(seed, resolution)
    for name, strength in made.named_parameters():
        if name.endswith("noise_strength"):
            strength.fill_(0.1)
    return made


def latents(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().flatten(1).mean(1)
