"""The features that a drag follows: the generator's maps at 128 px, drawn only where they are looked at.

The synthesis stops at that block and leaves out all colours. Its last two resolutions, which take a third of the time, are drawn in
windows around the points. A window's rim lacks its neighbours: MARGIN px of it are wrong, and nobody reads them. Where a window ends
with the map, its rim is the map's own and right.
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
CELLS = 12  # side of a window, in pixels of the map it is cut from (a quarter as large)
MARGIN = 12  # px of a window's rim that lack their neighbours: 3 for an up-convolution, 1 for a convolution, twice


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
        share = (4 * CELLS / self.side) ** 2  # of the map that one window shows
        self._most = (
            int(1 / share) if windows and hold is None and self.side >= 64 else 0
        )  # points: for more, all is drawn
        self._end = 1 + synthesis.position(self.side, "conv1")

    def __call__(self, w_plus: Tensor, points: Tensor) -> Maps:
        """Around `points` [P, 2] of the picture of w_plus [1, num_ws, D]. Differentiable in w_plus."""
        styles, state = self.synthesis.styles(w_plus), self.synthesis.start(1, dtype=self.dtype)
        if len(points) > self._most:
            return Maps(self._on(state, styles, self._end).x.float(), points.new_zeros(1, 2))
        state = self._on(state, styles, 1 + self.synthesis.position(self.side // 4, "conv1"))
        state, corner = self._around(state, points)
        styles = [s.expand(len(points), -1) for s in styles]
        return Maps(self._on(state, styles, self._end, corner / 4).x.float(), corner)

    def _on(self, state: State, styles: Sequence[Tensor], end: int, corner: Tensor | None = None) -> State:
        layers = self.synthesis.layers()
        while state.position < end:
            layer = layers[state.position]
            if layer.name == "torgb":
                state = replace(state, position=state.position + 1)
                continue
            if corner is not None and layer.module.up:
                corner = corner * 2
            noise = "const" if corner is None else self._noise(layer.module, state.x, corner)
            state = self.synthesis.step(state, styles, noise="none" if noise is None else noise)
            if self.hold is not None:
                state = self.hold(state, layer.key)
        return state

    def _around(self, state: State, points: Tensor) -> tuple[State, Tensor]:
        """Windows about the points, cut from the whole map; and their corners in the block's px."""
        side = state.x.shape[-1]
        scale = self.side // side
        first = (points / scale - CELLS / 2).round().clamp(0, side - CELLS).long()
        x = torch.cat([state.x[:, :, y : y + CELLS, x : x + CELLS] for x, y in first.tolist()])
        return replace(state, x=x.contiguous(memory_format=torch.channels_last)), (first * scale).to(points)

    @staticmethod
    def _noise(layer: torch.nn.Module, x: Tensor, corner: Tensor) -> Tensor | None:
        """The windows' parts of the layer's stored noise, [P, 1, h, w]."""
        side = layer.resolution
        whole = layer.noise("const", 1, (side, side))  # type: ignore[operator]  # a ModulatedConv
        if whole is None:
            return None
        h = 2 * x.shape[2] if layer.up else x.shape[2]
        return torch.cat([whole[:, :, y : y + h, x : x + h] for x, y in corner.long().tolist()])
