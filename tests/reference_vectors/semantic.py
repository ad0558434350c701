"""The official SemanticStyleGAN's weights under our names. Its weights and learnt scales are one tensor in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch

from portraitist_workers.generator.parts import Parts, PartsConfig
from portraitist_workers.priors.training.parts.discriminator import DualDiscriminator

from . import thinned, weights

# What starts as a constant, 1 for scales and else 0. In this run a tenth of noise was added.
CONSTANT = (".bias", ".modulation", ".noise.weight")


def cut(vectors: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """What the tests need of the complete file. Raises ValueError where a weight is not what the seed gives."""
    names = [name for name in vectors.files if vectors[name].dtype == np.float16 and "kernel" not in name]
    rows = [[name, vectors[name].shape, *_spread(name)] for name in _order(names)]
    kept = {"sizes": vectors["sizes"], "recipe": np.array(json.dumps({"seed": 0, "drawn": rows}))}
    for name, weight in _rounded(kept).items():
        if not np.array_equal(weight.numpy(), vectors[name]):
            raise ValueError(f"{name} was not drawn from seed 0 in this order")
    whole = (
        "in/",
        "codes/expanded",
        "codes/mask_loss",
        "d/out",
        "d/penalty",
        "part_moved/coarse",
        "part_dropped/coarse",
    )
    kept |= {name: vectors[name] for name in vectors.files if name.startswith(whole)}
    # what the discriminator judges has to be whole; it is what the generator makes, to the sixth digit
    for name in ("codes/rgb", "codes/seg", "part_moved/rgb", "part_dropped/rgb", "z/rgb"):
        kept[name] = thinned(vectors[name])
    for name in ("codes/coarse", "codes/depths"):  # as the complete file has the other masks
        kept[name] = vectors[name][..., ::2, ::2]
    return kept


def _order(names: list[str]) -> list[str]:
    """As the weights were drawn: when the networks were built, the render network block by block; then what starts as a constant."""
    built = [name for name in names if not name.endswith(CONSTANT)]
    blocks = [
        f"g/render_net.{part}"
        for n in range(3)
        for part in (
            *(f"convs.{2 * n + k}.weight" for k in (0, 1)),
            *(f"noises.noise_{2 * n + k}" for k in (0, 1)),
            *(f"{head}.{n}.conv.weight" for head in ("to_rgbs", "to_segs")),
        )
    ]
    first = built.index(blocks[0])
    built[first : first + len(blocks)] = blocks
    return built + [name for name in names if name.endswith(CONSTANT)]


def _spread(name: str) -> tuple[float, int]:
    """(divisor, middle)"""
    if name.endswith(CONSTANT):
        return 10, int("modulation" in name)
    return (0.01 if name.startswith("g/style") else 1), 0


def _rounded(vectors: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """All weights as the run had them: exact in float16."""
    return {name: weight.half().float() for name, weight in weights(vectors).items()}


def networks(vectors: dict[str, np.ndarray]) -> tuple[Parts, DualDiscriminator]:
    sizes, weight = json.loads(str(vectors["sizes"])), _rounded(vectors).__getitem__
    widths = {int(size): width for size, width in sizes["table"].items()}
    config = PartsConfig(
        sizes["size"],
        tuple(f"part{k}" for k in range(sizes["seg_dim"])),
        z_dim=sizes["style_dim"],
        code_dim=sizes["style_dim"],
        mapping_layers=sizes["n_mlp"],
        transparent=tuple(f"part{k}" for k in sizes["transparent_dims"]),
        coarse=sizes["coarse_size"],
        smallest=sizes["min_feat_size"],
        local_channels=sizes["local_channel"],
        feature_channels=sizes["coarse_channel"],
        channels=widths,
    )
    generator, discriminator = Parts(config), DualDiscriminator(config.resolution, len(config.parts), widths)
    generator.load_state_dict(_generator(config, weight))
    discriminator.load_state_dict(_discriminator(weight))
    return generator.requires_grad_(False), discriminator


def _generator(config, weight) -> dict[str, torch.Tensor]:
    parts = range(len(config.parts))
    state = {
        "mapping.w_avg": torch.zeros(config.w_dim),
        "local.positions.weight": weight("g/pos_embed.weights")[..., 0, 0],
    }
    for layer in range(config.layers):
        for ours, theirs in (
            ("affine_weight", "conv.modulation.weight"),
            ("affine_bias", "conv.modulation.bias"),
            ("bias", "activate.bias"),
        ):
            each = [weight(f"g/local_nets.{k}.linears.{layer}.{theirs}") for k in parts]
            state[f"local.layers.{layer}.{ours}"] = torch.stack(each)
        each = [weight(f"g/local_nets.{k}.linears.{layer}.conv.weight")[0, ..., 0, 0] for k in parts]
        state[f"local.layers.{layer}.weight"] = torch.stack(each)

    def scaled(name: str) -> torch.Tensor:
        return weight(f"{name}.weight") * weight(f"{name}.modulation")

    depths = [f"g/local_nets.{k}.to_depth" for k in parts if k]
    state["local.depth_weight"] = torch.stack([scaled(f"{name}.conv").flatten() for name in depths])
    state["local.depth_bias"] = torch.cat([weight(f"{name}.bias").flatten() for name in depths])
    features = [f"g/local_nets.{k}.to_feat" for k in parts]
    state["fusion.weight"] = torch.stack([scaled(f"{name}.conv")[..., 0, 0].T for name in features])
    state["fusion.bias"] = torch.stack([weight(f"{name}.bias").flatten() for name in features])
    for block, resolution in enumerate(config.render_resolutions):
        ours = f"render.blocks.{resolution}"
        for conv in (0, 1):
            number = 2 * block + conv
            theirs = f"g/render_net.convs.{number}"
            state[f"{ours}.conv{conv}.weight"] = scaled(theirs)
            state[f"{ours}.conv{conv}.bias"] = weight(f"{theirs}.activate.bias")
            state[f"{ours}.conv{conv}.noise_strength"] = weight(f"{theirs}.noise.weight")[0]
            state[f"{ours}.conv{conv}.noise_const"] = weight(f"g/render_net.noises.noise_{number}")[0, 0]
        heads = [f"g/render_net.to_{what}.{block}" for what in ("rgbs", "segs")]
        state[f"{ours}.tomaps.weight"] = torch.cat([scaled(f"{head}.conv")[..., 0, 0] for head in heads])
        state[f"{ours}.tomaps.bias"] = torch.cat([weight(f"{head}.bias").flatten() for head in heads])
    for layer in range(config.mapping_layers):
        for what in ("weight", "bias"):
            state[f"mapping.layers.{layer}.{what}"] = weight(f"g/style.{layer + 1}.{what}")
    return state


def _discriminator(weight) -> dict[str, torch.Tensor]:
    state = {"last.weight": weight("d/final_conv.0.weight"), "last.bias": weight("d/final_conv.1.bias")}
    for ours, theirs in (("of_picture", "d/convs_img"), ("of_masks", "d/convs_seg")):
        state |= {f"{ours}.0.weight": weight(f"{theirs}.0.0.weight"), f"{ours}.0.bias": weight(f"{theirs}.0.1.bias")}
        for block in range(1, 5):
            for name, source in (
                ("conv1.weight", "conv1.0.weight"),
                ("conv1.bias", "conv1.1.bias"),
                ("conv2.weight", "conv2.1.weight"),
                ("conv2.bias", "conv2.2.bias"),
                ("skip.weight", "skip.1.weight"),
            ):
                state[f"{ours}.{block}.{name}"] = weight(f"{theirs}.{block}.{source}")
    for layer in (0, 1):
        for what in ("weight", "bias"):
            state[f"linear{layer + 1}.{what}"] = weight(f"d/final_linear.{layer}.{what}")
    return state
