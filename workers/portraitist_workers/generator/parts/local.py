"""Position encoding and the local generators: 1x1 layers on coordinates, one network per part, all parts in one batched product."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..layers import DEMODULATION_EPS, SQRT2
from .config import PartsConfig


def coordinates(size: int, *, centred: bool = False) -> Tensor:
    """(x, y) of each pixel, [size * size, 2], in [-1, 1]: from -1 at the first pixel to 1 at the last, or of the pixels' centres.

    Centres mean the same place at every size.
    """
    reach = 1 - 1 / size if centred else 1.0
    line = torch.linspace(-reach, reach, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


class Positions(nn.Module):
    """forward(xy [..., 2]) -> [..., h]: Fourier features of N octaves, and a learnt linear map that all parts share."""

    def __init__(self, octaves: int, channels: int) -> None:
        super().__init__()
        self.octaves = octaves
        self.weight = nn.Parameter(torch.randn(channels, 2 + 4 * octaves))

    def forward(self, xy: Tensor, octaves: int | None = None) -> Tensor:
        """`octaves`: how many are used; a small map cannot show the highest."""
        used = self.octaves if octaves is None else min(octaves, self.octaves)
        waves = [
            f(2.0**k * xy) if k < used else torch.zeros_like(xy)
            for k in range(self.octaves)
            for f in (torch.sin, torch.cos)
        ]
        return F.linear(torch.cat([xy, *waves], -1), self.weight / math.sqrt(self.weight.shape[1]))


class _LeakyProduct(torch.autograd.Function):
    """lrelu(x @ w + b) for x [N, P, I], w [N, I, O], b [N, 1, O], few passes over the maps. First order only."""

    PIECE = 512  # pixels: a product over all of them at once is slower

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        y = F.leaky_relu_(torch.baddbmm(b, x, w), 0.2)
        ctx.save_for_backward(x, w, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w, y = ctx.saved_tensors
        grad = torch.ops.aten.leaky_relu_backward(grad, y, 0.2, True)
        need_x, need_w, need_b = ctx.needs_input_grad
        grad_w = grad_b = None
        if need_w:
            piece = math.gcd(x.shape[1], _LeakyProduct.PIECE)
            a, g = (t.reshape(-1, piece, t.shape[2]) for t in (x, grad))
            grad_w = torch.bmm(a.transpose(1, 2), g).view(len(x), -1, *w.shape[1:]).sum(1)
        if need_b:
            grad_b = grad.sum(1, keepdim=True)
        return torch.bmm(grad, w.transpose(1, 2)) if need_x else None, grad_w, grad_b


def leaky_product(x: Tensor, w: Tensor, b: Tensor, *, double_backward: bool) -> Tensor:
    if double_backward:
        return F.leaky_relu(torch.baddbmm(b, x, w), 0.2)
    return _LeakyProduct.apply(x, w, b)


class LocalLayer(nn.Module):
    """One layer of all K local generators: style -> modulated, demodulated 1x1 convolution -> bias -> leaky ReLU.

    forward(x [B K, P, h], styles [B, K, h]) -> [B K, P, h]
    """

    def __init__(self, parts: int, channels: int, code_dim: int) -> None:
        super().__init__()
        self.affine_weight = nn.Parameter(torch.randn(parts, channels, code_dim))
        self.affine_bias = nn.Parameter(torch.ones(parts, channels))
        self.weight = nn.Parameter(torch.randn(parts, channels, channels))  # [K, out, in]
        self.bias = nn.Parameter(torch.zeros(parts, channels))

    def styles(self, w: Tensor) -> Tensor:
        """The code of each part [B, K, code_dim] -> its style [B, K, h]."""
        return torch.einsum("bkd,khd->bkh", w, self.affine_weight / math.sqrt(w.shape[2])) + self.affine_bias

    def forward(self, x: Tensor, styles: Tensor, *, double_backward: bool = False) -> Tensor:
        B, K, h = styles.shape
        weight = self.weight / math.sqrt(h) * styles[:, :, None]  # [B, K, out, in]
        demodulation = torch.rsqrt(weight.square().sum(3, keepdim=True) + DEMODULATION_EPS) * SQRT2
        kernels = (weight * demodulation).to(x.dtype).view(B * K, h, h).transpose(1, 2)
        bias = (self.bias * SQRT2).to(x.dtype).expand(B, K, h).reshape(B * K, 1, h)
        return leaky_product(x, kernels, bias, double_backward=double_backward)


class Toned(nn.Module):
    """What a texture layer's styles gain from the tone: [B, code_dim] -> [B, F, h] for the F parts that follow it."""

    def __init__(self, parts: int, channels: int, code_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(parts, channels, code_dim))

    def forward(self, w: Tensor) -> Tensor:
        return torch.einsum("bd,fhd->bfh", w, self.weight / math.sqrt(w.shape[1]))


