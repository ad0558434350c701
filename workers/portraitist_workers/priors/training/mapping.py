"""z -> w: the mapping network learns the distribution of W that the engine's labels span.

The label network turns any labels into w without rendering, so samples of W are free. The ordinary StyleGAN2 mapping
network is fitted to them by the sliced Wasserstein distance (Bonneel et al. 2015): over random directions, the sorted
projections of generated and of real w must coincide.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...generator.mapping import Mapping


def fit(mapping: Mapping, w: Tensor, *, steps: int = 1500, batch: int = 512, slices: int = 128, seed: int = 0) -> float:
    """Train `mapping` in place so that z ~ N(0, 1) gives the distribution of w [N, D]; sets w_avg.

    Returns the final distance in units of w's mean standard deviation (two samples of w itself give about 0.05).
    """
    rng = torch.Generator().manual_seed(seed)
    mean, std = w.mean(0), w.std(0).mean()
    mapping.requires_grad_(True)
    rate = 5e-3 / mapping.layers[0].bias_gain  # the layers' equalised learning rate divides it again
    optimizer = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.9, 0.99))
    running = 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        z = torch.randn(batch, mapping.layers[0].weight.shape[1], generator=rng)
        real = w[torch.randint(len(w), (batch,), generator=rng)]
        directions = torch.nn.functional.normalize(torch.randn(w.shape[1], slices, generator=rng), dim=0)
        fake = mapping(z)
        ours = ((fake - mean) @ directions).sort(0).values
        theirs = ((real - mean) @ directions).sort(0).values
        loss = (ours - theirs).abs().mean() / std
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        running = 0.98 * running + 0.02 * float(loss.detach()) if step else float(loss.detach())
    mapping.requires_grad_(False)
    mapping.w_avg.copy_(mean)
    return running
