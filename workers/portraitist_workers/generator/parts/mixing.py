"""Codes of parts, taken from one latent into another."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from .config import PartsConfig

BASE = "base"  # what all parts share: where the head is, and how it is turned


def numbers(config: PartsConfig, names: Iterable[str], *, shape: bool = True, texture: bool = True) -> list[int]:
    """Which codes belong to the named parts, or to "base". Raises ValueError for names that there are not."""
    found: list[int] = []
    for name in names:
        if name == BASE:
            found += range(config.base_layers)
            continue
        found += [config.shape_code(name)] * shape + [config.texture_code(name)] * texture
    return found


def taken(
    config: PartsConfig, w: Tensor, other: Tensor, names: Iterable[str], *, shape: bool = True, texture: bool = True
) -> Tensor:
    """w [..., w_dim] with the named parts of `other`; the shape or the texture alone, where the other is False. Raises ValueError."""
    chosen = numbers(config, names, shape=shape, texture=texture)
    codes = w.unflatten(-1, (config.codes, config.code_dim)).clone()
    codes[..., chosen, :] = other.unflatten(-1, (config.codes, config.code_dim))[..., chosen, :]
    return codes.flatten(-2)
