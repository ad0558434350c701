"""The layers of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958), factored so that they are fast without custom kernels.

Demodulation (eq. 1-3 of the paper) is *factored*. The paper has one convolution kernel per sample. Here the input is scaled by
the style, convolved with the shared kernel, and the output is scaled by d:

    d[b, o] = 1 / sqrt(sum_i s[b, i]^2 * sum_k W[o, i, k]^2 + eps)

The numbers are the same, with one ordinary convolution for the whole batch. sum_k W^2 is cached while W does not change.

The activation's gain sqrt(2) is positive, so lrelu(g * x) = g * lrelu(x). The gain is folded into d, the noise and the bias.
So the whole tail of a layer is one multiply-add and one leaky ReLU.

Where autograd's own derivatives are slow on a CPU, autograd functions with the same derivatives take their place: here, in
`upsampling` and in `winograd`. They are differentiable once. With `double_backward` the same numbers are computed by plain autograd,
which is slower and can be differentiated again.

A style may vary over the map, [B, I, H, W]. Then, with p a pixel and k an offset within the kernel:

    y[b, o, p] = d[b, o, p] * sum_i sum_k W[o, i, k] * s[b, i, p + k] * x[b, i, p + k]
    d[b, o, p] = 1 / sqrt(sum_i s[b, i, p]^2 * sum_k W[o, i, k]^2 + eps)

So the input is scaled pixel by pixel, and demodulated by the style at the output's own pixel. In an up-convolution the sum under
the root is enlarged bilinearly to the output's pixels. Where the style is the same within the kernel's reach, this is the
ordinary layer of that style.

Tried on a CPU and not kept:

* Kernels per sample, one sample after another, from 32, 64 or 128 px on. They pass over the pictures less often, but take 1 to 1.4
  times the time.
* Up-convolution as one 3x3 convolution to the four phases of its output. It is exact and takes 2 to 3 times the time.
* Weight gradients of ordinary convolutions as products with patches. They take 0.75 to 1.7 times the time, by shape.
* Sums of products in strips instead of whole maps. They gain nothing below 512 px.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from . import winograd
from .upsampling import UP_GAIN, swapped, up_convolution
from .watched import Watched, state_of

T = TypeVar("T")

SQRT2 = math.sqrt(2.0)
DEMODULATION_EPS = 1e-8


class EqualizedLinear(nn.Module):
    """Fully connected layer with equalised learning rate: y = x (W g)^T + b m, with g = m / sqrt(in)."""

    def __init__(self, inputs: int, outputs: int, *, bias_init: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias if self.bias_gain == 1.0 else self.bias * self.bias_gain
        return F.linear(x, self.weight * self.weight_gain, bias)

    @torch.no_grad()
    def shift(self, offset: Tensor) -> None:
        """Every output [B, outputs] grows by `offset` [outputs]."""
        self.bias.add_(offset / self.bias_gain)


class _ScaleShiftLeaky(torch.autograd.Function):
    """lrelu(x * scale + bias + noise): one multiply-add and one activation forward, few passes backward. First order only.

    x is [B, O, H, W], scale [B, O, 1, 1] or [B, O, H, W]. bias is [O, 1, 1] or [B, O, 1, 1], noise [1 or B, 1, H, W] or None.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None) -> Tensor:
        shift = bias
        if noise is not None:
            # Without a place of its own the sum would take the noise's layout, and so would every layer after it.
            # (By hand: torch.broadcast_shapes imports modules, which the process that reads a foreign file may not.)
            batch = len(noise) if bias.ndim == 3 or len(bias) == 1 else len(bias)
            shape = batch, bias.shape[-3], *noise.shape[2:]
            shift = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
            torch.add(bias, noise, out=shift)
        y = F.leaky_relu_(torch.addcmul(shift, x, scale), 0.2)
        ctx.save_for_backward(x, scale, y)
        ctx.shapes = bias.shape, None if noise is None else noise.shape
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, y = ctx.saved_tensors
        bias_shape, noise_shape = ctx.shapes
        # The sign of the output is the sign of the pre-activation, so y serves for both.
        grad = torch.ops.aten.leaky_relu_backward(grad, y, 0.2, True)
        need_x, need_scale, need_bias, need_noise = ctx.needs_input_grad
        grad_scale = (grad * x).sum_to_size(scale.shape) if need_scale else None
        grad_bias = grad.sum_to_size(bias_shape) if need_bias else None
        grad_noise = grad.sum(1, keepdim=True).sum_to_size(noise_shape) if need_noise else None
        return grad * scale if need_x else None, grad_scale, grad_bias, grad_noise


