"""The synthesis network: w, w_plus or styles -> image (StyleGAN2, skip architecture), in steps of one layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import GeneratorConfig
from .layers import ModulatedConv, ToRGB
from .protocol import Layer
from .upsampling import upsample2x

NOISE_MODES = ("const", "none", "random")
NAMES = ("conv0", "conv1", "torgb")  # a block's layers, in their order; the first block has no conv0


@dataclass(frozen=True, eq=False)
class State:
    """Where a synthesis stands: before the layer `position` of `layers()`, after all those in front of it.

    x      [B, C, H, W] the feature map, in the number format that the layers compute in
    image  [B, 3, H, W] the sum of the colours so far, fp32; None before the first ToRGB
    """

    x: Tensor
    image: Tensor | None
    position: int


Key = tuple[int, str]  # a layer's resolution and name
Hook = Callable[[State], State | None]


class Block(nn.Module):
    """One resolution: a learnt constant (4 px) or an up-convolution, a convolution, and the contribution to the image."""

    const: nn.Parameter  # at 4 px
    conv0: ModulatedConv | None

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


class Synthesis(nn.Module):
    """Everything after the mapping network. Images are fp32 [B, 3, R, R], about [-1, 1].

    `forward` is `start`, then `step` for every layer. The steps may be taken singly, from any `State` on: with features that were
    read, moved, mixed, made wider or taken from elsewhere. The maps need be neither square nor of the trained size.
    A style is [B, I], or a map [B, I, h, w] whose style varies over the image (see `layers`). A map of another size than the
    layer's input is resampled to it (bilinear, with a low-pass when it shrinks). Styles are affine in w, so a mix of two
    latents' styles, weights adding up to 1, is the style of the mixed latent.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleDict({str(r): Block(config, r) for r in config.resolutions})
        self.depth = 3 * len(config.resolutions) - 1  # layers

    def layers(self) -> list[Layer]:
        """All layers, ToRGB included, in the order of computation. A block's ToRGB shares its row with the next block's conv0."""
        return list(self._layers)

    @cached_property
    def _layers(self) -> tuple[Layer, ...]:
        found = []
        for number, block in enumerate(self.blocks.values()):
            for which, name in enumerate(NAMES):
                if (module := getattr(block, name)) is not None:
                    found.append(Layer(4 << number, name, 2 * number + which - 1, module))
        return tuple(found)

    def position(self, resolution: int, name: str) -> int:
        """Of the layer `name` at `resolution`, in `layers()`. Raises ValueError when there is none."""
        for position, layer in enumerate(self._layers):
            if layer.key == (resolution, name):
                return position
        raise ValueError(
            f"no layer {name!r} at {resolution} px; there are {', '.join(NAMES)} at {self.config.resolutions} px, and no "
            "conv0 at 4 px"
        )

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
        return [layer.affine(w_plus[:, layer.row]) for layer in self._layers]

    def start(self, batch: int, *, dtype: torch.dtype = torch.float32) -> State:
        """Before the first layer: the learnt constant [batch, C, 4, 4]."""
        const = cast(Block, self.blocks["4"]).const
        x = const.to(dtype).expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        return State(x, None, 0)

    def step(
        self,
        state: State,
        styles: Sequence[Tensor],
        *,
        noise: str | Tensor = "const",
        generator: torch.Generator | None = None,
        double_backward: bool = False,
    ) -> State:
        """Through the layer at `state.position`. styles: of all layers, of which this one takes its own.

        noise            "const" (stored, repeated over larger maps), "none", "random" drawn from `generator`, or an image
                         [1 or B, 1, H, W] of the size that comes out. ToRGB takes none.
        double_backward  the result can be differentiated twice (path length, gradient penalties). It is slower.

        Raises ValueError for an unknown noise, IndexError after the last layer, RuntimeError for sizes that do not fit.
        """
        if isinstance(noise, str) and noise not in NOISE_MODES:
            raise ValueError(f"noise mode must be one of {NOISE_MODES}, got {noise!r}")
        if state.position >= self.depth:
            raise IndexError(f"the synthesis is over: it has {self.depth} layers")
        layer, style, x, image = self._layers[state.position].module, styles[state.position], state.x, state.image
        if style.ndim == 4 and style.shape[2:] != x.shape[2:]:
            style = F.interpolate(style, size=x.shape[2:], mode="bilinear", align_corners=False, antialias=True)
        if isinstance(layer, ModulatedConv):
            if isinstance(noise, str):
                height, width = x.shape[2:]
                size = (2 * height, 2 * width) if layer.up else (height, width)
                drawn = layer.noise(noise, len(x), size, generator)
            else:
                drawn = noise
            x = layer(x, style, drawn, double_backward=double_backward)
        else:
            rgb = layer(x, style, double_backward=double_backward)
            image = rgb if image is None else upsample2x(image) + rgb
        return State(x, image, state.position + 1)

    def run(
        self,
        state: State,
        styles: Sequence[Tensor],
        *,
        until: int | Key | None = None,
        noise: str = "const",
        generator: torch.Generator | None = None,
        hooks: Mapping[Key, Hook] | None = None,
        double_backward: bool = False,
    ) -> State:
        """Steps from `state` until after the layer `until`, an image's resolution or a layer's key; None: to the end.

        hooks  {(resolution, name): function}, called with the state after that layer. What it returns takes the state's
               place, None leaves it. The other arguments are those of `step`.

        Raises ValueError for layers that there are not.
        """
        end = (
            self.depth
            if until is None
            else 1 + self.position(*(until if isinstance(until, tuple) else (until, "torgb")))
        )
        at = {1 + self.position(*key): hook for key, hook in (hooks or {}).items()}
        while state.position < end:
            state = self.step(state, styles, noise=noise, generator=generator, double_backward=double_backward)
            if state.position in at:
                state = at[state.position](state) or state
        return state

    def forward(
        self,
        w: Tensor | Sequence[Tensor],
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        until: int | None = None,
        hooks: Mapping[Key, Hook] | None = None,
        double_backward: bool = False,
    ) -> Tensor:
        """Image of w [B, w_dim], w_plus [B, num_ws, w_dim] or styles (a list, see `styles`).

        dtype  of the feature maps. The image is summed in fp32.
        until  stop at this resolution and return the image there. None is the full resolution.

        The other arguments are those of `run`.
        """
        styles = self.styles(w) if isinstance(w, Tensor) else w
        state = self.run(
            self.start(len(styles[0]), dtype=dtype),
            styles,
            until=until,
            noise=noise,
            generator=generator,
            hooks=hooks,
            double_backward=double_backward,
        )
        assert state.image is not None
        return state.image
