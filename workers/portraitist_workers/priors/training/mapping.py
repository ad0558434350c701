"""z -> w: the mapping network of a prior learns the distribution of W that the engine's renders span.

    python -m portraitist_workers.priors.training.mapping --pool DIR --prior DIR --out DIR
    python -m portraitist_workers.priors.training.mapping --like DIR --prior DIR --out DIR    # another prior's mapping, whose W it shares

W is what the prior's own encoder finds in renders and in their mirror images. (W of the labels is wider, by what no picture shows.) A
flow from N(0, 1) to it is trained first (flow matching: Lipman et al. 2023), because it finds a smooth assignment of z to w. Matching
distributions directly, by slices or by an adversary, leaves the combinations of attributes wrong. StyleGAN2's ordinary
mapping network then learns the flow's ends by regression, so that one pass is enough. Muon (Jordan et al. 2024) makes that
possible. Adam misses five times as much of their variance. Needs torch 2.9. What was tried: docs/priors/history.md.
"""

from __future__ import annotations

import argparse
import copy
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from portraitist.priors.prior import bundled

from ...faces.image_io import to_tensor
from ...generator import StyleGAN2
from ...generator.formats import native
from ...generator.layers import EqualizedLinear
from ...generator.mapping import Mapping
from ...precision import autocast
from .. import library

BEYOND = 1.25  # an encoder that is not sure stays near the mean, flow and regression do it again: W is taken so much further from it
FLOW_STEPS, FLOW_BATCH = 12_000, 512
PAIRS, STEPS, BATCH = 200_000, 5000, 1024
RATE = 0.01  # of the regression: spectral norm of a step of the effective weights
_OCTAVES = 8


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


class Velocity(nn.Module):
    """v(x [B, D], t [B, 1] in [0, 1]) -> [B, D]: where a point that is at x at time t is going.

    With a last layer of zeros it is the exact flow to a Gaussian with the deviations `std` [D] along the axes. The network
    learns the difference from that, in units of what x leaves open (compare Karras et al. 2022, section 5).
    """

    std: Tensor

    def __init__(self, std: Tensor, width: int = 768) -> None:
        super().__init__()
        self.register_buffer("std", std)
        self.first = nn.Linear(len(std) + 2 * _OCTAVES, width)
        self.middle = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.last = nn.Linear(width, len(std))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        variance = (1 - t).square() + (t * self.std).square()
        size = variance.rsqrt()
        angle = t * torch.pi * torch.arange(1, _OCTAVES + 1)
        h = F.silu(self.first(torch.cat([x * size, angle.sin(), angle.cos()], 1)))
        for layer in self.middle:
            h = h + F.silu(layer(h))
        return x * (t * self.std.square() - (1 - t)) / variance + self.last(h) * self.std * size


@torch.inference_mode()
def found_in(shards: Iterable[np.ndarray], prior: library.Prior) -> Tensor:
    """w [2N, D] of pictures, uint8 [n, R, R, 3] each shard, and of their mirror images, by the prior's encoder.

    Raises ValueError for pictures of another size than the prior's.
    """
    found = []
    for shard in shards:
        if shard.shape[1] != prior.resolution:
            raise ValueError(f"the pool's pictures have {shard.shape[1]} px: render one with --size {prior.resolution}")
        for start in range(0, len(shard), 50):
            images = to_tensor(shard[start : start + 50])
            found += [prior.encoder(images), prior.encoder(images.flip(-1))]
    w = torch.cat(found).clone()
    return torch.lerp(w.mean(0), w, BEYOND)


