"""StyleGAN2 (Karras et al. 2020, arXiv 1912.04958) as a `Generator`: a mapping network and a synthesis network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from .config import GeneratorConfig
from .layers import ModulatedConv
from .mapping import Mapping
from .protocol import Generator, Layer
from .synthesis import Synthesis


class StyleGAN2(Generator):
    """The halves are `mapping` and `synthesis`; whoever works on features opens `synthesis` step by step."""

    kind = "stylegan2"
    config_type = GeneratorConfig
    mapping: Mapping

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)

    def forward(
        self,
        z: Tensor,
        *,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Images of z [B, z_dim]. `truncation_psi` 1: no truncation, 0: the mean face."""
        w_plus = self.synthesis.as_w_plus(self.mapping(z))
        w_plus = self.mapping.truncate(w_plus, truncation_psi, truncation_cutoff)
        return self.synthesis(w_plus, noise=noise, generator=generator, dtype=dtype)

    def images(
        self,
        w: Tensor | Sequence[Tensor],
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
    ) -> Tensor:
        return self.synthesis(w, noise=noise, generator=generator, dtype=dtype, until=until)

    def layers(self) -> list[Layer]:
        return self.synthesis.layers()

    def styles(self, w: Tensor) -> list[Tensor]:
        return self.synthesis.styles(w)

    def weights(self) -> dict[str, nn.Parameter]:
        return dict(self.synthesis.named_parameters())

    def tunable(self) -> dict[str, nn.Parameter]:
        """All but how strong the noise is."""
        return {name: p for name, p in self.weights().items() if not name.endswith("noise_strength")}

    def held(self) -> Iterator[Tensor]:
        yield from self.synthesis.parameters()
        yield from self.synthesis.buffers()
        for layer in self.layers():
            if isinstance(layer.module, ModulatedConv):
                yield from layer.module.remembered()
