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
        """From random latents of the mapping network."""
        z = torch.randn(SAMPLES, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
        w = generator.mapping(z.to(next(iter(generator.weights().values()))))
        styles = torch.cat([torch.cat(generator.styles(part), 1) for part in w.split(512)])
        mean = styles.mean(0)
        if diagonal:
            return cls(mean, None, styles.std(0).clamp(min=1e-4), 0.0)
        _, values, directions = torch.linalg.svd(styles - mean, full_matrices=False)
        variances = values.square() / (len(styles) - 1)
        held = int((variances.cumsum(0) / variances.sum() < EXPLAINED).sum()) + 1
        left = float(variances[held:].sum()) / max(1, styles.shape[1] - held)
        return cls(mean, directions[:held], variances[:held].sqrt(), max(left, 1e-8) ** 0.5)

    def distance(self, styles: Sequence[Tensor]) -> Tensor:
        """[N] mean square of the whitened styles, [N, channels] of each layer: about 1 for the prior's own, whatever its size."""
        offset = torch.cat([style.flatten(1) for style in styles], 1) - self.mean
        if self.basis is None:
            return (offset / self.spread).square().mean(1)
        along = offset @ self.basis.T
        beside = (offset - along @ self.basis).square().sum(1) / self.rest**2
        return ((along / self.spread).square().sum(1) + beside) / len(self.mean)
