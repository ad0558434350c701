"""3x3 convolutions of many channels in fp32 on a CPU with a quarter of the multiplications: Winograd's F(4x4, 3x3)
(Lavin and Gray 2016, arXiv 1509.09308).

Every 4x4 tile of the output depends on a 6x6 tile of the input. Both, and the kernel, are transformed by small constant
matrices into 36 numbers per tile and channel, and there the convolution is 36 matrix products over the channels. The
transforms cost the same for every channel, so it pays where channels are many. On one thread, with 256 channels and more, forward
takes 0.45 to 0.8 of the time of a direct convolution, backward 0.4 to 0.5. At 128 channels it breaks even. The transformed kernel
takes four times the memory. Rounding's error is about 1e-5 of the largest value (direct: 2e-6); in bf16 it would be too large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .products import product

CHANNELS = 256  # from here on it is faster than a direct convolution,
RESOLUTION = 16  # and from this height and width on
TILES = 512  # worked on at once: enough for quick products, few enough for a processor's cache

Matrix = Sequence[Sequence[float]]

# One direction; interpolation points 0, 1, -1, 2, -2 and infinity.
_INPUT: Matrix = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL: Matrix = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT: Matrix = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


def pays(weight: Tensor, size: Sequence[int], dtype: torch.dtype) -> bool:
    """For maps of `size` (height, width); those that no tiles cover are left to a direct convolution."""
    height, width = size
    return (
        dtype == torch.float32
        and height >= RESOLUTION
        and width >= RESOLUTION
        and height % 4 == 0 == width % 4
        and min(weight.shape[:2]) >= CHANNELS
        and weight.device.type == "cpu"
    )


def transformed(weight: Tensor) -> Tensor:
    """Kernel [O, I, 3, 3] -> [36, O, I], differentiable."""
    O, I = weight.shape[:2]
    return (_both(_KERNEL, weight) @ weight.permute(2, 3, 0, 1).reshape(9, -1)).view(36, O, I)


def convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """[B, I, H, W] -> [B, O, H, W], H and W multiples of 4, zeros beyond the edge; `kernel` is `transformed`."""
    return _Convolution.apply(x, kernel)


class _Convolution(torch.autograd.Function):
    """First order only. The derivative of each step is the transposed step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        y = x.new_empty(x.shape[0], *x.shape[2:], kernel.shape[1])
        kept = []
        for samples, rows in _pieces(x.shape):
            tiles = _cut(padded[samples, 4 * rows.start : 4 * rows.stop + 2])
            products = torch.stack([product(t, k) for t, k in zip(tiles, kernel, strict=True)])
            _assemble(products, y[samples, 4 * rows.start : 4 * rows.stop])
            if ctx.needs_input_grad[1]:
                kept.append(tiles)
        ctx.save_for_backward(kernel, *kept)
        ctx.shape = x.shape
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kernel, *kept = ctx.saved_tensors
        B, I, H, W = ctx.shape
        need_x, need_kernel = ctx.needs_input_grad
        grad = grad.permute(0, 2, 3, 1)
        padded = grad.new_zeros(B, H + 4, W + 4, I) if need_x else None
        grad_kernel = None
        for number, (samples, rows) in enumerate(_pieces(ctx.shape)):
            products = _assemble_transposed(grad[samples, 4 * rows.start : 4 * rows.stop])
            if padded is not None:
                tiles = torch.stack([product(g, k.t()) for g, k in zip(products, kernel, strict=True)])
                _cut_transposed(tiles, padded[samples, 4 * rows.start : 4 * rows.stop + 4])
            if need_kernel:
                part = torch.stack([product(g.t(), t.t()) for g, t in zip(products, kept[number], strict=True)])
                grad_kernel = part if grad_kernel is None else grad_kernel.add_(part)
        return None if padded is None else padded[:, 1 : H + 1, 1 : W + 1].permute(0, 3, 1, 2), grad_kernel


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """(samples, rows of tiles) that are worked on at once: several small pictures, or a part of a large one."""
    B, _, H, W = shape
    rows = min(H // 4, max(1, TILES // (W // 4)))
    samples = max(1, TILES // (H // 4 * (W // 4)))
    for b in range(0, B, samples):
        for r in range(0, H // 4, rows):
            yield slice(b, min(b + samples, B)), slice(r, min(r + rows, H // 4))


def _cut(padded: Tensor) -> Tensor:
    """[b, 4h+2, 4w+2, I] -> transformed tiles [36, b h w, I]."""
    tiles = padded.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3).reshape(36, -1)
    return product(_both(_INPUT, padded), tiles.t()).view(36, -1, padded.shape[3])


def _cut_transposed(tiles: Tensor, padded: Tensor) -> None:
    """Adds to padded [b, 4h+4, 4w+4, I] (two rows and columns more than `_cut` takes, for even tiles)."""
    b, height, width, I = padded.shape
    h, w = height // 4 - 1, width // 4 - 1
    tiles = product(_both(_INPUT, tiles).t(), tiles.view(36, -1).t()).view(6, 6, b, h, w, I)
    padded = padded.unflatten(2, (-1, 4)).unflatten(1, (-1, 4))
    for i in range(6):
        for j in range(6):
            padded[:, i // 4 : i // 4 + h, i % 4, j // 4 : j // 4 + w, j % 4] += tiles[i, j]


def _assemble(products: Tensor, y: Tensor) -> None:
    """[36, b h w, O] -> y [b, 4h, 4w, O]."""
    y = y.unflatten(2, (-1, 4)).unflatten(1, (-1, 4))  # [b, h, 4, w, 4, O]
    pixels = product(_both(_OUTPUT, products), products.view(36, -1).t()).view(4, 4, *y.shape[:2], *y.shape[3::2])
    y.copy_(pixels.permute(2, 3, 0, 4, 1, 5))


def _assemble_transposed(grad: Tensor) -> Tensor:
    """[b, 4h, 4w, O] -> [36, b h w, O]."""
    pixels = grad.unflatten(2, (-1, 4)).unflatten(1, (-1, 4)).permute(2, 4, 0, 1, 3, 5).reshape(16, -1)
    return product(_both(_OUTPUT, grad).t(), pixels.t()).view(36, -1, grad.shape[3])


def _both(matrix: Matrix, like: Tensor) -> Tensor:
    """The transform of rows and columns at once."""
    one = torch.tensor(matrix, dtype=like.dtype, device=like.device)
    return torch.kron(one, one)
