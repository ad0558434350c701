"""Twice the resolution: of the picture, and of feature maps together with a 3x3 convolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .products import product

UP_GAIN = 4.0  # of the low-pass behind inserted zeros; the layers fold it into their demodulation


def upsample2x(image: Tensor) -> Tensor:
    """Zero-padded 2x up-sampling with the [1, 3, 3, 1] filter, [B, C, H, W] -> [B, C, 2H, 2W].

    The filter's polyphase parts are (1, 3)/4 and (3, 1)/4, which is bilinear interpolation with zeros beyond the edge.
    """
    padded = F.pad(image, (1, 1, 1, 1))
    return F.interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]


def up_convolution(x: Tensor, kernel: Tensor, groups: int = 1, *, double_backward: bool = False) -> Tensor:
    """3x3 convolution with 2x up-sampling and smoothing, [B, I, H, W] -> [B, O, 2H, 2W], kernel `swapped`. The gain UP_GAIN is
    left to the caller. `double_backward`: by plain autograd, which can be differentiated twice.
    """
    return (_up if double_backward else _UpConvolution.apply)(x, kernel, groups)


def swapped(weight: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight [O, I, 3, 3] (of `groups` one below the other) as the transposed convolution takes it, [I, O, 3, 3]."""
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _up(x: Tensor, kernel: Tensor, groups: int) -> Tensor:
    """Transposed convolution (stride 2), [B, I, H, W] -> [B, O, 2H+1, 2W+1], then the low-pass -> [B, O, 2H, 2W]."""
    return _low_pass(F.conv_transpose2d(x, kernel, stride=2, groups=groups), padding=1)


class _UpConvolution(torch.autograd.Function):
    """`_up`. First order only.

    Autograd's own derivative of a low-pass by groups is slow on a CPU, that of the weight very slow in fp32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, groups: int) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.groups = groups
        return _up(x, kernel, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        need_x, need_kernel, _ = ctx.needs_input_grad
        grad = _low_pass(grad, padding=2)  # symmetric taps: the derivative of the low-pass is the low-pass
        grad_x = F.conv2d(grad, kernel, stride=2, groups=ctx.groups) if need_x else None
        return grad_x, _kernel_gradient(grad, x, kernel, ctx.groups) if need_kernel else None, None


def _low_pass(x: Tensor, padding: int) -> Tensor:
    """[1, 3, 3, 1] / 8 in both directions."""
    C = x.shape[1]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]).to(x) / 8
    return F.conv2d(x, (taps[:, None] * taps[None, :]).expand(C, 1, 4, 4), padding=padding, groups=C)


def _kernel_gradient(grad: Tensor, x: Tensor, kernel: Tensor, groups: int) -> Tensor:
    """Of the transposed convolution.

    In fp32 on a CPU it is products of x with the patches of `grad` that it made, a few rows at a time. That is 1.5 to 4 times as fast
    as torch's own."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or groups > 1:
        sizes = [2, 2], [0, 0], [1, 1], True, [0, 0]  # stride, padding, dilation, transposed, output padding
        return torch.ops.aten.convolution_backward(grad, x, kernel, None, *sizes, groups, [False, True, False])[1]
    I, O = kernel.shape[:2]
    B, _, H, W = x.shape
    rows = max(1, 1024 // W)  # whose patches stay in the processor's cache
    result = x.new_zeros(9 * O, I)
    grad, x = grad.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)
    for b in range(B):
        for h in range(0, H, rows):
            patches = grad[b, 2 * h : 2 * (h + rows) + 1].unfold(0, 3, 2).unfold(1, 3, 2)  # [h, W, O, 3, 3]
            patches = patches.permute(0, 1, 3, 4, 2).reshape(-1, 9 * O)
            result += product(patches.t(), x[b, h : h + rows].reshape(-1, I).t())
    return result.view(3, 3, O, I).permute(3, 2, 0, 1)
