"""Arranging anchors by attribute. Every organizer: axes(anchors, values) -> Axes, and loss(anchors, values, axes) -> scalar.

Frozen       MyStyle (Nitzan et al. 2022): anchors stay where inversion put them; the prior's directions, projected
             onto the anchors' span, serve as axes
BinMeans     MyStyle++ (Zeng et al. 2023, section 4.1): attributes quantised, every photo pulled to the mean of the
             other photos in its bin, along the principal (or SeFa) axis on which that loss is smallest
Regression   ours, for 5-20 photos where bins hold one photo each: axes are regressed on the attribute values, shrunk
             towards the prior's own directions as far as the photos are too few to decide, and come calibrated
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from .axes import Axes, spread


class Organizer(Protocol):
    names: tuple[str, ...]  # of the attributes
    moves_anchors: bool  # False: anchors are constants of the tuning
    weight: float  # of the anchor loss beside the reconstruction loss

    def axes(self, anchors: Tensor, values: Tensor) -> Axes: ...

    def loss(self, anchors: Tensor, values: Tensor, axes: Axes) -> Tensor: ...


def _standardised(names: tuple[str, ...], values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """values [N, M] -> (z [N, M], mean [M], scale [M])."""
    scale = torch.tensor([spread(n, values[:, m]) for m, n in enumerate(names)]).to(values)
    mean = values.mean(0)
    return (values - mean) / scale, mean, scale


@dataclass
class Regression:
    """w_n = origin + z_n A + residual, A = argmin |W - Z A|^2 + shrinkage |A - A_prior|^2 (ridge towards the prior).

    `prior_steps` [M, D]: the prior's own directions per unit; zeros for attributes it does not know.
    `nuisance` [K, D]: orthonormal directions of light, camera and backdrop, in which A stays A_prior. In 16 photos a smile
    and a dark backdrop go together by chance, and asking for the one would bring the other.
    Loss: mean (c_m(w_n) - a_nm)^2 in units of the attribute's spread, the regression form of MyStyle++ eq. 5. It is squared,
    because an absolute value has a constant gradient. Adam turns that into a step of constant size along every coordinate of W at
    once, and the anchors never come to rest.
    """

    names: tuple[str, ...]
    prior_steps: Tensor
    nuisance: Tensor | None = None
    shrinkage: float = 30.0  # in photos: this many photos' worth of belief in the prior's direction
    weight: float = 1.0
    moves_anchors: bool = True

    def axes(self, anchors: Tensor, values: Tensor) -> Axes:
        z, mean, scale = _standardised(self.names, values)
        origin = anchors.mean(0)
        prior = self.prior_steps * scale[:, None]
        gram = z.T @ z + self.shrinkage * torch.eye(len(scale), device=scale.device)
        learnt = torch.linalg.solve(gram, z.T @ (anchors - origin) + self.shrinkage * prior) - prior
        if self.nuisance is not None:
            learnt = learnt - learnt @ self.nuisance.T @ self.nuisance
        return Axes(self.names, origin, mean, (prior + learnt) / scale[:, None])

    def loss(self, anchors: Tensor, values: Tensor, axes: Axes) -> Tensor:
        scale = torch.tensor([spread(n, values[:, m]) for m, n in enumerate(axes.names)]).to(values)
        return ((axes.coordinates(anchors) - values) / scale).square().mean()


BINS = {"yaw": 5.0, "pitch": 5.0, "roll": 5.0, "smile": 0.2, "mouth_open": 0.2, "eyes_open": 0.2, "age": 2.0}


def _bin(name: str, column: Tensor) -> Tensor:
    """Bin numbers [N]: of 5 degrees, of 0.2 on [0, 1] scales, of 2 years. Other attributes get five equal bins of their range."""
    width = BINS.get(name) or max(float(column.max() - column.min()) / 5, 1e-6)
    return torch.floor(column / width + 0.5).long()


@dataclass
class BinMeans:
    """MyStyle++ as published. `candidates` None: principal components of the anchors, recomputed at every call;
    else [K, D] fixed directions (SeFa's).

    Axes are picked greedily, in the order of `names`, by the smallest anchor loss relative to the component's spread.
    """

    names: tuple[str, ...]
    candidates: Tensor | None = None
    weight: float = 0.01
    moves_anchors: bool = True
    _picked: dict[int, Tensor] = field(default_factory=dict)

    def axes(self, anchors: Tensor, values: Tensor) -> Axes:
        N, M = values.shape
        origin = anchors.mean(0)
        centred = anchors - origin
        if self.candidates is None:
            pool = torch.linalg.svd(centred, full_matrices=False).Vh[: max(M, N - 1)]
        else:
            pool = self.candidates
        steps: list[Tensor] = []
        used: set[int] = set()
        for m in range(M):
            projections = centred @ pool.T  # [N, K]
            errors = self._bin_error(projections, _bin(self.names[m], values[:, m])) / projections.std(0).clamp(
                min=1e-6
            )
            for k in used:
                errors[k] = float("inf")
            # A bin of one photo has no error at all, so ties are common with few photos: the correlation breaks them.
            best = int((errors - 1e-3 * _correlation(projections, values[:, m]).abs()).argmin())
            used.add(best)
            p, v = projections[:, best], values[:, m]
            slope = ((p - p.mean()) * (v - v.mean())).sum() / (p - p.mean()).square().sum().clamp(min=1e-9)
            steps.append(pool[best] / (slope if slope.abs() > 1e-6 else torch.tensor(1e-6).to(slope)))
        return Axes(self.names, origin, values.mean(0), torch.stack(steps))

    @staticmethod
    def _bin_error(projections: Tensor, bins: Tensor) -> Tensor:
        """Mean distance to the mean of the *other* photos in the same bin, [K]; alone in its bin: 0."""
        same = (bins[:, None] == bins[None, :]).float().fill_diagonal_(0)
        count = same.sum(1, keepdim=True)
        centres = same @ projections / count.clamp(min=1)
        return ((projections - centres).abs() * (count > 0)).mean(0)

    def loss(self, anchors: Tensor, values: Tensor, axes: Axes) -> Tensor:
        units = torch.nn.functional.normalize(axes.steps, dim=1)
        projections = (anchors - axes.origin) @ units.T
        terms = [self._bin_error(projections[:, m : m + 1], _bin(n, values[:, m])) for m, n in enumerate(axes.names)]
        return torch.cat(terms).sum()


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(0), b - b.mean()
    return (a * b[:, None]).sum(0) / (a.norm(dim=0) * b.norm()).clamp(min=1e-9)


@dataclass
class Frozen:
    """MyStyle: the prior's directions projected onto the anchors' affine span, eq. 6: gamma = argmin |gamma A - d|."""

    names: tuple[str, ...]
    prior_steps: Tensor
    weight: float = 0.0
    moves_anchors: bool = False

    def axes(self, anchors: Tensor, values: Tensor) -> Axes:
        origin = anchors.mean(0)
        centred = anchors - origin
        basis = torch.linalg.svd(centred, full_matrices=False)
        span = basis.Vh[basis.S > 1e-4 * basis.S[0]]
        directions = self.prior_steps @ span.T @ span
        # Published MyStyle leaves the magnitude to the eye; a least-squares unit makes it comparable.
        steps = []
        for m in range(len(self.names)):
            d = torch.nn.functional.normalize(directions[m], dim=0)
            p, v = centred @ d, values[:, m] - values[:, m].mean()
            slope = (p * v).sum() / p.square().sum().clamp(min=1e-9)
            steps.append(d / (slope if slope.abs() > 1e-6 else torch.tensor(1e-6).to(slope)))
        return Axes(self.names, origin, values.mean(0), torch.stack(steps))

    def loss(self, anchors: Tensor, values: Tensor, axes: Axes) -> Tensor:
        return anchors.new_zeros([])


def sefa_directions(affine_weights: Sequence[Tensor], count: int = 64) -> Tensor:
    """SeFa (Shen & Zhou 2021, eq. 6): eigenvectors of A^T A, A the stacked style affines; [count, D]."""
    A = torch.cat([torch.nn.functional.normalize(a, dim=1) for a in affine_weights])
    return torch.linalg.eigh(A.T @ A).eigenvectors.flip(1)[:, :count].T.contiguous()


def build(
    name: str, attributes: tuple[str, ...], prior_steps: Tensor, nuisance: Tensor, affine_weights: Sequence[Tensor]
) -> Organizer:
    """The organizer called `name` in requests."""
    if name == "regression":
        return Regression(attributes, prior_steps, nuisance)
    if name == "mystyle_pp":
        return BinMeans(attributes)
    if name == "mystyle_pp_sefa":
        return BinMeans(attributes, sefa_directions(affine_weights))
    if name == "mystyle":
        return Frozen(attributes, prior_steps)
    raise ValueError(f"unknown organizer {name!r}: use regression, mystyle_pp, mystyle_pp_sefa or mystyle")
