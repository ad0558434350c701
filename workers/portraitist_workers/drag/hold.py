"""What a mask fixes stays: there, from some resolution on, every layer's features and colours are those of the picture before.

DragGAN adds a loss for what must not move (paper, eq. 2). It competes with the drag, so both are missed. Here the synthesis itself goes on
from two latents: the old one where the mask says so, the new one elsewhere. Layers after the seam see both sides, and draw across it.
Changes that would move what is fixed cost more (`Space.sparing`), so that a head does not turn behind its mask.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator import Generator
from ..generator.synthesis import Hook, Key, State, Synthesis
from .feature_map import feature_map

FELT, FELT_AT = 32, 32  # mixes; px of the map they are mixes of
FROM = 16  # px: coarser maps say where the head is, and one of their pixels covers both sides of the seam
SEAM = 0.012  # of the side: how far the old picture fades out into what may move


class Hold:
    """`fixed` [R, R] in [0, 1], 1 where the picture of w_plus [1, num_ws, D] must stay. `under`: what is held in that picture already."""

    def __init__(self, synthesis: Synthesis, w_plus: Tensor, fixed: Tensor, under: Hold | None = None) -> None:
        self.synthesis, self._under = synthesis, under
        self._kept: dict[Key, State] = {}
        self._keys = [layer.key for layer in synthesis.layers() if layer.resolution >= FROM]
        with torch.no_grad():
            self.before = synthesis(w_plus, hooks={key: self._keep(key) for key in self._keys})
        faded = _faded(fixed.to(w_plus).float())
        self._shares = {size: _shrunk(faded, size) for size in {key[0] for key in self._keys}}
        self._under = None  # its maps are large, and all that was needed of them is kept

    def _keep(self, key: Key) -> Hook:
        def hook(state: State) -> State:
            self._kept[key] = state if self._under is None else self._under(state, key)
            return self._kept[key]

        return hook

    def __call__(self, state: State, key: Key) -> State:
        """After the layer `key`: where the mask fixes it, what was there before."""
        if key not in self._kept:
            return state
        before, share = self._kept[key], self._shares[key[0]]
        if key[1] != "torgb":
            return replace(state, x=torch.lerp(state.x, before.x.to(state.x), share.to(state.x)))
        assert state.image is not None and before.image is not None
        return replace(state, image=torch.lerp(state.image, before.image, share))

    def felt(self, w_plus: Tensor, rows: int) -> Tensor:
        """[FELT, rows, D]: how the features of what is fixed would change with the first rows of w_plus [1, num_ws, D], in so many random
        mixes. They span the changes that the seam would show most: the head's turning, the light's."""
        leaf = w_plus[:, :rows].detach().clone().requires_grad_(True)
        side = min(FELT_AT, self.synthesis.config.resolution)
        maps = feature_map(self.synthesis, torch.cat([leaf, w_plus[:, rows:]], 1), side=side)
        weight = self._shares[side] / maps.detach().std((2, 3), keepdim=True).clamp(min=1e-6)
        rng = torch.Generator().manual_seed(0)
        mixes = (torch.randn(maps.shape, generator=rng).to(maps) * weight for _ in range(FELT))
        return torch.stack([torch.autograd.grad((maps * mix).sum(), leaf, retain_graph=True)[0][0] for mix in mixes])

    def image(self, w_plus: Tensor) -> Tensor:
        """[B, 3, R, R]: the picture of w_plus, with what is fixed as it was."""
        hooks: dict[Key, Hook] = {key: lambda state, key=key: self(state, key) for key in self._keys}  # type: ignore[misc]
        return torch.cat([self.synthesis(w, hooks=hooks) for w in w_plus.split(1)])


class Held:
    """A generator whose pictures keep what `hold` fixes: for `render`, and nothing else."""

    def __init__(self, generator: Generator, hold: Hold) -> None:
        self._generator, self._hold = generator, hold

    def images(self, w: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
        return self._hold.image(w)


def _faded(fixed: Tensor) -> Tensor:
    """[1, 1, R, R]: 1 all over what is fixed, and falling off outside."""
    side = len(fixed)
    sigma = max(SEAM * side, 0.8)
    reach = int(3 * sigma)
    taps = torch.exp(-torch.arange(-reach, reach + 1.0, device=fixed.device).square() / (2 * sigma**2))
    kernel = (taps / taps.sum())[None, None]
    padded = F.pad(fixed[None, None], (reach,) * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(padded, kernel[..., None, :]), kernel[..., None])
    return torch.maximum(fixed[None, None], (2 * blurred).clamp(max=1) * (blurred > 0.02))


def _shrunk(fixed: Tensor, side: int) -> Tensor:
    """[1, 1, side, side]"""
    return F.interpolate(fixed, (side, side), mode="bilinear", antialias=True, align_corners=False)
