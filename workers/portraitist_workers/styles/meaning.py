"""What a style must leave: a face is found, and its mouth is where and as it was. By the face mesh, which no training sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..faces.mesh import Mesh, load_mesh
from ..generator import Generator
from ..generator.parts import Parts
from ..persona.rendering import render

LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 78, 13, 308, 14)
OUTER_CORNERS = (33, 263)  # of the eyes
MOST = 0.08  # of the distance of the eyes' corners: mean error of the mouth's points at which learning stops
LEAST = 0.9  # share of pictures in which a face must be found
MASKS = 0.8  # of a generator with parts: mean IoU of its segmentation with that of before


@torch.no_grad()
def mouth_error(before: Mesh, after: Mesh) -> Tensor:
    """[B] mean distance of the mouth's points, by the distance of the eyes' outer corners (NME)."""
    a, b = (mesh.points[..., :2] for mesh in (before, after))
    size = (a[:, OUTER_CORNERS[0]] - a[:, OUTER_CORNERS[1]]).norm(dim=1)
    return (a[:, list(LIPS)] - b[:, list(LIPS)]).norm(dim=2).mean(1) / size


@dataclass(frozen=True, eq=False)
class Meaning:
    """Of faces that the generator drew at `w` before it learnt. `classes` [N, R, R]: their segmentation, where there is one."""

    w: Tensor
    before: Mesh
    classes: Tensor | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator, *, count: int = 16, seed: int = 0) -> Meaning:
        drawn = torch.randn(count, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
        w = generator.mapping(drawn.to(next(iter(generator.weights().values()))))
        return cls(w, load_mesh()(render(generator, w)), _classes(generator, w))

    @torch.no_grad()
    def measured(self, generator: Generator) -> tuple[float, float]:
        """Mean error of the mouth's points, and the share of pictures in which a face is found."""
        after = load_mesh()(render(generator, self.w).clamp(-1, 1))
        return float(mouth_error(self.before, after).mean()), float((after.presence > 0.5).float().mean())

    def kept(self, generator: Generator) -> bool:
        error, found = self.measured(generator)
        return error <= MOST and found >= LEAST and self.agreement(generator) >= MASKS

    @torch.no_grad()
    def agreement(self, generator: Generator) -> float:
        """Mean over the parts of the IoU of their masks, then and now; 1 for a generator without."""
        now = _classes(generator, self.w)
        if self.classes is None or now is None:
            return 1.0
        masks = [(self.classes == part, now == part) for part in self.classes.unique()]
        return float(torch.stack([(a & b).sum() / (a | b).sum() for a, b in masks]).mean())


def _classes(generator: Generator, w: Tensor) -> Tensor | None:
    return generator.make(w).classes if isinstance(generator, Parts) else None