def fit(
    mapping: Mapping,
    w: Tensor,
    *,
    seed: int = 0,
    flow_steps: int = FLOW_STEPS,
    pairs: int = PAIRS,
    steps: int = STEPS,
    told: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train `mapping` in place so that z ~ N(0, 1) gives the distribution of w [N, D]; sets w_avg.

    A tenth of w is kept apart. Returns the `sliced_distance` of the mapping's w from those, that of `flow`'s, and the `floor` between
    two halves of them. All are in units of w's mean standard deviation. It also returns `missed`. That is the share of the variance of
    the flow's ends that the mapping does not give, for z that it did not learn from.
    """
    rng = torch.Generator().manual_seed(seed)
    w = w[torch.randperm(len(w), generator=rng)]
    kept, w = w[: len(w) // 10], w[len(w) // 10 :]
    axes = Axes(w)
    velocity = fit_flow(axes.to(w), rng, steps=flow_steps, told=told)
    z = unit(torch.randn(pairs + len(kept), cast(EqualizedLinear, mapping.layers[0]).weight.shape[1], generator=rng))
    ends = torch.cat([follow(velocity, part, steps=8) for part in z.split(4096)])
    _regress(mapping, axes, z[len(kept) :], ends[len(kept) :], rng, steps=steps, told=told)
    mapping.w_avg.copy_(axes.mean)
    with torch.no_grad():
        found = mapping(z[: len(kept)])
    ends, half = ends[: len(kept)], len(kept) // 2
    return {
        "sliced_distance": sliced_distance(found, kept),
        "flow": sliced_distance(axes.back(ends), kept),
        "floor": sliced_distance(kept[:half], kept[half:]),
        "missed": round(float((axes.to(found) - ends).square().mean() / ends.var(0).mean()), 4),
    }


def fit_flow(x: Tensor, rng: torch.Generator, *, steps: int, told: Callable[[str], None]) -> Velocity:
    """Flow matching from z ~ N(0, 1) to x [N, D]: at a random time between them, the velocity is x - z."""
    velocity = Velocity(x.std(0))
    averaged = copy.deepcopy(velocity)
    optimizer = torch.optim.Adam(velocity.parameters(), 1e-3, betas=(0.9, 0.99))
    running = 0.0
    for step in range(steps):
        _rate(optimizer, 1e-3, step, steps)
        start = torch.randn(FLOW_BATCH, x.shape[1], generator=rng)
        end = x[torch.randint(len(x), (FLOW_BATCH,), generator=rng)]
        t = torch.rand(FLOW_BATCH, 1, generator=rng)
        with autocast():
            found = velocity(torch.lerp(start, end, t), t)
        running = _step([optimizer], (found.float() - (end - start)).square().mean(), running, step)
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), list(velocity.parameters()), max(0.002, 1 / (step + 1)))
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


def _regress(
    mapping: Mapping,
    axes: Axes,
    z: Tensor,
    ends: Tensor,
    rng: torch.Generator,
    *,
    steps: int,
    told: Callable[[str], None],
) -> None:
    mapping.requires_grad_(True)
    layers = [cast(EqualizedLinear, layer) for layer in mapping.layers]
    first = layers[0]  # the layers' equalised learning rate divides a step again
    muon = torch.optim.Muon([layer.weight for layer in layers], weight_decay=0.0)
    adam = torch.optim.Adam([layer.bias for layer in layers], betas=(0.9, 0.99))
    running = 0.0
    for step in range(steps):
        _rate(muon, RATE / first.weight_gain, step, steps)
        _rate(adam, RATE / first.bias_gain, step, steps)
        chosen = torch.randint(len(z), (BATCH,), generator=rng)
        loss = (axes.to(mapping(z[chosen])) - ends[chosen]).square().mean()
        running = _step([muon, adam], loss, running, step)
        if step % 500 == 0:
            told(f"mapping: step {step}, loss {running:.4f}")
    mapping.requires_grad_(False)


def _rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = peak * min(1, (step + 1) / 200) * (1 - step / steps)


def _step(optimizers: list[torch.optim.Optimizer], loss: Tensor, running: float, step: int) -> float:
    """One update; the running mean of the loss."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    value = float(loss.detach())
    return 0.99 * running + 0.01 * value if step else value


def unit(z: Tensor) -> Tensor:
    """z with a mean square of 1, as the mapping network sees it."""
    return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


def sliced_distance(a: Tensor, b: Tensor, *, slices: int = 256) -> float:
    """Sliced Wasserstein distance of two samples (Bonneel et al. 2015), in units of b's mean standard deviation."""
    count = min(len(a), len(b))
    directions = F.normalize(torch.randn(b.shape[1], slices, generator=torch.Generator().manual_seed(9)), dim=0)
    a, b = (x[:count] @ directions for x in (a, b))
    return round(float((a.sort(0).values - b.sort(0).values).abs().mean() / b.std(0).mean()), 4)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pool", type=Path, help="renders of the training people, of the prior's size")
    source.add_argument("--like", type=Path, help="folder of a prior with the same W, whose mapping is taken")
    parser.add_argument(
        "--prior", type=Path, default=bundled(), help="folder that training.export or training.eyelids wrote"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the whole prior")
    parser.add_argument("--share", type=float, default=1.0, help="of steps and pairs, for a short run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    generator, metadata = native.load(args.prior / "generator.safetensors")
    assert isinstance(generator, StyleGAN2)
    if args.like:
        theirs, about = native.load(args.like / "generator.safetensors")
        generator.mapping.load_state_dict(theirs.mapping.state_dict())
        figures = about.get("mapping")
    else:
        from .pool import Pool  # the engine's requirements are needed for its pools alone

        figures = fit(
            generator.mapping,
            found_in(Pool(args.pool).images, library.load(folder=args.prior)),
            flow_steps=round(FLOW_STEPS * args.share),
            pairs=round(PAIRS * args.share),
            steps=round(STEPS * args.share),
        )
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.out.samefile(args.prior):
        for name in ("encoder", "latents"):
            shutil.copyfile(args.prior / f"{name}.safetensors", args.out / f"{name}.safetensors")
    native.save(generator, args.out / "generator.safetensors", metadata=metadata | {"mapping": figures})
    print(figures)


if __name__ == "__main__":
    main()
