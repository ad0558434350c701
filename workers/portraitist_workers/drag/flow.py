"""How every place of a face moves between two latents, read off the generator's features: pseudo-motion to train the latent transformer by.

The published one takes flow and expansion from a network for videos. Here two feature maps of 64 px are laid onto each other (Lucas and
Kanade 1981), in the small motions that the training takes. No picture is drawn, and any prior has features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import Synthesis

SIDE = 64  # px of the map: the published block
WINDOW = 2.0  # px: sigma of the neighbourhood that moves together
ROUNDS = 4
DAMPING = 1e-2
FIT = 3.0  # px: sigma of the neighbourhood whose affine motion gives the expansion
STRETCH = 0.5, 2.0  # scale from one picture to the other, at least and at most


@dataclass(frozen=True, eq=False)
class Motion:
    """flow [B, 2, S, S]: px of the map, right and down. expansion [B, S, S]: -log of the scale, negative where things come nearer.
    sure [B, S, S] in [0, 1]: 1 where there and back again is where it began."""

    flow: Tensor
    expansion: Tensor
    sure: Tensor


def feature_map(synthesis: Synthesis, w_plus: Tensor, *, side: int = SIDE) -> Tensor:
    """[B, C, side, side]: what comes out of the second convolution at `side` px, before any colour."""
    styles = synthesis.styles(w_plus)
    state, end = synthesis.start(len(w_plus)), 1 + synthesis.position(side, "conv1")
    while state.position < end:
        if synthesis.layers()[state.position].name == "torgb":
            state = replace(state, position=state.position + 1)
        else:
            state = synthesis.step(state, styles)
    return state.x


@torch.no_grad()
def motion(first: Tensor, second: Tensor) -> Motion:
    """From the features `first` [B, C, S, S] to `second`."""
    scale = first.std((2, 3), keepdim=True).clamp(min=1e-6)
    first, second = first / scale, second / scale
    flow, back = _flow(first, second), _flow(second, first)
    gap = (flow + _warped(back, flow)).norm(dim=1)
    return Motion(flow, expansion(flow), torch.exp(-gap.square()))


def expansion(flow: Tensor) -> Tensor:
    """-1/2 log |det(I + dv/dx)| of a flow [B, 2, S, S], from the affine motion of each neighbourhood."""
    smooth = _blurred(flow, FIT / 2)
    dx, dy = _slopes(smooth)
    det = (1 + dx[:, 0]) * (1 + dy[:, 1]) - dx[:, 1] * dy[:, 0]
    low, high = STRETCH
    return -det.abs().sqrt().clamp(low, high).log()


def _flow(first: Tensor, second: Tensor) -> Tensor:
    flow = first.new_zeros(len(first), 2, *first.shape[2:])
    dx, dy = _slopes(first)
    xx, xy, yy = (_blurred((a * b).sum(1, keepdim=True), WINDOW)[:, 0] for a, b in ((dx, dx), (dx, dy), (dy, dy)))
    damping = DAMPING * (xx + yy).mean((1, 2), keepdim=True)
    xx, yy = xx + damping, yy + damping
    det = xx * yy - xy * xy
    for _ in range(ROUNDS):
        difference = _warped(second, flow) - first
        bx, by = (_blurred((d * difference).sum(1, keepdim=True), WINDOW)[:, 0] for d in (dx, dy))
        step = torch.stack([-(yy * bx - xy * by) / det, -(xx * by - xy * bx) / det], 1)
        flow = flow + step.clamp(-1, 1)
    return flow


def _warped(x: Tensor, flow: Tensor) -> Tensor:
    """x at the places that the flow leads to."""
    B, _, H, W = flow.shape
    grid = F.affine_grid(torch.eye(2, 3).to(x).expand(B, -1, -1), [B, 1, H, W], align_corners=False)
    grid = grid + flow.permute(0, 2, 3, 1) * (2 / flow.new_tensor([W, H]))
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Change per px to the right and down."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2, (
        padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    ) / 2


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = int(2.5 * sigma)
    taps = torch.exp(-torch.arange(-reach, reach + 1.0, device=x.device).square() / (2 * sigma**2))
    taps = (taps / taps.sum()).to(x)
    C = x.shape[1]
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    padded = F.conv2d(padded, taps.view(1, 1, 1, -1).expand(C, 1, 1, -1), groups=C)
    return F.conv2d(padded, taps.view(1, 1, -1, 1).expand(C, 1, -1, 1), groups=C)
