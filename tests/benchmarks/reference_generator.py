"""StyleGAN2's synthesis in the reference formulation, written plainly: what our factored one is measured against.

One modulated and demodulated kernel per sample, applied as one convolution with B groups; up-sampling by inserted zeros
and an FIR filter (Karras et al. 2020, arXiv 1912.04958, figure 2b and section 2.2). Runs on the weights of a `Generator`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist_workers.generator import StyleGAN2
from portraitist_workers.generator.layers import ModulatedConv, ToRGB

FIR = (1.0, 3.0, 3.0, 1.0)


def synthesis(generator: StyleGAN2, w: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Image [B, 3, R, R] of w [B, D], noise "const"; equals `generator.synthesis(w)` up to rounding."""
    w_plus = generator.synthesis.as_w_plus(w)
    row, image, x = 0, None, None
    for block in generator.synthesis.blocks.values():
        if block.conv0 is None:
            x = block.const.to(dtype).expand(len(w), -1, -1, -1)
        else:
            x = _layer(block.conv0, x, w_plus[:, row])
            row += 1
        x = _layer(block.conv1, x, w_plus[:, row])
        row += 1
        rgb = _to_rgb(block.torgb, x, w_plus[:, row])
        image = rgb if image is None else _upsample(image) + rgb
    return image


def _layer(layer: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
    style = layer.affine(w)
    B, I, H, W = x.shape
    kernels = layer.weight[None] * style.view(B, 1, I, 1, 1)  # [B, O, I, 3, 3]
    kernels = kernels * torch.rsqrt(kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    O = kernels.shape[1]
    x, kernels = x.reshape(1, B * I, H, W), kernels.to(x.dtype)
    if layer.up:
        x = F.conv_transpose2d(
            x, kernels.transpose(1, 2).reshape(B * I, O, 3, 3), stride=2, groups=B
        )  # inserts the zeros
        x = _filter(x.view(B, O, 2 * H + 1, 2 * W + 1), gain=4, padding=1)
    else:
        x = F.conv2d(x, kernels.reshape(B * O, I, 3, 3), padding=1, groups=B).view(B, O, H, W)
    x = x + (layer.noise_const * layer.noise_strength).to(x.dtype)
    x = F.leaky_relu(x + layer.bias.to(x.dtype).view(1, -1, 1, 1), 0.2) * 2**0.5
    return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)


def _to_rgb(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    style = layer.affine(w) * layer.gain
    B, I, H, W = x.shape
    kernels = (layer.weight[None] * style.view(B, 1, I, 1, 1)).to(x.dtype).reshape(B * 3, I, 1, 1)
    rgb = F.conv2d(x.reshape(1, B * I, H, W), kernels, groups=B).view(B, 3, H, W).float()
    rgb = rgb + layer.bias.view(1, -1, 1, 1)
    return rgb if layer.clamp is None else rgb.clamp(-layer.clamp, layer.clamp)


def _upsample(image: Tensor) -> Tensor:
    """Insert zeros, then the FIR filter with gain 4."""
    B, C, H, W = image.shape
    wide = torch.zeros(B, C, 2 * H, 2 * W, dtype=image.dtype)
    wide[:, :, ::2, ::2] = image
    return _filter(F.pad(wide, (2, 1, 2, 1)), gain=4, padding=0)


def _filter(x: Tensor, *, gain: float, padding: int) -> Tensor:
    C = x.shape[1]
    taps = torch.tensor(FIR, dtype=x.dtype) / sum(FIR)
    kernel = (taps[:, None] * taps[None, :] * gain).expand(C, 1, 4, 4)
    return F.conv2d(x, kernel, padding=padding, groups=C)
