"""Sizes of one StyleGAN2 generator, each named once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

MOST = {"resolution": 1024, "z_dim": 2048, "w_dim": 2048, "mapping_layers": 16}
WIDEST = 2048  # channels
HEAVIEST = 200  # million weights; the largest published one has 30


@dataclass(frozen=True)
class GeneratorConfig:
    """Shape of a generator. Raises ValueError for impossible sizes, before any work."""

    resolution: int  # output pixels, a power of two in 32..1024
    z_dim: int = 512  # input of the mapping network
    w_dim: int = 512  # intermediate latent
    mapping_layers: int = 8  # 0: no mapping network, only W is usable
    mapping_lr_multiplier: float = 0.01  # equalised learning rate of the mapping layers
    channel_base: int = 32768  # channels at resolution r: min(channel_base / r, channel_max)
    channel_max: int = 512
    channels: dict[int, int] = field(default_factory=dict)  # overrides per resolution; empty: the rule above
    conv_clamp: float | None = None  # clamp of every layer's output (256 in NVIDIA's files), None: no clamp

    def __post_init__(self) -> None:
        r = self.resolution
        if r < 4 or r & (r - 1):
            raise ValueError(f"resolution must be a power of two >= 4, got {r}")

    @property
    def resolutions(self) -> list[int]:
        """[4, 8, ..., resolution]"""
        return [2**i for i in range(2, int(math.log2(self.resolution)) + 1)]

    @property
    def num_ws(self) -> int:
        """Rows of a w_plus: two per resolution (18 at 1024)."""
        return 2 * len(self.resolutions)

    def width(self, resolution: int) -> int:
        """Feature channels at `resolution`."""
        return self.channels.get(resolution) or max(1, min(self.channel_base // resolution, self.channel_max))

    def check(self) -> None:
        """Raises ValueError for sizes that no StyleGAN2 has, before anything of a stranger's file is allocated."""
        for name, most in MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"its {name} is {getattr(self, name)}; at most {most} can be used")
        if self.resolution < 16:
            raise ValueError(f"its pictures have {self.resolution} px")
        widths = {resolution: self.width(resolution) for resolution in self.resolutions}
        for resolution, width in widths.items():
            if not 1 <= width <= WIDEST:
                raise ValueError(f"it has {width} channels at {resolution} px; at most {WIDEST} can be used")
        millions = sum(9 * b * (a + b) for a, b in zip([0, *widths.values()], widths.values(), strict=False)) / 1e6
        if millions > HEAVIEST:
            raise ValueError(
                f"its convolutions would have {millions:.0f} million weights; at most {HEAVIEST} million can be used"
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> GeneratorConfig:
        data = dict(data)
        data["channels"] = {int(k): int(v) for k, v in (data.get("channels") or {}).items()}
        return cls(**data)
