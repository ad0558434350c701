"""rosinality/stylegan2-pytorch checkpoints: {"g_ema": state_dict, "latent_avg": [1, w_dim]}."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from portraitist.errors import PriorUnavailable

from .. import Generator, GeneratorConfig


def load(path: Path) -> Generator:
    """The EMA generator in `path`. Raises PriorUnavailable when the file is refused or has another layout."""
    try:
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
        return _build(checkpoint["g_ema"], checkpoint.get("latent_avg"))
    except (pickle.UnpicklingError, KeyError, RuntimeError, ValueError) as error:
        raise PriorUnavailable(f"{path} is not a rosinality StyleGAN2 checkpoint: {error}", param=str(path)) from error


def _foreign_name(name: str) -> str:
    """synthesis.blocks.8.conv0.affine.weight -> convs.0.conv.modulation.weight, and so on."""
    parts = name.split(".")
    if parts[0] == "mapping":
        return "latent_avg" if parts[1] == "w_avg" else f"style.{int(parts[2]) + 1}.{parts[3]}"
    level = int(parts[2]).bit_length() - 3  # 4 px: 0, 8 px: 1, ...
    if parts[3] == "const":
        return "input.input"
    layer, leaf = parts[3], ".".join(parts[4:])
    if layer == "torgb":
        base = "to_rgb1" if level == 0 else f"to_rgbs.{level - 1}"
        leaves = {"bias": "bias"}
    else:
        base = "conv1" if level == 0 else f"convs.{2 * (level - 1) + (layer == 'conv1')}"
        leaves = {"bias": "activate.bias", "noise_strength": "noise.weight"}
        if leaf == "noise_const":
            return f"noises.noise_{0 if level == 0 else 2 * level - 1 + (layer == 'conv1')}"
    leaves |= {"weight": "conv.weight", "affine.weight": "conv.modulation.weight", "affine.bias": "conv.modulation.bias"}
    return f"{base}.{leaves[leaf]}"


def _build(source: dict[str, Tensor], latent_avg: Tensor | None) -> Generator:
    widths = {4: source["conv1.conv.weight"].shape[1]}
    while f"convs.{2 * (len(widths) - 1)}.conv.weight" in source:
        widths[4 << len(widths)] = source[f"convs.{2 * len(widths) - 1}.conv.weight"].shape[1]
    layers = sum(1 for name in source if name.startswith("style.") and name.endswith(".weight"))
    w_dim = source["style.1.weight"].shape[0]
    config = GeneratorConfig(
        resolution=max(widths), z_dim=source["style.1.weight"].shape[1], w_dim=w_dim, mapping_layers=layers, channels=widths
    )
    generator = Generator(config)
    source = {**source, "latent_avg": torch.zeros(w_dim) if latent_avg is None else latent_avg}
    target = {name: source[_foreign_name(name)].float().reshape(value.shape) for name, value in generator.state_dict().items()}
    generator.load_state_dict(target)
    return generator.eval().requires_grad_(False)
