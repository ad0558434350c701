"""Sizes of one parts generator, each named once, and where each part's codes lie in its w."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

MOST = {
    "resolution": 1024,
    "z_dim": 2048,
    "code_dim": 2048,
    "mapping_layers": 16,
    "local_channels": 512,
    "channels": 2048,
}
MOST_PARTS = 64
HEAVIEST = 200  # million weights; the published one has 20
BACKGROUND = 0  # the number of the background among the parts: it has no base code and no depth


@dataclass(frozen=True)
class PartsConfig:
    """Shape of a parts generator. Its w is the product of the parts' spaces (equation 1): codes of `code_dim` numbers one after another.
    The base's come first, then shape and texture of each part, in the order of `parts`.

    A part's local generator has `base_layers`, then layers of its shape, then of its texture. The base's code drives the first ones
    in all parts but the background, where its own shape does.
    """

    resolution: int  # output pixels, a power of two
    parts: tuple[str, ...]  # the first is the background
    z_dim: int = 512
    code_dim: int = 512
    mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    joint: bool = False  # whether z makes the codes of all parts by a matrix of its own, or one code for all
    transparent: tuple[str, ...] = ()  # parts through which others are seen, such as glasses
    toned: tuple[str, ...] = ()  # parts whose texture layers see the texture code of `tone`, too
    tone: str = "skin"
    coarse: int = 64  # px a side of the local generators' maps
    smallest: int = 16  # px to which the render network shrinks them first
    centred: bool = (
        False  # whether coordinates are those of the pixels' centres, or -1 at the first pixel and 1 at the last
    )
    joined: tuple[
        int, ...
    ] = ()  # px of the render network's blocks that the features join; empty: the one above `coarse`
    octaves: int | None = None  # of the position encoding; None: log2(resolution)
    base_layers: int = 2
    shape_layers: int = 4
    texture_layers: int = 4
    local_channels: int = 64  # h
    feature_channels: int = 512  # C, of the fused map
    channels: dict[int, int] = field(default_factory=dict)  # of the render network by resolution; missing: as StyleGAN2
    residual: bool = True  # the segmentation is the masses plus a correction; False: it comes from the features alone

    @property
    def layers(self) -> int:
        """L, of one local generator."""
        return self.base_layers + self.shape_layers + self.texture_layers

    @property
    def depth_layer(self) -> int:
        """The pseudo-depth is read after so many layers."""
        return self.base_layers + self.shape_layers

    @property
    def codes(self) -> int:
        """2 + 2 K in the paper."""
        return self.base_layers + 2 * len(self.parts)

    @property
    def w_dim(self) -> int:
        return self.codes * self.code_dim

    @property
    def num_ws(self) -> int:
        """Rows of a w_plus. One: the parts have codes of their own already."""
        return 1

    @property
    def frequencies(self) -> int:
        return int(math.log2(self.resolution)) if self.octaves is None else self.octaves

    @property
    def render_resolutions(self) -> list[int]:
        """Of the render network's blocks, from the first that is larger than `smallest`."""
        first, last = int(math.log2(self.smallest)) + 1, int(math.log2(self.resolution))
        return [2**i for i in range(first, last + 1)]

    @property
    def joins(self) -> tuple[int, ...]:
        return self.joined or (2 * self.coarse,)

    def width(self, resolution: int) -> int:
        return self.channels.get(resolution) or max(1, min(32768 // resolution, 512))

    def part(self, name: str) -> int:
        """Number of a part. Raises ValueError for a name that it does not have."""
        if name not in self.parts:
            raise ValueError(f"no part {name!r}; there are {', '.join(self.parts)}")
        return self.parts.index(name)

    def shape_code(self, name: str) -> int:
        return self.base_layers + 2 * self.part(name)

    def texture_code(self, name: str) -> int:
        return self.shape_code(name) + 1

    def driver(self, part: int, layer: int) -> int:
        """The number of the code that drives `layer` of `part`."""
        if layer < self.base_layers and part != BACKGROUND:
            return layer
        return self.base_layers + 2 * part + (layer >= self.depth_layer)

    def check(self) -> None:
        """Raises ValueError for sizes that no such generator has, before anything of a stranger's file is allocated."""
        widths = [self.feature_channels, *(self.width(r) for r in self.render_resolutions)]
        for name, value in {"channels": max(widths), **{n: getattr(self, n) for n in MOST if n != "channels"}}.items():
            if not 0 <= value <= MOST[name]:
                raise ValueError(f"its {name} is {value}; at most {MOST[name]} can be used")
        if not 2 <= len(self.parts) <= MOST_PARTS or len(set(self.parts)) < len(self.parts):
            raise ValueError(f"it has {len(self.parts)} parts; 2 to {MOST_PARTS} of different names can be used")
        sizes = {"resolution": self.resolution, "coarse": self.coarse, "smallest": self.smallest}
        for name, value in sizes.items():
            if value < 4 or value & (value - 1):
                raise ValueError(f"its {name} is {value} px; it must be a power of two, at least 4")
        if not self.smallest < self.coarse < self.resolution:
            raise ValueError(f"its maps do not grow: {self.smallest}, {self.coarse} and {self.resolution} px")
        if not set(self.joins) <= set(self.render_resolutions):
            raise ValueError(
                f"its features join blocks of {self.joins} px; it has blocks of {self.render_resolutions} px"
            )
        if not all(1 <= n <= 16 for n in (self.base_layers, self.shape_layers, self.texture_layers)):
            raise ValueError("its local generators have no layers, or too many: 1 to 16 of each sort can be used")
        if (millions := self._weights() / 1e6) > HEAVIEST:
            raise ValueError(f"it would have {millions:.0f} million weights; at most {HEAVIEST} million can be used")
        for name in (*self.transparent, *self.toned, *([self.tone] if self.toned else [])):
            self.part(name)

    def _weights(self) -> int:
        """About how many there are."""
        K, h, last = len(self.parts), self.local_channels, self.z_dim if self.joint else self.code_dim
        widths = [self.feature_channels, *(self.width(r) for r in self.render_resolutions)]
        render = sum(9 * b * (a + b + self.feature_channels) for a, b in zip(widths[:-1], widths[1:], strict=True))
        mapping = self.mapping_layers * last * max(last, self.z_dim) + self.w_dim * last * self.joint
        return 2 * K * self.layers * h * (h + self.code_dim) + K * h * self.feature_channels + render + mapping

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PartsConfig:
        data = dict(data)
        data["channels"] = {int(k): int(v) for k, v in (data.get("channels") or {}).items()}
        for name in ("parts", "transparent", "toned", "joined"):
            data[name] = tuple(data.get(name) or ())
        return cls(**data)
