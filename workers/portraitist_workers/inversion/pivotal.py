"""Pivotal tuning (Roich et al. 2021): a short tuning of the generator to one photo, around the latent that is closest to it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..generator import Generator
from .muon import Muon
from .optimize import OnStep

# (image, photo, step, weight) -> [B], as `Reconstruction` is.
Loss = Callable[[Tensor, Tensor, int, Tensor | None], Tensor]


def tune_to_photo(
    generator: Generator,
    photo: Tensor,
    w: Tensor,
    loss: Loss,
    *,
    steps: int = 60,
    lr: float = 3e-3,
    anchors: Tensor | None = None,
    anchor_weight: float = 1.0,
    weight: Tensor | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    on_step: OnStep | None = None,
) -> Generator:
    """A copy of `generator` whose image of `w` [1, D] or [1, num_ws, D] is `photo` [1, 3, R, R].

    `anchors` [N, D]: points whose images must not change. Two of them are held to what the generator showed
    before (PTI's locality regularisation, with the person's own anchors in place of random latents).
    """
    tuned = generator.copy().requires_grad_(False)
    optimizer = Muon(tuned, lr=lr)
    rng = torch.Generator().manual_seed(seed)
    held: tuple[Tensor, Tensor] | None = None
    if anchors is not None:
        held_w = anchors[torch.randperm(len(anchors), generator=rng)[:2].to(anchors.device)]
        held_w = torch.lerp(w if w.ndim == 2 else w.mean(1), held_w, 0.5)  # half way: where edits of this photo go
        with torch.no_grad():
            held = held_w, generator.images(held_w, dtype=dtype)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps), (step + 1) / 5)
        optimizer.zero_grad(set_to_none=True)
        total = loss(tuned.images(w, dtype=dtype), photo, step, weight).sum()
        if held is not None:
            total = total + anchor_weight * (tuned.images(held[0], dtype=dtype) - held[1]).abs().mean()
        total.backward()
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, steps, float(total.detach()))
    return tuned.requires_grad_(False)
