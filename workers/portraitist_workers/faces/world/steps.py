"""A small convolutional network as data: a list of steps that torch executes.

The steps come from a TensorFlow Lite file (`mediapipe.py` reads it) and give its numbers. Padding of "same" is put where that runtime
puts it, more of it right and below. Maps are [B, C, H, W] here and [B, H, W, C] there. What is flattened is flattened in its order.

A step is a dictionary. "op" is a name in `_OPS`. "of" are the numbers of the tensors that it reads (0 is the picture). "to" is the number
of the one that it makes. The rest is what the op needs. Weights are named by "weight", "bias", "slope" or "factor".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Step = dict[str, Any]


class StepNetwork(nn.Module):
    """Pictures [B, 3, H, W] in the range that the network learnt -> its outputs by name; differentiable.

    `shapes` are those of the weights, `outputs` the numbers of the tensors that are returned.
    """

    def __init__(self, steps: list[Step], shapes: dict[str, list[int]], outputs: dict[str, int]) -> None:
        super().__init__()
        self.steps, self.outputs = steps, outputs
        self.plans: dict[frozenset[int], list[tuple[Step, dict[str, Tensor], set[int]]]] = {}
        self.weights = nn.ParameterDict({name: nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()})

    def forward(self, images: Tensor, *names: str) -> dict[str, Tensor]:
        """The outputs `names` (default: all); steps that none of them needs are left out."""
        wanted = {name: self.outputs[name] for name in names or self.outputs}
        tensors = {0: images}
        for step, given, spent in self._plan(frozenset(wanted.values())):
            made = _OPS[step["op"]](*(tensors[i] for i in step["of"]), step=step, **given)
            tensors[step["to"]] = _ACTIVATIONS[step.get("activation", "none")](made)
            for tensor in spent:
                del tensors[tensor]
        return {name: tensors[i] for name, i in wanted.items()}

    def _plan(self, needed: frozenset[int]) -> list[tuple[Step, dict[str, Tensor], set[int]]]:
        """The steps that lead to the tensors `needed`, each with its weights, and with the tensors that no later step reads: a batch needs
        little memory then. Made once: looking weights up takes as long as the smaller steps."""
        if needed not in self.plans:
            plan: list[tuple[Step, dict[str, Tensor], set[int]]] = []
            missing = set(needed)
            for step in reversed(self.steps):
                if step["to"] in missing:
                    spent = set(step["of"]) - missing
                    missing |= spent
                    plan.append((step, self._given(step), spent))
            self.plans[needed] = plan[::-1]
        return self.plans[needed]

    def _given(self, step: Step) -> dict[str, Tensor]:
        return {key: self.weights[step[key]] for key in ("weight", "bias", "slope", "factor") if key in step}


def _same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """`x` with the border that lets every stride-th pixel be a centre; the odd pixel goes right and below."""
    (top, bottom), (left, right) = (_border(n, kernel, stride) for n in x.shape[-2:])
    return F.pad(x, (left, right, top, bottom)) if top or bottom or left or right else x


def _border(n: int, kernel: int, stride: int) -> tuple[int, int]:
    whole = max((math.ceil(n / stride) - 1) * stride + kernel - n, 0)
    return whole // 2, whole - whole // 2


def _conv(x: Tensor, *, step: Step, weight: Tensor, bias: Tensor) -> Tensor:
    """weight [O, I / groups, k, k]; depthwise where groups is the number of channels."""
    kernel, stride = weight.shape[-1], step["stride"]
    padding = 0
    if step["same"]:
        if stride == 1 and kernel % 2:
            padding = kernel // 2  # the same, without a copy
        else:
            x = _same(x, kernel, stride)
    return F.conv2d(x, weight, bias, stride, padding, groups=step["groups"])


def _reshape(x: Tensor, *, step: Step) -> Tensor:
    """To `shape` [..., C] per picture; maps are flattened with their channels last, and come out of three numbers."""
    x = (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).reshape(len(x), *step["shape"])
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def _matrix_of_points(points: Tensor, *, step: Step) -> Tensor:
    """Points [B, P, 3] -> [B, 4, 4], from px of a window to the points' unit: the window lies about the points `subset`.

    It is turned so that the line from point `left` to point `right` is level in it, and `scale` times as wide and high as their box.
    """
    points = points[..., :2]
    along = F.normalize(points[:, step["right"]] - points[:, step["left"]], dim=1)
    turn = torch.stack(
        [along, torch.stack([-along[:, 1], along[:, 0]], 1)], 2
    )  # [B, 2, 2] from the window's axes to the picture's
    box = points[:, step["subset"]] @ turn
    low, high = box.amin(1), box.amax(1)
    side = turn.new_tensor(step["side"])  # width, height in px
    linear = turn * ((high - low) * turn.new_tensor(step["scale"]) / side)[:, None]
    shift = turn @ ((low + high) / 2)[..., None] - linear @ (side / 2)[:, None]
    matrix = torch.eye(4, dtype=points.dtype, device=points.device).repeat(len(points), 1, 1)
    matrix[:, :2, :2], matrix[:, :2, 3:] = linear, shift
    return matrix


def _window(maps: Tensor, matrix: Tensor, *, step: Step) -> Tensor:
    """Maps [B, C, H, W] seen through a window: [B, C, height, width], bilinear."""
    width, height = step["side"]
    y, x = torch.meshgrid(torch.arange(height).to(maps) + 0.5, torch.arange(width).to(maps) + 0.5, indexing="ij")
    places = torch.stack([x, y], 2) @ matrix[:, None, :2, :2].transpose(2, 3) + matrix[:, None, None, :2, 3]
    grid = 2 * places / places.new_tensor(maps.shape[:1:-1]) - 1
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _move_points(points: Tensor, matrix: Tensor, *, step: Step) -> Tensor:
    """Points [B, P, 2] in a window's px -> the same in the unit of the matrix's other side."""
    return points @ matrix[:, :2, :2].transpose(1, 2) + matrix[:, None, :2, 3]


_OPS: dict[str, Callable[..., Tensor]] = {
    "conv": _conv,
    "prelu": lambda x, *, step, slope: F.prelu(x, slope),
    "add": lambda a, b, *, step: a + b,
    "multiply": lambda x, *, step, factor: x * factor,
    "multiply_maps": lambda a, b, *, step: a * b,
    "average": lambda x, *, step: x.mean((2, 3), keepdim=True),
    "activate": lambda x, *, step: x,
    "transposed": lambda x, *, step, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2),
    "more_channels": lambda x, *, step: F.pad(x, (0, 0, 0, 0, 0, step["channels"])),
    "max_pool": lambda x, *, step: F.max_pool2d(x, step["size"]),
    "resize": lambda x, *, step: F.interpolate(x, tuple(step["size"]), mode="bilinear", align_corners=False),
    "reshape": _reshape,
    "join": lambda *parts, step: torch.cat(parts, 1),
    "matrix_of_points": _matrix_of_points,
    "window": _window,
    "move_points": _move_points,
}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "hard_swish": F.hardswish,
    "sigmoid": torch.sigmoid,
}
