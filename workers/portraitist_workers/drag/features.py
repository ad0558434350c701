"""The features that a drag follows: the generator's maps at 128 px, drawn only where they are looked at.

The synthesis stops at that block and leaves out all colours. Its last five layers, which take two thirds of the time, are drawn in
windows around the points. A window's rim lacks its neighbours, and is wrong: 1 px after a convolution, 3 px after an up-convolution. It is
cut off before the next layer, so that windows get no larger than what is read. Where a window ends with the map, its rim is the map's own
and right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import State, Synthesis
from .hold import Hold

SIDE = 128  # px of the block whose features are followed; a smaller generator's last one
CELLS = 14  # side of a window, in pixels of the map that it is cut from, a quarter as large: 10 px to each side can be read in the end
FEW = 7  # points: of more the whole map is drawn, since small maps take longer for a pixel


@dataclass(frozen=True, eq=False)
class Maps:
    """Features around P points. `x` [P or 1, C, h, w]; `corner` [P or 1, 2] is each map's top left pixel, (x, y), in the whole map."""

    x: Tensor
    corner: Tensor

    def read(self, at: Tensor) -> Tensor:
        """Bilinear, [P, C, Q], at places [P, Q, 2] (x, y) of the whole map; a pixel's centre is at +0.5."""
        size = at.new_tensor([self.x.shape[3], self.x.shape[2]])
        grid = (at - self.corner[:, None]) / size * 2 - 1
        if len(self.x) == 1:  # one map for all points
            seen = F.grid_sample(self.x, grid[None], mode="bilinear", padding_mode="border", align_corners=False)
            return seen[0].transpose(0, 1)
        return F.grid_sample(self.x, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False)[
            :, :, 0
        ]

    def detach(self) -> Maps:
        return Maps(self.x.detach(), self.corner)


class Features:
    """Of one generator whose weights are not being trained. Coordinates are pixels of the block's map.

    hold     what must stay as it is in the picture; with it, the maps are drawn whole
    windows  whether the map is drawn around the points only, where those are few
    dtype    that the layers compute in; what is read is fp32
    """

    def __init__(
        self,
        synthesis: Synthesis,
        hold: Hold | None = None,
        *,
        windows: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.synthesis, self.hold, self.dtype = synthesis, hold, dtype
        self.side = min(SIDE, synthesis.config.resolution)
        self._most = FEW if windows and hold is None and self.side >= 4 * CELLS else 0
        self._end = 1 + synthesis.position(self.side, "conv1")

    def __call__(self, w_plus: Tensor, points: Tensor) -> Maps:
        """Around `points` [P, 2] of the picture of w_plus [1, num_ws, D]. Differentiable in w_plus."""
        state = self.synthesis.start(1, dtype=self.dtype)
        none = w_plus.new_empty(1, 0)  # of layers that are left out
        styles = [
            none if layer.name == "torgb" else layer.affine(w_plus[:, layer.row])
            for layer in self.synthesis.layers()[: self._end]
        ]
        if len(points) > self._most:
            return Maps(self._on(state, styles, self._end).x.float(), points.new_zeros(1, 2))
        state = self._on(state, styles, self.synthesis.position(self.side // 4, "conv1"))
        styles = [s.expand(len(points), -1) for s in styles]
        return self._in_windows(state, styles, points)

    def _on(self, state: State, styles: Sequence[Tensor], end: int) -> State:
        while state.position < end:
            layer = self.synthesis.layers()[state.position]
            if layer.name == "torgb":
                state = replace(state, position=state.position + 1)
                continue
            state = self.synthesis.step(state, styles)
            if self.hold is not None:
                state = self.hold(state, layer.key)
        return state

    def _in_windows(self, state: State, styles: Sequence[Tensor], points: Tensor) -> Maps:
        """The last layers, from the whole map of a quarter of the side on."""
        wanted = (
            (points * (state.x.shape[-1] / self.side) - CELLS / 2).round().long()
        )  # corners [P, 2], maybe outside the map
        corner, width = torch.zeros_like(wanted), CELLS
        for position in range(state.position, self._end):
            layer = self.synthesis.layers()[position]
            if layer.name == "torgb":
                continue
            side = layer.resolution // 2 if layer.module.up else layer.resolution
            first = wanted.clamp(0, side - width)
            x = _cut(state.x, (first - corner).tolist(), width)
            corner = 2 * first if layer.module.up else first
            state = replace(state, x=x.contiguous(memory_format=torch.channels_last), position=position)
            noise = self._noise(layer.module, width, corner)
            state = self.synthesis.step(state, styles, noise="none" if noise is None else noise)
            wanted, width = (2 * wanted + 3, 2 * width - 6) if layer.module.up else (wanted + 1, width - 2)
        return Maps(state.x.float(), corner.to(points))

    @staticmethod
    def _noise(layer: torch.nn.Module, width: int, corner: Tensor) -> Tensor | None:
        """The windows' parts of the layer's stored noise, [P, 1, h, w], for windows of `width` px that go in."""
        side = layer.resolution
        whole = layer.noise("const", 1, (side, side))  # type: ignore[operator]  # a ModulatedConv
        return None if whole is None else _cut(whole, corner.tolist(), 2 * width if layer.up else width)


def _cut(maps: Tensor, corners: Sequence[Sequence[int]], width: int) -> Tensor:
    """[P, C, width, width] of maps [P or 1, C, h, w], each from its corner (x, y) on."""
    each = maps.split(1) if len(maps) > 1 else [maps] * len(corners)
    return torch.cat([m[:, :, y : y + width, x : x + width] for m, (x, y) in zip(each, corners, strict=True)])
