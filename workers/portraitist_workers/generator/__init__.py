"""StyleGAN2 in plain PyTorch: `Generator`, its `config`, and the file layouts in `formats/`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import GeneratorConfig
from .mapping import Mapping
from .synthesis import Synthesis

__all__ = ["Generator", "GeneratorConfig"]


class Generator(nn.Module):
    """z [B, z_dim] -> image [B, 3, R, R]. The halves are `mapping` and `synthesis`."""

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
        """Sample images. `truncation_psi` 1: no truncation, 0: the mean face."""
        w_plus = self.synthesis.as_w_plus(self.mapping(z))
        w_plus = self.mapping.truncate(w_plus, truncation_psi, truncation_cutoff)
        return self.synthesis(w_plus, noise=noise, generator=generator, dtype=dtype)
