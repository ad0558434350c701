"""What the rest of the project asks of a face generator, of whatever kind it is.

Personalisation, inversion, tuning, compact storage and warm serving use this and nothing else. A new kind is a subclass and a
row in `kinds.KINDS`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

import torch
from torch import Tensor, nn

from .layers import EqualizedLinear
from .mapping import ToW


class Config(Protocol):
    """The sizes of one generator, as its file says them."""

    @property
    def resolution(self) -> int: ...
    @property
    def z_dim(self) -> int: ...
    @property
    def w_dim(self) -> int: ...
    @property
    def num_ws(self) -> int: ...
    def check(self) -> None:
        """Raises ValueError for sizes that no generator of the kind has, before anything is allocated."""

    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Config: ...


@dataclass(frozen=True)
class Layer:
    """One layer that a style drives. `module.affine` maps row `row` of w_plus to that style."""

    resolution: int  # px, of what comes out
    name: str  # within its resolution
    row: int
    module: nn.Module

    @property
    def key(self) -> tuple[int, str]:
        return self.resolution, self.name

    @property
    def affine(self) -> EqualizedLinear:
        """Or what has its `weight` and `shift`, where several parts' layers are one."""
        return cast(EqualizedLinear, self.module.affine)


class Generator(nn.Module, ABC):
    """z [B, z_dim] -> w [B, w_dim] -> image [B, 3, R, R], fp32, about [-1, 1].

    kind         what files call it
    config_type  the class of `config`
    mapping      z -> w; it belongs to the prior, and nothing of a person lies in it
    """

    kind: ClassVar[str]
    config_type: ClassVar[type[Config]]
    config: Any  # a `Config`
    mapping: ToW

    @property
    def w_dim(self) -> int:
        return self.config.w_dim

    @property
    def num_ws(self) -> int:
        """Rows of a w_plus."""
        return self.config.num_ws

    @property
    def resolution(self) -> int:
        """R, pixels a side."""
        return self.config.resolution

    @abstractmethod
    def images(
        self,
        w: Tensor | Sequence[Tensor],
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
    ) -> Tensor:
        """Images of w [B, w_dim], w_plus [B, num_ws, w_dim] or `styles`; [B, 3, until, until] when `until` is given.

        noise  "const" (that of the weights), "none", or "random" drawn from `generator`
        dtype  of the feature maps
        """

    @abstractmethod
    def layers(self) -> list[Layer]:
        """Every layer that a style drives, in the order of computation."""

    @abstractmethod
    def styles(self, w: Tensor) -> list[Tensor]:
        """w or w_plus -> the style [B, channels] of each of `layers()`."""

    @abstractmethod
    def weights(self) -> dict[str, nn.Parameter]:
        """What `images` computes with, by name, always in this order. A persona is stored as its change."""

    @abstractmethod
    def tunable(self) -> dict[str, nn.Parameter]:
        """Those of `weights()` that tuning changes."""

    def stylable(self) -> dict[str, nn.Parameter]:
        """Those of `tunable()` that a style changes: with which the layers draw, not which say what. Here all but the affine layers."""
        affine = {id(p) for layer in self.layers() for p in layer.affine.parameters()}
        return {name: p for name, p in self.tunable().items() if id(p) not in affine}

    @abstractmethod
    def held(self) -> Iterator[Tensor]:
        """All tensors that a copy keeps in memory: weights, buffers, and what is remembered beside them."""

    def copy(self) -> Generator:
        """One with weights of its own; the mapping is shared."""
        return copy.deepcopy(self, {id(self.mapping): self.mapping})
