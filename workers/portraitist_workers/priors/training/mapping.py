"""z -> w: the mapping network learns the distribution of W that the engine's labels span.

The label network turns any labels into w without rendering, so samples of W are plenty. A flow from N(0, 1) to them is trained first
(flow matching: Lipman et al. 2023; with pairs from minibatch optimal transport: Tong et al. 2023, which straightens the paths), because it
finds a smooth assignment of z to w where matching distributions directly, by slices or by an adversary, left the combinations of
attributes wrong. StyleGAN2's ordinary mapping network then learns the flow's ends, so that one pass is enough: by regression, which alone
would draw everything towards the mean, and in the second half mostly by the sliced Wasserstein distance (Bonneel et al. 2015) to w itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from ...generator.mapping import Mapping
from ...precision import autocast

FLOW_STEPS, FLOW_BATCH = 6000, 512
PAIRS, DISTIL_STEPS, DISTIL_BATCH = 100_000, 12_000, 1024
SLICES = 128
HOLD = 0.1  # weight of the regression in the second half
_OCTAVES = 8


class Velocity(nn.Module):
    """v(x [B, D], t [B, 1] in [0, 1]) -> [B, D]: where a point that is at x at time t is going."""

    def __init__(self, dim: int, width: int = 768) -> None:
        super().__init__()
        self.first = nn.Linear(dim + 2 * _OCTAVES, width)
        self.middle = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.last = nn.Linear(width, dim)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angle = t * torch.pi * torch.arange(1, _OCTAVES + 1)
        h = F.silu(self.first(torch.cat([x, angle.sin(), angle.cos()], 1)))
        for layer in self.middle:
            h = h + F.silu(layer(h))
        return self.last(h)


class Axes:
    """W in its principal axes, scaled to a mean variance of 1: what the flow and the losses see."""

    def __init__(self, w: Tensor) -> None:
        self.mean = w.mean(0)
        _, size, self.rows = torch.linalg.svd(w[:20_000] - self.mean, full_matrices=False)
        self.scale = (size.square() / min(len(w), 20_000)).mean().sqrt()

    def to(self, w: Tensor) -> Tensor:
        return (w - self.mean) @ self.rows.T / self.scale

    def back(self, x: Tensor) -> Tensor:
        return x @ self.rows * self.scale + self.mean


def fit(mapping: Mapping, w: Tensor, *, seed: int = 0, flow_steps: int = FLOW_STEPS, pairs: int = PAIRS,
        distil_steps: int = DISTIL_STEPS, told: Callable[[str], None] = print) -> dict[str, float]:
    """Train `mapping` in place so that z ~ N(0, 1) gives the distribution of w [N, D]; sets w_avg.

    A tenth of w is kept apart. Returns the `sliced_distance` of the mapping's w from those, that of `flow`'s, and the `floor` between
    two halves of them, all in units of w's mean standard deviation.
    """
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(w), generator=rng)
    kept, w = w[order[: len(w) // 10]], w[order[len(w) // 10 :]]
    axes = Axes(w)
    velocity = fit_flow(axes.to(w), rng, steps=flow_steps, told=told)
    z = unit(torch.randn(len(kept), mapping.layers[0].weight.shape[1], generator=rng))
    ends = axes.back(follow(velocity, z, steps=16))
    _distil(mapping, velocity, axes, axes.to(w), rng, pairs=pairs, steps=distil_steps, told=told)
    mapping.w_avg.copy_(axes.mean)
    with torch.no_grad():
        found = mapping(z)
    half = len(kept) // 2
    return {"sliced_distance": sliced_distance(found, kept), "flow": sliced_distance(ends, kept),
            "floor": sliced_distance(kept[:half], kept[half:])}


def fit_flow(x: Tensor, rng: torch.Generator, *, steps: int, told: Callable[[str], None]) -> Velocity:
    """Flow matching from z ~ N(0, 1) to x [N, D]: at a random time between them, the velocity is x - z."""
    D = x.shape[1]
    velocity = Velocity(D)
    averaged = copy.deepcopy(velocity)
    optimizer = torch.optim.Adam(velocity.parameters(), 1e-3)
    running = 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 200) * (1 - step / steps) + 1e-6
        start = torch.randn(FLOW_BATCH, D, generator=rng)
        end = x[torch.randint(len(x), (FLOW_BATCH,), generator=rng)]
        _, partner = linear_sum_assignment(torch.cdist(start, end).square().numpy())
        end = end[torch.from_numpy(partner)]
        t = torch.rand(FLOW_BATCH, 1, generator=rng)
        with autocast():
            found = velocity(torch.lerp(start, end, t), t)
        running = _step(optimizer, (found.float() - (end - start)).square().mean(), running, step)
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), list(velocity.parameters()), 0.002)
        if step % 500 == 0:
            told(f"flow: step {step}, loss {running:.4f}")
    return averaged


@torch.no_grad()
def follow(velocity: Velocity, z: Tensor, *, steps: int) -> Tensor:
    """Where the flow carries z [N, D], by Heun's method."""
    x = z
    with autocast():
        for step in range(steps):
            t = torch.full((len(x), 1), step / steps)
            first = velocity(x, t).float()
            second = velocity(x + first / steps, t + 1 / steps).float()
            x = x + (first + second) / 2 / steps
    return x


def _distil(mapping: Mapping, velocity: Velocity, axes: Axes, x: Tensor, rng: torch.Generator, *, pairs: int, steps: int,
            told: Callable[[str], None]) -> None:
    D = x.shape[1]
    z = unit(torch.randn(pairs, mapping.layers[0].weight.shape[1], generator=rng))
    ends = torch.cat([follow(velocity, part, steps=8) for part in z.split(4096)])
    mapping.requires_grad_(True)
    rate = 5e-3 / mapping.layers[0].bias_gain  # the layers' equalised learning rate divides it again
    optimizer = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.9, 0.99))
    scale, running = float(x.std(0).mean()), 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 200) * (1 - step / steps)
        chosen = torch.randint(pairs, (DISTIL_BATCH,), generator=rng)
        with autocast():
            found = mapping(z[chosen])
        found = axes.to(found.float())
        loss = (found - ends[chosen]).square().mean()
        if step >= steps // 2:
            real = x[torch.randint(len(x), (DISTIL_BATCH,), generator=rng)]
            directions = F.normalize(torch.randn(D, SLICES, generator=rng), dim=0)
            loss = HOLD * loss + sliced(found, real, directions) / scale
        running = _step(optimizer, loss, running, step)
        if step % 500 == 0:
            told(f"mapping: step {step}, loss {running:.4f}")
    mapping.requires_grad_(False)


def sliced(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """Mean distance between the sorted projections of a and b [N, D] on directions [D, K]; differentiable."""
    return ((a @ directions).sort(0).values - (b @ directions).sort(0).values).abs().mean()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor, running: float, step: int) -> float:
    """One update; the running mean of the loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    value = float(loss.detach())
    return 0.99 * running + 0.01 * value if step else value


def unit(z: Tensor) -> Tensor:
    """z with a mean square of 1, as the mapping network sees it."""
    return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


def sliced_distance(a: Tensor, b: Tensor, *, slices: int = 256) -> float:
    """Sliced Wasserstein distance of two samples, in units of b's mean standard deviation."""
    count = min(len(a), len(b))
    directions = F.normalize(torch.randn(b.shape[1], slices, generator=torch.Generator().manual_seed(9)), dim=0)
    return round(float(sliced(a[:count], b[:count], directions) / b.std(0).mean()), 4)
