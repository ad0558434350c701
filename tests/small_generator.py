"""A small random generator and perceptual stand-in, so that the persona's machinery is tested in seconds."""

import torch

from portraitist_workers.generator import GeneratorConfig, StyleGAN2
from portraitist_workers.generator.parts import Parts, PartsConfig


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


def parts(**more) -> Parts:
    """A small random generator of four parts."""
    torch.manual_seed(0)
    sizes = {"z_dim": 8, "code_dim": 8, "mapping_layers": 2, "coarse": 16, "smallest": 8, "local_channels": 8}
    sizes |= {"feature_channels": 8, "channels": {16: 8, 32: 8}}
    names = ("background", "skin", "nose", "glasses")
    return Parts(PartsConfig(32, names, **(sizes | more))).eval().requires_grad_(False)


def part_latents(made: Parts, count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, made.config.w_dim, generator=torch.Generator().manual_seed(seed))


def latents(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().flatten(1).mean(1)
