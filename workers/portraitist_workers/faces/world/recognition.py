"""dlib's face recognition network (Davis King, 2017, CC0): a ResNet of 29 convolutions that has seen three million photographs.

The structure is that of its public definition, `anet_type`; weights come from the published file by `world/dlib.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 150  # px of the chip that it sees
_MEAN = (122.782, 117.001, 104.298)  # grey levels taken off, red to blue; the rest is divided by 256
# (blocks, width, halved by the first block), from the input on
_GROUPS = ((3, 32, False), (4, 64, True), (3, 128, True), (3, 256, True), (1, 256, True))


class _Block(nn.Module):
    """relu(conv(relu(conv(x))) + x). Halving, the shortcut is the mean of 2 x 2, filled up with zeros to the width."""

    def __init__(self, inputs: int, width: int, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.first = nn.Conv2d(inputs, width, 3, 2 if halved else 1, 0 if halved else 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = _convolved(self.second, F.relu(_convolved(self.first, x)))
        if self.halved:
            x = F.avg_pool2d(x, 2)
            # Without padding the convolved branch can be a row and column smaller than the pooled one: zeros there.
            y = F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return F.relu(x + y)


def _convolved(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """`layer` (3x3) of x. An output of a single pixel is computed as the matrix product that it is.

    oneDNN's gradient of one, for one picture on two threads, differs in the last bits from call to call."""
    stride, padding = layer.stride[0], int(layer.padding[0])
    if any((side + 2 * padding - 3) // stride > 0 for side in x.shape[2:]):
        return layer(x)
    patch = F.pad(x, (padding,) * 4)[:, :, :3, :3].flatten(1)
    return F.linear(patch, layer.weight.flatten(1), layer.bias)[:, :, None, None]


class RecognitionNetwork(nn.Module):
    """Chips [B, 3, 150, 150] in [-1, 1] -> [B, 128]. One person's lie about 0.4 apart, two people's 0.8 (Euclidean).

    `common` [128] is what the vectors of many people share; a cosine says little until it is taken off.
    """

    common: Tensor
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        blocks, inputs = [], 32
        for count, width, halved in _GROUPS:
            for index in range(count):
                blocks.append(_Block(inputs, width, halved and index == 0))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, 128, bias=False)
        self.register_buffer("common", torch.zeros(128))
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        x = (chips.add(1).mul(127.5) - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        return self.head(self.blocks(x).mean((2, 3))).float()
