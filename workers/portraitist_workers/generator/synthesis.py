"""The synthesis network: w, w_plus or styles -> image (StyleGAN2, skip architecture)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from .config import GeneratorConfig
from .layers import ModulatedConv, ToRGB
from .upsampling import upsample2x

NOISE_MODES = ("const", "none", "random")


class Block(nn.Module):
    """One resolution: a learnt constant (4 px) or an up-convolution, a convolution, and the contribution to the image."""

    def __init__(self, config: GeneratorConfig, resolution: int) -> None:
        super().__init__()
        width, clamp = config.width(resolution), config.conv_clamp
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(width, 4, 4))
            self.conv0 = None
        else:
            self.conv0 = ModulatedConv(
                config.width(resolution // 2), width, config.w_dim, resolution, up=True, clamp=clamp
            )
        self.conv1 = ModulatedConv(width, width, config.w_dim, resolution, up=False, clamp=clamp)
        self.torgb = ToRGB(width, config.w_dim, clamp=clamp)

    def layers(self) -> list[ModulatedConv | ToRGB]:
        return [layer for layer in (self.conv0, self.conv1, self.torgb) if layer is not None]


class Synthesis(nn.Module):
    """Everything after the mapping network. Images are fp32 [B, 3, R, R], about [-1, 1]."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleDict({str(r): Block(config, r) for r in config.resolutions})

    def walk(self) -> Iterator[tuple[ModulatedConv | ToRGB, int]]:
        """Every layer with the row of w_plus that drives it. A block's ToRGB shares its row with the next block's first convolution."""
        row = 0
        for block in self.blocks.values():
            for layer in block.layers():
                yield layer, row
                row += not isinstance(layer, ToRGB)

    def as_w_plus(self, w: Tensor) -> Tensor:
        """[B, w_dim] -> [B, num_ws, w_dim] by repetition; a w_plus passes through."""
        num_ws = self.config.num_ws
        if w.ndim == 2:
            return w.unsqueeze(1).expand(-1, num_ws, -1)
        if w.ndim != 3 or w.shape[1] != num_ws:
            raise ValueError(
                f"expected w [B, {self.config.w_dim}] or w_plus [B, {num_ws}, {self.config.w_dim}], got {tuple(w.shape)}"
            )
        return w

    def styles(self, w: Tensor) -> list[Tensor]:
        """S space (StyleSpace, Wu et al. 2021): w or w_plus -> one [B, channels] per layer, ToRGB layers included."""
        w_plus = self.as_w_plus(w)
        return [layer.affine(w_plus[:, row]) for layer, row in self.walk()]

    def noise(self, mode: str, batch: int, generator: torch.Generator | None = None) -> list[Tensor | None]:
        """One noise image per convolution: "const" the stored buffers, "none", or "random" drawn from `generator`.

        None stands for layers whose noise strength is zero, too.
        """
        if mode not in NOISE_MODES:
            raise ValueError(f"noise mode must be one of {NOISE_MODES}, got {mode!r}")
        noise: list[Tensor | None] = []
        for layer, _ in self.walk():
            if isinstance(layer, ModulatedConv):
                R, buffer = layer.resolution, layer.noise_const
                if mode == "random":
                    noise.append(torch.randn(batch, 1, R, R, generator=generator, device=buffer.device))
                elif mode == "none" or layer.silent:
                    noise.append(None)
                else:
                    noise.append(buffer.view(1, 1, R, R))
        return noise

    def forward(
        self,
        w: Tensor | Sequence[Tensor],
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
        features: dict[int, Tensor] | None = None,
    ) -> Tensor:
        """Image of w [B, w_dim], w_plus [B, num_ws, w_dim] or styles (a list, see `styles`).

        dtype     of the feature maps; the image is summed in fp32
        until     stop at this resolution and return the image there; None: the full resolution
        features  a dictionary to fill with {resolution: feature map after its block}; ask for [r] by presetting
                  features[r] = None, or pass {} for all
        """
        styles = iter(list(w) if isinstance(w, (list, tuple)) else self.styles(w))
        style = next(styles)
        B = style.shape[0]
        noises = iter(self.noise(noise, B, generator))
        wanted = None if features is None else (set(features) or set(self.config.resolutions))
        image: Tensor | None = None
        x: Tensor | None = None
        for name, block in self.blocks.items():
            resolution = int(name)
            if block.conv0 is None:
                x = block.const.to(dtype).expand(B, -1, -1, -1).contiguous(memory_format=torch.channels_last)
            else:
                x = block.conv0(x, style, next(noises))
                style = next(styles)
            x = block.conv1(x, style, next(noises))
            rgb = block.torgb(x, next(styles))
            image = rgb if image is None else upsample2x(image) + rgb
            if wanted is not None and resolution in wanted:
                features[resolution] = x
            if resolution == until:
                break
            style = next(styles, style)
        return image
