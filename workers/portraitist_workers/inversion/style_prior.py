"""How styles are distributed: a Gaussian over S space that inversion stays near (section 4.4 of StyleGAN of All Trades, arXiv 2111.01619).

The published Gaussian is diagonal. The bundled priors' 3,008 style numbers vary along a few dozen directions only, so a diagonal one allows
styles that no latent has. The full one has the principal components, and what lies beside them counts by what is left of the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator import Generator

SAMPLES = 4096
EXPLAINED = 0.999  # share of the variance that the components hold


@dataclass(frozen=True, eq=False)
class StylePrior:
    """mean [S] of all styles, one after the other. basis [K, S]: orthonormal directions of spread `spread` [K]. rest: the spread of each of
    the other S - K dimensions. The diagonal one has K = S and no basis: `spread` [S] is each number's own."""

    mean: Tensor
    basis: Tensor | None
    spread: Tensor
    rest: float

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator, *, diagonal: bool = False, seed: int = 0) -> StylePrior:
        """From random latents of the mapping network. Styles are an affine map of w, so their components follow from w's, which are few."""
        z = torch.randn(SAMPLES, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
        w = generator.mapping(z.to(next(iter(generator.weights().values()))))

        def styles(w: Tensor) -> Tensor:
            return torch.cat(generator.styles(w), 1)

        variances, axes = torch.linalg.eigh(w.T.cov())
        mean = styles(w.mean(0, keepdim=True))
        spread = (
            styles(w.mean(0) + (axes * variances.clamp(min=0).sqrt()).T) - mean
        )  # [D, S]: one deviation along each axis of w
        if diagonal:
            return cls(mean[0], None, spread.square().sum(0).sqrt().clamp(min=1e-4), 0.0)
        _, values, directions = torch.linalg.svd(spread, full_matrices=False)
        variances = values.square()
        held = int((variances.cumsum(0) / variances.sum() < EXPLAINED).sum()) + 1
        left = float(variances[held:].sum()) / max(1, spread.shape[1] - held)
        return cls(mean[0], directions[:held], variances[:held].sqrt(), max(left, 1e-8) ** 0.5)

    def distance(self, styles: Sequence[Tensor]) -> Tensor:
        """[N] mean square of the whitened styles, [N, channels] of each layer: about 1 for the prior's own, whatever its size."""
        offset = torch.cat([style.flatten(1) for style in styles], 1) - self.mean
        if self.basis is None:
            return (offset / self.spread).square().mean(1)
        along = offset @ self.basis.T
        beside = (offset - along @ self.basis).square().sum(1) / self.rest**2
        return ((along / self.spread).square().sum(1) + beside) / len(self.mean)
