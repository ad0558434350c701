"""Twice the resolution: of the picture, and of feature maps together with a 3x3 convolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

UP_GAIN = 4.0  # of the low-pass behind inserted zeros; the layers fold it into their demodulation


def upsample2x(image: Tensor) -> Tensor:
    """Zero-padded 2x up-sampling with the [1, 3, 3, 1] filter, [B, C, H, W] -> [B, C, 2H, 2W].

    The filter's polyphase parts are (1, 3)/4 and (3, 1)/4, which is bilinear interpolation with zeros beyond the edge.
    """
    padded = F.pad(image, (1, 1, 1, 1))
    return F.interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]


def up_convolution(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """3x3 convolution with 2x up-sampling and smoothing, [B, I, H, W] -> [B, O, 2H, 2W], weight [O, I, 3, 3] (of `groups` one
    below the other: their I channels of x each). The gain UP_GAIN is left to the caller.
    """
    weight = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)  # [groups I, O, 3, 3]
    return _UpConvolution.apply(x, weight, groups)


class _UpConvolution(torch.autograd.Function):
    """Transposed convolution (stride 2), [B, I, H, W] -> [B, O, 2H+1, 2W+1], then the low-pass -> [B, O, 2H, 2W]. First order only.

    Autograd's own derivative of a low-pass by groups is slow on a CPU, that of the weight very slow in fp32.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.groups = groups
        return _low_pass(F.conv_transpose2d(x, weight, stride=2, groups=groups), padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        need_x, need_weight, _ = ctx.needs_input_grad
        grad = _low_pass(grad, padding=2)  # symmetric taps: the derivative of the low-pass is the low-pass
        grad_x = F.conv2d(grad, weight, stride=2, groups=ctx.groups) if need_x else None
        return grad_x, _weight_gradient(grad, x, weight, ctx.groups) if need_weight else None, None


def _low_pass(x: Tensor, padding: int) -> Tensor:
    """[1, 3, 3, 1] / 8 in both directions."""
    C = x.shape[1]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]).to(x) / 8
    return F.conv2d(x, (taps[:, None] * taps[None, :]).expand(C, 1, 4, 4), padding=padding, groups=C)


def _weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Of the transposed convolution. In fp32 on a CPU from the four phases of `grad`, each an ordinary convolution's: up to
    three times as fast, and never much slower."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or groups > 1:
        return _backward(grad, x, weight, 2, True, groups)
    result = torch.empty_like(weight)
    for rows in (slice(0, None, 2), slice(1, None, 2)):
        for columns in (slice(0, None, 2), slice(1, None, 2)):
            taps = result[..., rows, columns]
            phase = grad[..., rows, columns].contiguous(memory_format=torch.channels_last)
            taps.copy_(_backward(x, phase, taps, 1, False, 1))
    return result


def _backward(grad: Tensor, x: Tensor, weight: Tensor, stride: int, transposed: bool, groups: int) -> Tensor:
    """A convolution's weight gradient."""
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride] * 2, [0, 0], [1, 1], transposed, [0, 0], groups, [False, True, False]
    )[1]
