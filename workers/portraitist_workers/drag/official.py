"""DragGAN exactly as its released code does it, quirks included: what our own method is compared with.

Pan, Tewari, Leimkühler, Liu, Meka, Theobalt: Drag Your GAN, SIGGRAPH 2023 (arXiv 2305.10973), and the drag loop of its released renderer.
Where paper and code differ, this follows the code. It tracks whole pixels by the L2 norm, and its patches lie off centre. It stops within
2 px, has no limit of its own, and draws the whole picture at every step. Points are (row, column), and pixel centres are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import State, Synthesis

BLOCK = 128  # px: whose features are followed, in every generator
ROWS = 6  # of w_plus that move
MASK_WEIGHT = 20.0


@dataclass(frozen=True, eq=False)
class OfficialStep:
    """After tracking, before the step that follows it (none when `arrived`).

    points    [P, 2] rows and columns, whole pixels of the picture
    loss      sum of the points' losses, and the mask's mean change without its weight
    gradient  [6, D] of the whole loss; None when arrived
    w         [6, D] after the step
    """

    points: list[tuple[int, int]]
    loss: tuple[float, float]
    gradient: Tensor | None
    w: Tensor
    arrived: bool


def official(
    synthesis: Synthesis,
    w_plus: Tensor,
    handles: Sequence[tuple[int, int]],
    targets: Sequence[tuple[int, int]],
    *,
    fixed: Tensor | None = None,
    rate: float = 1e-3,
) -> Iterator[OfficialStep]:
    """Steps without end, until all points have arrived. w_plus [1, num_ws, D]; `fixed` [R, R], 1 where nothing may move."""
    side = synthesis.config.resolution
    points = list(handles)
    ws = w_plus[:, :ROWS].detach().clone().requires_grad_(True)
    rest = w_plus[:, ROWS:].detach()
    optimizer = torch.optim.Adam([ws], lr=rate)
    grid = torch.linspace(0, side, side)
    rows, columns = torch.meshgrid(grid, grid, indexing="ij")
    first, references = None, None
    while True:
        resized = _features(synthesis, torch.cat([ws, rest], 1), side)
        if first is None or references is None:
            first = resized.detach()
            references = [first[0, :, y, x] for y, x in points]
        with torch.no_grad():
            points = [_nearest(resized, r, p, round(12 / 512 * side)) for r, p in zip(references, points, strict=True)]
        loss = resized.new_zeros(())
        arrived = True
        for (py, px), (ty, tx) in zip(points, targets, strict=True):
            direction = torch.tensor([ty - py, tx - px], dtype=torch.float32)
            distance = float(direction.norm())
            arrived = arrived and distance <= max(2 / 512 * side, 2)
            if distance <= 1:
                continue
            near = ((rows - py).square() + (columns - px).square()).sqrt() < round(3 / 512 * side)
            y, x = near.nonzero(as_tuple=True)
            direction = direction / (direction.norm() + 1e-7)
            moved = torch.stack([x + direction[1], y + direction[0]], 1) / (side - 1) * 2 - 1
            ahead = F.grid_sample(resized, moved[None, None], align_corners=True)[0, :, 0]
            loss = loss + F.l1_loss(resized[0][:, y, x].detach(), ahead)
        kept = resized.new_zeros(())
        if fixed is not None and 0 < float(fixed.mean()) < 1:
            kept = F.l1_loss(resized * fixed, first * fixed)
        gradient = None
        if not arrived:
            optimizer.zero_grad()
            (loss + MASK_WEIGHT * kept).backward()
            assert ws.grad is not None
            gradient = ws.grad[0].clone()
            optimizer.step()
        yield OfficialStep(
            list(points), (float(loss.detach()), float(kept.detach())), gradient, ws.detach()[0].clone(), arrived
        )
        if arrived:
            return


def _features(synthesis: Synthesis, w_plus: Tensor, side: int) -> Tensor:
    """[1, C, side, side], with the whole picture drawn beside it."""
    kept: list[Tensor] = []

    def keep(state: State) -> None:
        kept.append(state.x)

    synthesis(w_plus, hooks={(BLOCK, "conv1"): keep})
    return F.interpolate(kept[0], (side, side), mode="bilinear")


def _nearest(features: Tensor, reference: Tensor, point: tuple[int, int], radius: int) -> tuple[int, int]:
    """The pixel around `point` whose features are nearest; of equal ones the first."""
    side = features.shape[-1]
    y, x = point
    top, left = max(y - radius, 0), max(x - radius, 0)
    seen = features[0, :, top : min(y + radius + 1, side), left : min(x + radius + 1, side)]
    found = int((seen - reference[:, None, None]).norm(dim=0).argmin())
    return top + found // seen.shape[2], left + found % seen.shape[2]
