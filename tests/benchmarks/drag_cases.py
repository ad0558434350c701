"""What `bench_drag` drags: the ten recorded cases, cases to choose by, pairs of faces; and who judges where the points got."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from tests.reference_vectors import load
from torch import Tensor

from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import to_uint8
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.generator import StyleGAN2
from portraitist_workers.priors import library

PRIORS = ("default", "default-256")
PSI = 0.7
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-0.7, -0.7), (0.7, 0.7))
DISTANCE = 0.07  # of the side
MESH_POINTS = tuple(range(0, 468, 7))  # "all points": 67 of the mesh, those on the face's inside and outline alike


@dataclass(frozen=True, eq=False)
class Case:
    """handles, targets [P, 2] (x, y) in px, centres at +0.5; fixed [R, R] or None."""

    w: Tensor
    handles: Tensor
    targets: Tensor
    fixed: Tensor | None = None


class World:
    """One bundled prior."""

    def __init__(self, name: str) -> None:
        self.name, self.prior = name, library.load(name)
        assert isinstance(self.prior.generator, StyleGAN2)
        self.generator = self.prior.generator.requires_grad_(False)
        self.synthesis, self.side = self.generator.synthesis, self.generator.resolution

    def draw(self, w: Tensor) -> Tensor:
        with torch.no_grad():
            return self.synthesis(w)

    def latent(self, seed: int) -> Tensor:
        """w_plus [1, num_ws, D] of NumPy's draw of `seed`, as the released code draws."""
        z = torch.from_numpy(np.random.RandomState(seed).randn(1, self.generator.config.z_dim)).float()
        with torch.no_grad():
            w = self.synthesis.as_w_plus(self.generator.mapping(z))
            return self.generator.mapping.truncate(w, PSI).contiguous()

    def recorded(self) -> list[Case]:
        """The ten of the reference runs."""
        runs, cases = load("draggan"), []
        for seed in range(10):
            key = f"{self.name}/{seed}"
            w = torch.from_numpy(runs[f"{self.name}/w0"][seed])[None, None].expand(1, self.synthesis.config.num_ws, -1)
            handles, targets = (
                torch.from_numpy(runs[f"{key}/{what}"].astype(np.float32)[:, ::-1] + 0.5)
                for what in ("handles", "targets")
            )
            fixed = None
            if f"{key}/fixed" in runs:
                bits = np.unpackbits(runs[f"{key}/fixed"])[: self.side**2]
                fixed = torch.from_numpy(bits.reshape(self.side, self.side)).float()
            cases.append(Case(w.contiguous(), handles, targets, fixed))
        return cases

    def other(self, count: int, first: int = 1000) -> list[Case]:
        """Noses to six directions, one in six with eyes and mouth: to choose by."""
        cases: list[Case] = []
        for seed in range(first, first + 4 * count):
            if len(cases) == count:
                break
            w = self.latent(seed)
            points = detected(self.draw(w))
            if points is None:
                continue
            kind = len(cases) % len(DIRECTIONS)
            points = points[[2, 0, 1, 3, 4]] if kind == 5 else points[[2]]
            handles = torch.from_numpy(np.rint(points - 0.5) + 0.5).float()
            offset = torch.tensor(np.rint(np.array(DIRECTIONS[kind]) * DISTANCE * self.side)).float()
            cases.append(Case(w, handles, handles + offset))
        return cases

    def pairs(self, count: int, kind: str) -> Iterator[Case]:
        """Faces whose landmarks go to another face's: "1" the nose, "5" with eyes and mouth, "all" of the mesh's. Seeds 2000 on."""
        made = 0
        for seed in range(2000, 2000 + 4 * count, 2):
            if made == count:
                return
            w, other = self.latent(seed), self.latent(seed + 1)
            ours, theirs = (landmarks(self.draw(one), kind) for one in (w, other))
            if ours is None or theirs is None:
                continue
            made += 1
            yield Case(w, torch.from_numpy(np.rint(ours - 0.5) + 0.5).float(), torch.from_numpy(theirs).float())


def detected(image: Tensor) -> np.ndarray | None:
    """[5, 2] px: eyes, nose, mouth's corners by MTCNN, on the picture at 256 px; None: it sees no face."""
    pixels = to_uint8(image)[0]
    large = pixels if len(pixels) == 256 else cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_CUBIC)
    faces = detect_faces(large)
    return faces[0].points * len(pixels) / 256 if faces else None


def landmarks(image: Tensor, kind: str) -> np.ndarray | None:
    """[P, 2] px: 1 or 5 by MTCNN, all by the mesh."""
    if kind == "all":
        return load_mesh()(image).points[0, list(MESH_POINTS), :2].detach().numpy() * image.shape[-1]
    points = detected(image)
    return None if points is None else points[[2, 0, 1, 3, 4]][: int(kind)]
