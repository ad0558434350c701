"""A prior without a person: what anybody's photo is edited with. The generator is the prior's own, untouched. The anchors are people whom
it makes up. Nothing here comes from a photo."""

from __future__ import annotations

import torch
from torch import Tensor

from ..faces.attributes import load_attributes
from ..faces.geometry import bounded
from ..priors import library
from .axes import Axes
from .rendering import render

PEOPLE = (
    48  # enough for their hull to hold what faces have in common; the nearest mix of them is sought for every photo
)
SEED = 0


@torch.no_grad()
def people(prior: library.Prior) -> Tensor:
    """[PEOPLE, D]: latents of as many people as the prior makes up. The same each time."""
    mapping = prior.generator.mapping
    z = torch.randn(PEOPLE, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(SEED))
    return mapping(z.to(mapping.w_avg.device))


@torch.no_grad()
def axes(prior: library.Prior, anchors: Tensor) -> Axes:
    """The prior's own directions, counted from the mean of `anchors` [N, D]."""
    estimator = load_attributes()
    names = tuple(name for name in estimator.names if name in prior.attributes)
    origin = anchors.mean(0)
    zero = bounded(estimator(render(prior.generator, origin[None]))[0])[0]
    return Axes(names, origin, zero[[estimator.names.index(name) for name in names]], prior.steps_for(names))
