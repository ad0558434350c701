"""The official SemanticStyleGAN's weights under our names. Its weights and learnt scales are one tensor in ours."""

from __future__ import annotations

import json

import numpy as np
import torch

from portraitist_workers.generator.parts import Parts, PartsConfig
from portraitist_workers.priors.training.parts.discriminator import DualDiscriminator

SHOWN = 4  # every so manieth pixel of pictures and maps is kept


def cut(vectors: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """What the tests need of the complete file: all weights, and each fourth pixel of what full-sized maps show."""
    kept = {name: vectors[name] for name in vectors.files if "kernel" not in name and name != "about"}
    for name in ("codes/rgb", "codes/seg", "part_moved/rgb", "part_dropped/rgb", "z/rgb"):
        kept[name] = vectors[name][..., ::SHOWN, ::SHOWN]
    for name in (
        "part_moved/seg",
        "part_dropped/seg",
        "z/seg",
        "z/coarse",
        "part_moved/coarse",
        "codes/embedding_of_coords",
    ):
        del kept[name]
    for name in ("codes/coarse", "codes/depths"):
        kept[name] = vectors[name][..., ::2, ::2]
    # what the discriminator judges has to be whole; it is what the generator makes, to the sixth digit
    return kept


def networks(vectors: dict[str, np.ndarray]) -> tuple[Parts, DualDiscriminator]:
    sizes = json.loads(str(vectors["sizes"]))
    weight = lambda name: torch.from_numpy(vectors[name].astype(np.float32))  # noqa: E731
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