class LocalGenerators(nn.Module):
    """All parts' networks. A style is [B, K, h], one for each of the L layers."""

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.config = config
        K, h = len(config.parts), config.local_channels
        self.positions = Positions(config.frequencies, h)
        self.layers = nn.ModuleList(LocalLayer(K, h, config.code_dim) for _ in range(config.layers))
        self.tones = nn.ModuleList(
            Toned(len(config.toned), h, config.code_dim) for _ in range(config.texture_layers if config.toned else 0)
        )
        self.depth_weight = nn.Parameter(torch.randn(K - 1, h))  # all but the background, whose depth is 0
        self.depth_bias = nn.Parameter(torch.zeros(K - 1))

    def expanded(self, codes: Tensor) -> Tensor:
        """[B, codes, code_dim] -> the code of every layer of every part, [B, K, L, code_dim]."""
        config = self.config
        drivers = [
            [config.driver(part, number) for number in range(config.layers)] for part in range(len(config.parts))
        ]
        return codes[:, drivers]

    def styles(self, expanded: Tensor) -> list[Tensor]:
        """[B, K, L, code_dim] -> L styles [B, K, h]."""
        config, found = self.config, []
        followers = torch.tensor([config.part(name) for name in config.toned], device=expanded.device)
        for number, layer in enumerate(self.layers):
            styles = cast(LocalLayer, layer).styles(expanded[:, :, number])
            if config.toned and number >= config.depth_layer:
                tone = self.tones[number - config.depth_layer](expanded[:, config.part(config.tone), number])
                styles = styles.index_add(1, followers, tone)
            found.append(styles)
        return found

    def forward(
        self, styles: list[Tensor], xy: Tensor, *, dtype: torch.dtype, double_backward: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Styles and coordinates ([P, 2], or [B, K, P, 2] where parts are moved) -> hidden features [B, K, P, h], depths [B, K, P] fp32."""
        B, K, h = styles[0].shape
        side = math.isqrt(xy.shape[-2])
        octaves = None if side == self.config.coarse else side.bit_length()
        x = self.positions(xy, octaves).to(dtype)
        x = x.expand(B * K, -1, -1) if x.ndim == 2 else x.reshape(B * K, -1, h)
        depths = None
        for number, layer in enumerate(self.layers, 1):
            x = layer(x, styles[number - 1], double_backward=double_backward)
            if number == self.config.depth_layer:
                depths = self._depths(x.view(B, K, -1, h))
        assert depths is not None
        return x.view(B, K, -1, h), depths

    def _depths(self, x: Tensor) -> Tensor:
        weight = F.pad(self.depth_weight / math.sqrt(x.shape[3]), (0, 0, 1, 0))
        return (x @ weight[:, :, None].to(x.dtype))[..., 0].float() + F.pad(self.depth_bias, (1, 0))[:, None]

    def affine_views(self) -> list[AffineView]:
        """What maps w to each layer's styles, as `Layer` asks for it."""
        return [AffineView(self, number) for number in range(self.config.layers)]


class AffineView(nn.Module):
    """The affine map w [B, w_dim] -> styles [B, K h] of one layer, without copies. Its own `affine`, as `Layer` asks for it."""

    def __init__(self, local: LocalGenerators, number: int) -> None:
        super().__init__()
        self._local, self._number = (local,), number  # in a tuple: the weights belong to the generator alone

    @property
    def affine(self) -> AffineView:
        return self

    @property
    def weight(self) -> Tensor:
        """[K h, w_dim], mostly zeros: a part's styles depend on its own codes, the base's, and the tone's."""
        (local,), config = self._local, self._local[0].config
        layer, D = cast(LocalLayer, local.layers[self._number]), config.code_dim
        full = layer.affine_weight.new_zeros(len(config.parts), config.local_channels, config.codes, D)
        for part in range(len(config.parts)):
            full[part, :, config.driver(part, self._number)] = layer.affine_weight[part].detach()
        if config.toned and self._number >= config.depth_layer:
            tone = cast(Toned, local.tones[self._number - config.depth_layer]).weight.detach()
            for follower, name in enumerate(config.toned):
                full[config.part(name), :, config.texture_code(config.tone)] += tone[follower]
        return full.view(-1, config.w_dim) / math.sqrt(D)

    @torch.no_grad()
    def shift(self, offset: Tensor) -> None:
        """Every style [B, K h] grows by `offset` [K h]."""
        bias = cast(LocalLayer, self._local[0].layers[self._number]).affine_bias
        bias.add_(offset.view_as(bias))
