"""What a mask fixes stays: there, from some resolution on, every layer's features are those of the picture before.

DragGAN adds a loss for what must not move (paper, eq. 2). It competes with the drag, so both are missed. Here the synthesis itself goes on
from two latents: the old one where the mask says so, the new one elsewhere. Layers after the seam see both sides, and draw across it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import Key, State, Synthesis

FROM = 16  # px: coarser maps say where the head is, and one of their pixels covers both sides of the seam


class Hold:
    """`fixed` [R, R] in [0, 1], 1 where the picture of w_plus [1, num_ws, D] must stay."""

    def __init__(self, synthesis: Synthesis, w_plus: Tensor, fixed: Tensor) -> None:
        self.fixed = fixed
        kept: dict[Key, Tensor] = {}
        names = [layer.key for layer in synthesis.layers() if layer.name != "torgb" and layer.resolution >= FROM]

        def keep(key: Key):
            def hook(state: State) -> None:
                kept[key] = state.x

            return hook

        with torch.no_grad():
            self.image = synthesis(w_plus, hooks={key: keep(key) for key in names})
        self._kept = kept
        sizes = {key[0] for key in names}
        self._shares = {size: _shrunk(fixed, size) for size in sizes}

    def __call__(self, state: State, key: Key) -> State:
        """After the layer `key`: the features of before where the mask fixes them."""
        if key not in self._kept:
            return state
        return replace(state, x=torch.lerp(state.x, self._kept[key].to(state.x), self._shares[key[0]].to(state.x)))


def _shrunk(fixed: Tensor, side: int) -> Tensor:
    """[1, 1, side, side]"""
    return F.interpolate(fixed[None, None].float(), (side, side), mode="bilinear", antialias=True, align_corners=False)
