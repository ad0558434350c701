"""Directions in W of the measured attributes: the attribute network's own slope, held off from who it is and where, then checked.

The mean gradient of an attribute over w says how to move it by the shortest way (lengths in units of W's spread). Two things must
not come along: identity and backdrop. Where those move with w is found by regression on the samples, and the gradients are
projected off it. Last, real steps are made and the directions mixed until each moves its own attribute only. (Regressing w on the
attributes instead gives the way that the samples usually go, with all that usually goes with it: see docs/priors/import.md.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...faces.attributes import AttributeEstimator
from ...generator import Generator
from ...persona.axes import spread
from ...persona.control import Response, measure_response
from ...persona.rendering import render
from .samples import Samples

PROBES = 6  # latents at which responses are measured (half at 512 px and more); each costs two pictures per attribute
DAMPING = 0.05
LONGEST = 1.5  # a step of one usual spread moves w by at most so many of its own spreads (root mean square)
IDENTITY = 24  # principal components of the identity embedding that steps must leave alone
RIDGE = 0.1  # of the regressions, times the number of samples
CORNER = 24  # px of the 128: side of the upper corners, where the backdrop is


@dataclass(frozen=True)
class Directions:
    """steps [A, D]: change of w per unit. nuisance [K, D]: orthonormal directions of the backdrop. `gains`: measured change per
    unit asked for (1 is right). `leaks`: mean movement of the other attributes, in their usual spreads, while one moves by its own.
    `likeness`: identity cosine between pictures one usual spread apart. `scatter`: standard deviation over the samples."""

    names: tuple[str, ...]
    steps: Tensor
    nuisance: Tensor
    gains: dict[str, float]
    leaks: dict[str, float]
    likeness: dict[str, float]
    scatter: dict[str, float]


def find(
    generator: Generator,
    estimator: AttributeEstimator,
    identity: Callable[[Tensor], Tensor],
    drawn: Samples,
    w_mean: Tensor,
    w_std: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    on_step: Callable[[int, int], None] | None = None,
) -> Directions:
    names = estimator.names
    scale = torch.tensor([spread(n) for n in names]).to(drawn.values)
    w, A = drawn.w, len(names)
    batch = max(1, 2**18 // generator.config.resolution**2)

    def pictures(latents: Tensor) -> Tensor:
        return render(generator, latents, batch=batch, dtype=dtype)

    def measure(latents: Tensor) -> Tensor:
        return estimator(pictures(latents))[0]

    count = min(
        {256: 48, 512: 20, 1024: 10}.get(generator.config.resolution, 128), max(8, len(w) // 16)
    )  # gradients are dear
    probes = PROBES if generator.config.resolution <= 256 else PROBES // 2
    slope = jacobian(generator, estimator, w[:count], batch=batch, dtype=dtype, on_step=on_step)
    slope = slope * w_std / scale[:, None]  # in spreads of both
    with torch.no_grad():
        embeddings, colours = seen(drawn, identity)
        slope = shortest(slope, held(w, w_mean, w_std, embeddings, colours))
        first = _bounded(slope * w_std / scale[:, None], scale, w_std)
        response = _normalised(measure_response(names, first, w[:probes], measure), scale)
        # A unit step along axis i changes attribute j by response[j, i]: mixing the axes by the inverse makes it the identity.
        inverse = torch.linalg.solve(response.T @ response + DAMPING * torch.eye(A, device=scale.device), response.T)
        mixed = _bounded((inverse.T @ (first * scale[:, None])) / scale[:, None], scale, w_std)
        again = _normalised(measure_response(names, mixed, w[probes : 2 * probes], measure), scale)
        steps, response = (mixed, again) if _error(again) < _error(response) else (first, response)
        others = response.abs() * (1 - torch.eye(A, device=scale.device))
        before = identity(pictures(w[:probes]))
        alike = [
            float((identity(pictures(w[:probes] + step * s)) * before).sum(1).mean())
            for step, s in zip(steps, scale, strict=True)
        ]
        figures = (response.diagonal(), others.sum(0) / max(A - 1, 1), alike, drawn.values.std(0))
        return Directions(
            names,
            steps.contiguous(),
            backdrop_directions(w, colours),
            *(dict(zip(names, map(float, x), strict=True)) for x in figures),
        )


def jacobian(
    generator: Generator,
    estimator: AttributeEstimator,
    w: Tensor,
    *,
    batch: int = 16,
    dtype: torch.dtype = torch.float32,
    on_step: Callable[[int, int], None] | None = None,
) -> Tensor:
    """[A, D]: mean gradient of each attribute over w [N, D]."""
    A, total = len(estimator.names), w.new_zeros(len(estimator.names), w.shape[1])
    for first in range(0, len(w), batch):
        latents = w[first : first + batch].detach().clone().requires_grad_(True)
        with torch.enable_grad():
            values = estimator(generator.synthesis(latents, dtype=dtype))[0]
            for i in range(A):
                total[i] += torch.autograd.grad(values[:, i].sum(), latents, retain_graph=i + 1 < A)[0].sum(0)
        if on_step is not None:
            on_step(min(first + batch, len(w)), len(w))
    return total / len(w)


def shortest(slope: Tensor, kept: Tensor) -> Tensor:
    """[A, D]: smallest moves that change one attribute by one and the others not at all, orthogonal to `kept` [K, D] orthonormal."""
    free = slope - slope @ kept.T @ kept
    gram = slope @ free.T
    return torch.linalg.solve(
        gram + 1e-4 * gram.diagonal().mean().clamp(min=1e-9) * torch.eye(len(gram), device=gram.device), free
    )


def seen(drawn: Samples, identity: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Of every sample: its identity embedding [N, E], and the mean colours of both upper corners [N, 6]."""
    embeddings, colours = [], []
    for rows in torch.arange(len(drawn.w), device=drawn.w.device).split(64):
        images = drawn.pictures(rows)
        embeddings.append(identity(images))
        top = images[:, :, :CORNER]
        colours.append(torch.cat([top[..., :CORNER].mean((2, 3)), top[..., -CORNER:].mean((2, 3))], 1))
    return torch.cat(embeddings), torch.cat(colours)


