"""rosinality/stylegan2-pytorch checkpoints: {"g_ema": state_dict, "latent_avg": [1, w_dim]}."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from portraitist.errors import PriorRefused

from .. import GeneratorConfig, StyleGAN2
from ..layers import EqualizedLinear
from .assemble import assemble
from .inert import number
from .nvidia import BAD_DATA
from .storages import STREAM_MAGIC, is_tensor, read_stream, read_zip, shape, tensor


def load(path: Path) -> StyleGAN2:
    """The EMA generator in `path`. Raises PriorRefused when the file is refused or has another layout."""
    try:
        with open(path, "rb") as file:
            stream = file.read(len(STREAM_MAGIC)) == STREAM_MAGIC
            file.seek(0)
            return build(read_stream(file) if stream else read_zip(file))
    except (*BAD_DATA, OSError) as error:
        raise PriorRefused(f"{path} is not a rosinality StyleGAN2 checkpoint: {error}", param=str(path)) from error


def is_checkpoint(content: Any) -> bool:
    return isinstance(content, dict) and (
        isinstance(content.get("g_ema"), dict) or "conv1.conv.modulation.weight" in content
    )


def build(content: dict[str, Any]) -> StyleGAN2:
    """From what the checkpoint holds, as inert records; a bare state_dict will do. Raises one of nvidia.BAD_DATA."""
    source = content["g_ema"] if isinstance(content.get("g_ema"), dict) else content
    if not is_tensor(source.get("style.1.weight")) or not is_tensor(source.get("conv1.conv.weight")):
        raise ValueError("its g_ema is no StyleGAN2 generator")
    widths = {4: shape(source["conv1.conv.weight"])[1]}
    while f"convs.{2 * (len(widths) - 1)}.conv.weight" in source and len(widths) < 12:
        widths[4 << len(widths)] = shape(source[f"convs.{2 * len(widths) - 1}.conv.weight"])[1]
    w_dim, z_dim = shape(source["style.1.weight"])
    config = GeneratorConfig(
        resolution=max(widths),
        z_dim=z_dim,
        w_dim=w_dim,
        mapping_layers=sum(1 for name in source if name.startswith("style.") and name.endswith(".weight")),
        mapping_lr_multiplier=float(number(content.get("lr_mlp", 0.01))),
        channels=widths,
        conv_clamp=None if content.get("conv_clamp") is None else float(number(content["conv_clamp"])),
    )
    average = content.get("latent_avg")

    def weight(name: str) -> Tensor:
        if name == "mapping.w_avg":
            return tensor(average) if is_tensor(average) else _average(source, config)
        return tensor(source[foreign_name(name)])

    return assemble(StyleGAN2, config, weight)


def _average(source: dict[str, Any], config: GeneratorConfig) -> Tensor:
    """Older checkpoints lack the mean of w: it is measured, with a fixed seed."""
    from ..mapping import Mapping

    mapping = Mapping(config)
    with torch.no_grad():
        for i, module in enumerate(mapping.layers):
            layer = cast(EqualizedLinear, module)
            layer.weight.copy_(tensor(source[f"style.{i + 1}.weight"]))
            layer.bias.copy_(tensor(source[f"style.{i + 1}.bias"]))
        z = torch.randn(10_000, config.z_dim, generator=torch.Generator().manual_seed(0))
        return mapping(z).mean(0)


def foreign_name(name: str) -> str:
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
    leaves |= {
        "weight": "conv.weight",
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
    }
    return f"{base}.{leaves[leaf]}"


def write(generator: StyleGAN2, path: Path, *, licence: str) -> None:
    """A checkpoint that rosinality's Generator loads (its widths permitting). `lr_mlp`, `conv_clamp` and `licence` are ours."""
    config, kernel = generator.config, torch.tensor([1.0, 3.0, 3.0, 1.0])
    blur = kernel[:, None] * kernel[None, :] / 16  # 64 / 16: the gain of 2x up-sampling
    ours = {name: value.detach().float().cpu() for name, value in generator.state_dict().items()}
    g_ema: dict[str, Tensor] = {}
    for name, value in ours.items():
        if name == "mapping.w_avg":
            continue
        theirs = foreign_name(name)
        g_ema[theirs] = value.reshape(_foreign_shape(theirs, value)).clone().contiguous()
        if theirs.endswith("conv.weight") and ".conv0." in name:
            g_ema[theirs.removesuffix("weight") + "blur.kernel"] = blur.clone()
        if theirs.startswith("to_rgbs.") and theirs.endswith(".bias") and "modulation" not in theirs:
            g_ema[theirs.removesuffix("bias") + "upsample.kernel"] = blur.clone()
    torch.save(
        {
            "g_ema": g_ema,
            "latent_avg": ours["mapping.w_avg"].clone(),
            "lr_mlp": config.mapping_lr_multiplier,
            "conv_clamp": config.conv_clamp,
            "licence": licence,
        },
        path,
    )


def _foreign_shape(name: str, value: Tensor) -> tuple[int, ...]:
    shape = tuple(value.shape)
    if name.endswith(".conv.weight") or name == "input.input":
        return (1, *shape)
    if name.startswith("noises."):
        return (1, 1, *shape)
    if name.startswith("to_rgb") and name.endswith(".bias") and "modulation" not in name:
        return (1, *shape, 1, 1)
    return (1,) if name.endswith("noise.weight") else shape