def _energy(weight: Tensor) -> Tensor:
    """Sum of squares over the pixels of each kernel, [..., O, I, 3, 3] -> [..., I, O]."""
    return weight.float().square().sum((-2, -1)).transpose(-2, -1).contiguous()


class _WithEnergy(torch.autograd.Function):
    """A weight [O, I, 3, 3] and its `_energy`, whose derivatives meet in one pass over the weight. First order only."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(weight)
        return weight.view_as(weight), _energy(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_energy: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        return torch.addcmul(grad, weight, (2 * grad_energy).t()[..., None, None].to(weight.dtype))


class ModulatedConv(nn.Module):
    """One synthesis layer: style -> modulated 3x3 convolution -> noise -> bias -> leaky ReLU.

    forward(x [B, I, H, W], style [B, I] or [B, I, H, W], noise) -> [B, O, H, W] or [B, O, 2H, 2W] when `up`. Any H and W.
    """

    weight: nn.Parameter
    noise_strength: nn.Parameter
    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, w_dim: int, resolution: int, *, up: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, inputs, bias_init=1.0)
        self.weight = Watched(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = Watched(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self._cache: dict = {}

    def _remember(self, name: str, source: Tensor, compute: Callable[[], T]) -> T:
        """`compute()`, remembered until `source` changes."""
        key = state_of(source)
        cached = self._cache.get(name)
        if cached is None or cached[0] != key:
            cached = self._cache[name] = (key, compute())
        return cached[1]

    def remembered(self) -> Iterator[Tensor]:
        """The tensors that are kept beside the weight. (A kernel in the weight's own format is the weight.)"""
        kept = (value for _, value in self._cache.values() if isinstance(value, Tensor))
        return (value for value in kept if value.data_ptr() != self.weight.data_ptr())

    @property
    def silent(self) -> bool:
        """The noise has no effect and is not being trained, so it need not be computed.

        Remembered, because on a GPU reading a number waits for everything before it.
        """
        strength = self.noise_strength
        return not strength.requires_grad and self._remember("silent", strength, lambda: float(strength) == 0.0)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_cache": {}}  # copies start without remembered values

    def noise(
        self, mode: str, batch: int, size: tuple[int, int], generator: torch.Generator | None = None
    ) -> Tensor | None:
        """The noise image [1 or B, 1, *size] of a map, or None where there is none or it would have no effect.

        "const": the stored image [R, R], repeated from the top left corner and cut off where the map ends. A map twice as wide
        has the same noise twice. "random": drawn from `generator`, of the map's size.
        """
        if mode == "random":
            return torch.randn(batch, 1, *size, generator=generator, device=self.noise_const.device)
        if mode == "none" or self.silent:
            return None
        image, (height, width) = self.noise_const, size
        if image.shape != size:
            image = image.repeat(-(-height // len(image)), -(-width // len(image)))[:height, :width]
        return image[None, None]

    def forward(
        self, x: Tensor, style: Tensor, noise: Tensor | None = None, *, double_backward: bool = False
    ) -> Tensor:
        dtype = x.dtype
        kernel, energy = self._kernel_and_energy(dtype, self._in_tiles(x) and not double_backward, double_backward)
        gain = SQRT2 * UP_GAIN if self.up else SQRT2
        demodulation = torch.rsqrt(self._power(style.float(), energy) + DEMODULATION_EPS) * gain
        x = self._convolve(x * _per_pixel(style.to(dtype)), kernel, double_backward)
        bias = (self.bias * SQRT2)[..., None, None].to(dtype)
        if noise is not None:
            noise = (noise * (self.noise_strength * SQRT2)).to(dtype)
        scale = _per_pixel(demodulation.to(dtype))
        if double_backward:
            x = F.leaky_relu(torch.addcmul(bias if noise is None else bias + noise, x, scale), 0.2)
        else:
            x = _ScaleShiftLeaky.apply(x, scale, bias, noise)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)

    def _power(self, style: Tensor, energy: Tensor) -> Tensor:
        """Squared length of the modulated kernels: [B, O] of each sample, or [B, O, H, W] of each of the output's pixels."""
        if style.ndim == 2:
            return self._power_of_samples(style, energy)
        power = (style.square().flatten(2).mT @ energy).mT.unflatten(2, style.shape[2:])
        return F.interpolate(power, scale_factor=2, mode="bilinear", align_corners=False) if self.up else power

    def _power_of_samples(self, style: Tensor, energy: Tensor) -> Tensor:
        return style.square() @ energy

    def _convolve(self, x: Tensor, kernel: Tensor, double_backward: bool) -> Tensor:
        if self.up:
            return up_convolution(x, kernel, double_backward=double_backward)
        return winograd.convolution(x, kernel) if kernel.ndim == 3 else F.conv2d(x, kernel, padding=1)

    def _in_tiles(self, x: Tensor) -> bool:
        """Winograd's convolution is the faster one for this map."""
        return not self.up and winograd.pays(self.weight, x.shape[2:], x.dtype)

    def _kernel_and_energy(self, dtype: torch.dtype, in_tiles: bool, double_backward: bool) -> tuple[Tensor, Tensor]:
        """Functions of the weight; computed anew at every call while it is being trained."""
        weight = self.weight
        if torch.is_grad_enabled() and weight.requires_grad:
            if double_backward:
                return self._kernel(weight, dtype, in_tiles), _energy(weight)
            weight, energy = _WithEnergy.apply(weight)
            return self._kernel(weight, dtype, in_tiles), energy
        name = f"kernel {dtype}{' in tiles' if in_tiles else ''}"
        kernel = self._remember(name, weight, lambda: self._kernel(weight, dtype, in_tiles).detach())
        return kernel, self._remember("energy", weight, lambda: _energy(weight).detach())

    def _kernel(self, weight: Tensor, dtype: torch.dtype, in_tiles: bool) -> Tensor:
        if self.up:
            return swapped(weight.to(dtype))
        if in_tiles:
            return winograd.transformed(weight)
        # The demodulation makes the kernel's scale irrelevant; nothing to normalise in fp32 and bf16.
        return weight.to(dtype).contiguous(memory_format=torch.channels_last)


def _per_pixel(factors: Tensor) -> Tensor:
    """[B, C] as [B, C, 1, 1]; a map [B, C, H, W] as it is, in the layout of feature maps."""
    if factors.ndim == 2:
        return factors.view(*factors.shape, 1, 1)
    return factors.contiguous(memory_format=torch.channels_last)


def _mix(pixels: Tensor, kernels: Tensor) -> Tensor:
    """pixels [B, P, I], kernels [B, O, I] -> [B, P, O], all pixels of a sample through its kernel."""
    return torch.bmm(pixels, kernels.transpose(1, 2))


class _Mix(torch.autograd.Function):
    """`_mix`. First order only.

    The kernels' gradient is a product over all pixels; in pieces of `PIECE` of them it takes a tenth of the time.
    """

    PIECE = 1024

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, kernels: Tensor) -> Tensor:
        ctx.save_for_backward(pixels, kernels)
        return _mix(pixels, kernels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        pixels, kernels = ctx.saved_tensors
        need_pixels, need_kernels = ctx.needs_input_grad
        grad_kernels = None
        if need_kernels:
            length = math.gcd(pixels.shape[1], _Mix.PIECE)
            g, x = (t.reshape(-1, length, t.shape[2]) for t in (grad, pixels))
            grad_kernels = torch.bmm(g.transpose(1, 2), x).view(len(pixels), -1, *kernels.shape[1:]).sum(1)
        return torch.bmm(grad, kernels) if need_pixels else None, grad_kernels


class ToRGB(nn.Module):
    """Style-modulated 1x1 convolution to 3 channels without demodulation: per-sample weights are tiny, so one batched product.

    forward(x [B, I, H, W], style [B, I] or [B, I, H, W]) -> [B, 3, H, W] in fp32. A style that varies scales x pixel by pixel.
    """

    def __init__(self, inputs: int, w_dim: int, *, clamp: float | None) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.gain = 1 / math.sqrt(inputs)
        self.clamp = clamp

    def forward(self, x: Tensor, style: Tensor, *, double_backward: bool = False) -> Tensor:
        B, I, H, W = x.shape
        weight, style = self.weight.view(-1, 3, I), style * self.gain
        if style.ndim == 2:
            kernels = weight * style.view(B, 1, I)  # [B, 3, I]
        else:
            kernels, x = weight.expand(B, 3, I), x * _per_pixel(style.to(x.dtype))
        pixels = x.permute(0, 2, 3, 1).reshape(B, H * W, I)  # a view when channels_last
        mix = _mix if double_backward else _Mix.apply
        rgb = mix(pixels, kernels.to(x.dtype)).float() + self.bias.view(-1, 1, 3)
        rgb = rgb.view(B, H, W, 3).permute(0, 3, 1, 2)
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)
