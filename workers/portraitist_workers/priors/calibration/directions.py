"""Directions in W of the measured attributes: regression on samples, then corrected by what steps along them really do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...faces.attributes import AttributeEstimator
from ...generator import Generator
from ...persona.axes import spread
from ...persona.control import Response, measure_response
from ...persona.model import render

PROBES = 6  # latents at which responses are measured; each costs two pictures per attribute
DAMPING = 0.05
LONGEST = 1.5  # a step of one usual spread moves w by at most so many of its own spreads (root mean square)


@dataclass(frozen=True)
class Directions:
    """steps [A, D]: change of w per unit. `gains`: measured change per unit asked for (1 is right). `leaks`: mean movement of the
    other attributes, in their usual spreads, while one moves by its own. `scatter`: standard deviation over the samples."""

    names: tuple[str, ...]
    steps: Tensor
    gains: dict[str, float]
    leaks: dict[str, float]
    scatter: dict[str, float]


def regress(w: Tensor, values: Tensor) -> Tensor:
    """[A, D]: change of w per unit of each attribute, the others held: ridge regression of w [N, D] on values [N, A]."""
    scale = values.std(0).clamp(min=1e-4)
    z = (values - values.mean(0)) / scale
    gram = z.T @ z + 1e-2 * len(z) * torch.eye(len(scale))
    return torch.linalg.solve(gram, z.T @ (w - w.mean(0))) / scale[:, None]


@torch.no_grad()
def find(generator: Generator, estimator: AttributeEstimator, w: Tensor, values: Tensor, w_std: Tensor) -> Directions:
    names = estimator.names
    scale = torch.tensor([spread(n) for n in names])

    def measure(latents: Tensor) -> Tensor:
        return estimator(render(generator, latents, batch=max(1, 2**18 // generator.config.resolution**2)))[0]

    first = _bounded(regress(w, values), scale, w_std)
    response = _normalised(measure_response(names, first, w[:PROBES], measure), scale)
    # A unit step along axis i changes attribute j by response[j, i]: mixing the axes by the inverse makes it the identity.
    A = len(names)
    inverse = torch.linalg.solve(response.T @ response + DAMPING * torch.eye(A), response.T)
    mixed = _bounded((inverse.T @ (first * scale[:, None])) / scale[:, None], scale, w_std)
    again = _normalised(measure_response(names, mixed, w[PROBES : 2 * PROBES], measure), scale)
    steps, response = (mixed, again) if _error(again) < _error(response) else (first, response)
    others = response.abs() * (1 - torch.eye(A))
    return Directions(
        names, steps.contiguous(), *(dict(zip(names, map(float, x), strict=True)) for x in
                                     (response.diagonal(), others.sum(0) / max(A - 1, 1), values.std(0))))


def _normalised(response: Response, scale: Tensor) -> Tensor:
    """[A, A] in usual spreads of both."""
    return response.matrix / scale[:, None] * scale[None, :]


def _error(response: Tensor) -> float:
    return float((response - torch.eye(len(response))).square().sum())


def _bounded(steps: Tensor, scale: Tensor, w_std: Tensor) -> Tensor:
    """An attribute that the generator does not know gives a direction of noise, which must not lead out of W."""
    length = ((steps * scale[:, None]) / w_std).square().mean(1).sqrt()
    return steps * (LONGEST / length.clamp(min=1e-9)).clamp(max=1.0)[:, None]