def held(w: Tensor, w_mean: Tensor, w_std: Tensor, embeddings: Tensor, colours: Tensor) -> Tensor:
    """Orthonormal [K, D], in units of w_std: gradients over w of identity (its principal components) and backdrop."""
    N, D = w.shape
    room = min(D // 4, N // 16)  # so many directions the samples can tell, and W can spare
    components = torch.linalg.svd(embeddings - embeddings.mean(0), full_matrices=False)[2]
    wanted = torch.cat([colours, embeddings @ components[:IDENTITY].T], 1)[:, :room]
    if not wanted.shape[1]:
        return w.new_zeros(0, D)
    x = (w - w_mean) / w_std
    y = (wanted - wanted.mean(0)) / wanted.std(0).clamp(min=1e-4)
    slope = torch.linalg.solve(x.T @ x + RIDGE * N * torch.eye(D, device=x.device), x.T @ y).T
    return torch.linalg.svd(slope, full_matrices=False)[2]


def backdrop_directions(w: Tensor, colours: Tensor) -> Tensor:
    """Orthonormal [K, D]: where w moves with the backdrop, as the bundled prior's `nuisance`."""
    z = (colours - colours.mean(0)) / colours.std(0).clamp(min=1e-4)
    slope = torch.linalg.solve(z.T @ z + 1e-2 * len(z) * torch.eye(z.shape[1], device=z.device), z.T @ (w - w.mean(0)))
    return torch.linalg.svd(slope, full_matrices=False)[2].contiguous()


def _normalised(response: Response, scale: Tensor) -> Tensor:
    """[A, A] in usual spreads of both."""
    return response.matrix / scale[:, None] * scale[None, :]


def _error(response: Tensor) -> float:
    return float((response - torch.eye(len(response), device=response.device)).square().sum())


def _bounded(steps: Tensor, scale: Tensor, w_std: Tensor) -> Tensor:
    """An attribute that the generator does not know gives a direction of noise, which must not lead out of W."""
    length = ((steps * scale[:, None]) / w_std).square().mean(1).sqrt()
    return steps * (LONGEST / length.clamp(min=1e-9)).clamp(max=1.0)[:, None]
