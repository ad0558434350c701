"""A small random generator and perceptual stand-in, so that the persona's machinery is tested in seconds."""

import torch

from portraitist_workers.generator import GeneratorConfig, StyleGAN2


def generator(seed: int = 0, resolution: int = 32) -> StyleGAN2:
    torch.manual_seed(seed)
    config = GeneratorConfig(resolution, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16)
    return StyleGAN2(config).eval().requires_grad_(False)


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().flatten(1).mean(1)
