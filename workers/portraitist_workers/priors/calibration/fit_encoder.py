"""An inversion encoder for a foreign generator: the bundled encoder's features, a new last layer in closed form, a short tuning.

The bundled encoder has learnt to look at faces; what differs is the W it must name. So ridge regression from its features to
w does most, and a few hundred steps of tuning on disturbed samples the rest. Errors are |found w - w|^2 / |w - mean w|^2, in
units of W's spread, on held-out samples; 1 means that the encoder knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from portraitist.priors.prior import bundled

from ...device import device
from ...inversion import encoder as encoder_file
from .samples import Samples

RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # times the number of samples
HELD = 8  # every so-manieth sample is held out
BATCH = 16


def start(samples: Samples, w_mean: Tensor, w_std: Tensor) -> tuple[encoder_file.Encoder, float]:
    """The bundled trunk with a fitted last layer, and its error on held-out samples."""
    encoder = encoder_file.Encoder(samples.w.shape[1]).to(device())
    known, mine = encoder_file.load(bundled() / "encoder.safetensors").state_dict(), encoder.state_dict()
    last = f"head.{len(encoder.head) - 1}."
    usable = {
        k: v for k, v in known.items() if k in mine and v.shape == mine[k].shape and not k.startswith((last, "w_"))
    }
    encoder.load_state_dict(usable, strict=False)
    encoder.w_mean.copy_(w_mean)
    encoder.w_std.copy_(w_std)
    encoder.eval()
    with torch.no_grad():
        batches = torch.arange(len(samples.w), device=samples.w.device).split(64)
        clean = [_features(encoder, samples.pictures(rows)) for rows in batches]
        disturbed = [_features(encoder, disturb(samples.pictures(rows), _rng(rows))) for rows in batches]
        features = torch.cat(clean + disturbed)
        target = ((samples.w - w_mean) / w_std).repeat(2, 1)
        held = _held(samples).repeat(2)
        layer = encoder.head[-1]
        assert isinstance(layer, nn.Linear)
        best: tuple[float, Tensor, Tensor] | None = None
        for ridge in RIDGES:
            weight, bias = _ridge(features[~held], target[~held], ridge)
            error = float(
                (features[held] @ weight.T + bias - target[held]).square().sum() / target[held].square().sum()
            )
            if best is None or error < best[0]:
                best = (error, weight, bias)
        assert best is not None
        layer.weight.copy_(best[1])
        layer.bias.copy_(best[2])
    return encoder, _error(encoder, samples)


def tune(
    encoder: encoder_file.Encoder,
    samples: Samples,
    *,
    steps: int,
    seed: int,
    state: dict[str, Any] | None = None,
    on_step: Callable[[int, int, float], None],
    save: Callable[[dict[str, Any]], None],
) -> encoder_file.Encoder:
    """`steps` updates on disturbed samples. Randomness of a step comes from (seed, step), so a resumed run ends as an unbroken one."""
    rows = torch.arange(len(samples.w), device=samples.w.device)[~_held(samples)]
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-4, betas=(0.9, 0.99), weight_decay=0.02)
    step = 0
    if state is not None:
        encoder.load_state_dict(state["encoder"])
        optimizer.load_state_dict(state["optimizer"])
        step = int(state["step"])
    encoder.train()
    while step < steps:
        rng = torch.Generator().manual_seed(seed * 9_999_991 + step)
        for group in optimizer.param_groups:
            group["lr"] = 2e-4 * min(1.0, (step + 1) / 20, 2 * (1 - step / steps) + 0.02)
        pick = rows[torch.randint(len(rows), (BATCH,), generator=rng).to(rows.device)]
        found = encoder(disturb(samples.pictures(pick), rng))
        loss = F.smooth_l1_loss((found - samples.w[pick]) / encoder.w_std, torch.zeros_like(found), beta=0.5)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 50 == 0 and step < steps:
            save({"encoder": encoder.state_dict(), "optimizer": optimizer.state_dict(), "step": step})
        on_step(step, steps, float(loss.detach()))
    return encoder.eval()


def better(a: encoder_file.Encoder, b: encoder_file.Encoder, samples: Samples) -> tuple[encoder_file.Encoder, float]:
    """The one with the smaller error on held-out samples, and that error."""
    errors = _error(a, samples), _error(b, samples)
    return (a, errors[0]) if errors[0] <= errors[1] else (b, errors[1])


def disturb(images: Tensor, rng: torch.Generator) -> Tensor:
    """Photos are cropped, exposed and compressed less exactly than samples: shift <= 4 %, scale, exposure, blur, noise."""
    B = len(images)
    u = torch.rand(B, 6, generator=rng).to(images.device)
    theta = images.new_zeros(B, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + (u[:, 0] - 0.5) * 0.08
    theta[:, :, 2] = (u[:, 1:3] - 0.5) * 0.08
    images = F.grid_sample(
        images,
        F.affine_grid(theta, list(images.shape), align_corners=False),
        padding_mode="reflection",
        align_corners=False,
    )
    images = images * (1 + (u[:, 3] - 0.5) * 0.2).view(B, 1, 1, 1) + ((u[:, 4] - 0.5) * 0.1).view(B, 1, 1, 1)
    coarse = F.interpolate(F.avg_pool2d(images, 4), scale_factor=4, mode="bilinear", align_corners=False)
    images = torch.where((u[:, 5] < 0.15).view(B, 1, 1, 1), coarse, images)
    return images + 0.03 * torch.randn(images.shape, generator=rng).to(images.device) * (u[:, 5] > 0.7).view(B, 1, 1, 1)


def _features(encoder: encoder_file.Encoder, images: Tensor) -> Tensor:
    """[B, 512]: what the last layer sees. (Taken by a hook, so that the encoder alone knows its own way.)"""
    seen: list[Tensor] = []
    hook = encoder.head[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].float()))
    try:
        encoder(images)
    finally:
        hook.remove()
    return seen[0]


def _ridge(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """(weight [D, F], bias [D]) of y ~ x, the features in units of their own spread."""
    mean, scale = x.mean(0), x.std(0).clamp(min=1e-4)
    z = (x - mean) / scale
    weight = (
        torch.linalg.solve(z.T @ z + ridge * len(z) * torch.eye(z.shape[1], device=z.device), z.T @ (y - y.mean(0))).T
        / scale
    )
    return weight, y.mean(0) - weight @ mean


def _held(samples: Samples) -> Tensor:
    return torch.arange(len(samples.w), device=samples.w.device) % HELD == 0


def _rng(rows: Tensor) -> torch.Generator:
    return torch.Generator().manual_seed(int(rows[0]))


@torch.no_grad()
def _error(encoder: encoder_file.Encoder, samples: Samples) -> float:
    """On disturbed samples, because photos are."""
    held = _held(samples)
    found = torch.cat([encoder(disturb(samples.pictures(r), _rng(r))) for r in held.nonzero()[:, 0].split(64)])
    normalised = (found - samples.w[held]) / encoder.w_std
    return float(normalised.square().sum() / ((samples.w[held] - encoder.w_mean) / encoder.w_std).square().sum())
