"""Distil LPIPS (SqueezeNet) into the bundled perceptual network.

LPIPS (Zhang et al., CVPR 2018, eq. 1) is a squared distance between channel-normalised, weighted feature maps. A squared
distance survives projection on principal components. So the student learns those components of the teacher's maps
directly (dense supervision). Then its level gains are fitted to the teacher's distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr
from torch import Tensor, nn

from ...device import in_channels_last
from ...faces.networks import PerceptualNetwork, pixel_and_edge
from ...precision import autocast
from .distortions import distort, random_affine
from .losses import random_view
from .photographs import Photographs
from .pool import Pool
from .tuned_pairs import STAGES

# Least gains of the pixel and the edge term. The fit alone would take less and agree with LPIPS better (Spearman 0.976 with (0.3, 0.6)
# on unseen people, 0.957 with these), but a loss needs more: 40 steps of tuning to four photographs leave LPIPS 0.0749 and 29.7 dB with
# (0.3, 0.6), 0.0713 and 30.4 dB with these, 0.0729 and 31.0 dB with (0.5, 1.0). On bare pixels, from a picture made 4 times smaller,
# 80 steps leave 0.50 of the squared error with the first, 0.29 with these.
FLOORS = (0.4, 0.8)
SIDE = 128  # px of the pictures before they are damaged ...
CROP = 96  # ... and after: LPIPS is a mean over places, so more, smaller pictures teach more


class Teacher(nn.Module):
    """LPIPS-squeeze: distances, and its seven maps on their principal components."""

    LEVELS = 7

    def __init__(self) -> None:
        super().__init__()
        from ...faces.perceptual import published_lpips

        self.lpips = in_channels_last(published_lpips("squeeze"))
        for i in range(self.LEVELS):
            self.register_buffer(f"axes_{i}", torch.zeros(0))

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """Weighted normalised maps: their squared differences, averaged over places, sum to LPIPS."""
        raw = self.lpips.net(self.lpips.scaling_layer(images))
        return [F.normalize(x.float(), dim=1, eps=1e-10) * self._weight(i).view(1, -1, 1, 1) for i, x in enumerate(raw)]

    def fit_axes(self, images: Tensor, distorted: Tensor, dims: tuple[int, ...]) -> list[float]:
        """Principal components of the differences between pairs; returns the share of distance each level keeps."""
        kept = []
        for i, (x, y) in enumerate(zip(self.maps(images), self.maps(distorted), strict=True)):
            difference = (x - y).permute(0, 2, 3, 1).flatten(0, 2)
            values, axes = torch.linalg.eigh(difference.T @ difference)
            setattr(self, f"axes_{i}", axes[:, -dims[i] :].flip(1).contiguous())
            kept.append(float(values[-dims[i] :].sum() / values.sum()))
        return kept

    @torch.no_grad()
    def targets(self, images: Tensor) -> list[Tensor]:
        """The maps on their axes: [B, dims, r, r] each.

        weight and axes are one 1x1 convolution, applied before the division by the norm, so bf16 autocast can do most.
        """
        out = []
        for i, x in enumerate(self.lpips.net(self.lpips.scaling_layer(images))):
            kernel = (getattr(self, f"axes_{i}") * self._weight(i)[:, None]).T
            norm = x.square().sum(1, keepdim=True, dtype=torch.float32).sqrt() + 1e-10
            out.append(F.conv2d(x, kernel[:, :, None, None]).float() / norm)
        return out

    def _weight(self, level: int) -> Tensor:
        return self.lpips.lins[level].model[-1].weight.float().clamp(min=0).sqrt().flatten()


def level_distances(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """[B, levels] of LPIPS; their sum is LPIPS."""
    return torch.stack([(x - y).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)], 1)


@dataclass
class Distillation:
    """Student, teacher and the loss; `face_networks.py` runs the steps."""

    student: PerceptualNetwork
    teacher: Teacher
    spread: list[Tensor]  # per level: mean square of the target maps

    @classmethod
    def start(
        cls, images: Tensor, rng: np.random.Generator, axes_file: Path, student: PerceptualNetwork | None = None
    ) -> Distillation:
        """Axes are fitted to `images` once and kept in `axes_file`, so that a resumed run has the same targets. A `student` that
        learnt before gets heads for these axes."""
        learnt, student, teacher = student is not None, student or PerceptualNetwork(), Teacher()
        if axes_file.exists():
            axes = torch.load(axes_file, weights_only=True)
            for i, level in enumerate(axes):
                setattr(teacher, f"axes_{i}", level)
        else:
            dims = tuple(cast(nn.Conv2d, head).out_channels for head in student.heads)
            kept = teacher.fit_axes(images, distort(images, rng), dims)
            print("share of LPIPS kept by the components, per level:", [round(k, 3) for k in kept], flush=True)
            torch.save([getattr(teacher, f"axes_{i}") for i in range(teacher.LEVELS)], axes_file)
        targets = teacher.targets(images)
        spread = [p.square().mean() for p in targets]
        student.metric_scale.copy_(torch.stack(spread).sqrt())
        if learnt:
            fit_heads(student, images, targets)
        return cls(student, teacher, spread)

    def loss(self, images: Tensor, tuned: Tensor | None, rng: np.random.Generator) -> Tensor:
        """images [B, 3, R, R] serve as references, their damaged copies as the other side; tuned [T, 2, 3, R, R] are pairs."""
        images = random_affine(images, rng, shift=0.05, scale=0.15, angle=0.1)
        a, b = images, distort(images, rng)
        if tuned is not None:
            a, b = torch.cat([a, tuned[:, 0]]), torch.cat([b, tuned[:, 1]])
        dy, dx = (int(v) for v in rng.integers(0, a.shape[-1] - CROP + 1, 2))
        both = torch.cat([a, b])[:, :, dy : dy + CROP, dx : dx + CROP]
        both = (both.flip(3) if rng.random() < 0.5 else both).contiguous(memory_format=torch.channels_last)
        B = len(a)
        with autocast():
            targets = self.teacher.targets(both)
            student = [m.float() for m in self.student.features(both)]
        fit = sum(F.mse_loss(s, p) / v for s, p, v in zip(student, targets, self.spread, strict=True))
        for s, p, v in zip(
            student, targets, self.spread, strict=True
        ):  # what counts is the pairs' difference, small ones too
            truth = p[:B] - p[B:]
            error = (s[:B] - s[B:] - truth).square().mean((1, 2, 3))
            fit = fit + (error / (truth.square().mean((1, 2, 3)) + 0.03 * v)).mean()
        ours = self.student.level_distances([m[:B] for m in student], [m[B:] for m in student])
        theirs = level_distances([m[:B] for m in targets], [m[B:] for m in targets])
        distance = (ours + 1e-5).sqrt() - (theirs + 1e-5).sqrt()
        return fit + 20 * distance.square().mean() / theirs.mean().clamp(min=1e-3)


@torch.no_grad()
def fit_heads(student: PerceptualNetwork, images: Tensor, targets: list[Tensor]) -> None:
    """Heads by least squares from the student's own features to the `targets` (the teacher's maps of `images`)."""
    for raw, target, module, scale in zip(
        student.eval().taps(images), targets, student.heads, student.metric_scale, strict=True
    ):
        x = F.pad(raw.permute(0, 2, 3, 1).flatten(0, 2), (0, 1), value=1.0).double()
        y = target.permute(0, 2, 3, 1).flatten(0, 2).double() / scale
        gram = x.T @ x
        found = torch.linalg.solve(gram + 1e-4 * gram.diagonal().mean() * torch.eye(len(gram)), x.T @ y).float()
        head = cast(nn.Conv2d, module)
        assert head.bias is not None
        head.weight.copy_(found[:-1].T[:, :, None, None])
        head.bias.copy_(found[-1])


class Pictures:
    """What the student learns on, at 128 pixels: renders (of larger ones the half-sized whole and windows by turns), and photographs."""

    def __init__(self, pool: Pool, photographs: Photographs | None) -> None:
        self.pool, self.photographs, self.side = pool, photographs, pool.images[0].shape[1]

    def batch(self, size: int, rng: np.random.Generator) -> Tensor:
        """[B, 3, 128, 128] in [-1, 1]; every other one is a photograph where there are any."""
        many = size // 2 if self.photographs else 0
        renders = view(self.pool.batch(size - many, self.side, rng)[0], rng)
        return torch.cat([renders, self.photographs.windows(many, SIDE, rng)]) if self.photographs else renders


def view(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Of pictures larger than SIDE: random_view."""
    if pictures.shape[-1] <= SIDE:
        return pictures
    return random_view(pictures, size=SIDE, rng=torch.Generator().manual_seed(int(rng.integers(2**31))))[0]


class TunedPairs:
    """Pairs made by `tuned_pairs.py`: the last eighth of each set's pictures for measuring, the others for training."""

    def __init__(self, folder: Path) -> None:
        sets = [np.load(path)["pairs"] for path in sorted(folder.glob("pairs-[0-9]*.npz")) if ".tmp" not in path.name]
        staged = [
            pairs.reshape(len(STAGES), -1, *pairs.shape[1:]) for pairs in sets
        ]  # the same pictures at every stage
        self.train = [x[:, : 7 * x.shape[1] // 8].reshape(-1, *x.shape[2:]) for x in staged]
        self.test = [_to_tensor(x[:, 7 * x.shape[1] // 8 :].reshape(-1, *x.shape[2:])) for x in staged]

    def batch(self, size: int, rng: np.random.Generator) -> Tensor:
        """[size, 2, 3, 128, 128] in [-1, 1], of one set: sets of priors of other sizes may lie beside it."""
        pairs = self.train[rng.integers(len(self.train))]
        chosen = _to_tensor(pairs[rng.integers(len(pairs), size=size)])
        return view(chosen.flatten(1, 2), rng).unflatten(1, (2, 3))


def _to_tensor(pairs: np.ndarray) -> Tensor:
    return torch.from_numpy(pairs).permute(0, 1, 4, 2, 3).float() / 127.5 - 1


@torch.no_grad()
def pair_terms(student: PerceptualNetwork, teacher: Teacher, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """For pairs of pictures [N, 3, R, R]: the student's terms [N, levels + 2] and LPIPS [N]."""
    terms, lpips = [], []
    for x, y in zip(a.split(32), b.split(32), strict=True):
        pixel, edge = pixel_and_edge(x, y)
        levels = student.level_distances(student.features(x), student.features(y))
        terms.append(torch.cat([levels, pixel[:, None], edge[:, None]], 1))
        lpips.append(level_distances(teacher.maps(x), teacher.maps(y)).sum(1))
    return torch.cat(terms), torch.cat(lpips)


def fit_gains(student: PerceptualNetwork, terms: Tensor, lpips: Tensor) -> None:
    """Gains by bounded least squares of relative errors; a perfect student would have 1 for every depth, then 0, 0."""
    weight = 1 / (lpips + 0.05)
    A, b = (terms * weight[:, None]).double().numpy(), (lpips * weight).double().numpy()
    levels = len(student.level_gain)
    gains = lsq_linear(A, b, bounds=([0.5] * levels + list(FLOORS), [2.0] * levels + [3.0] * 2)).x
    student.level_gain.copy_(torch.from_numpy(gains[:-2]))
    student.pixel_gain.fill_(gains[-2])
    student.edge_gain.fill_(gains[-1])


def agreement(student: PerceptualNetwork, terms: Tensor, lpips: Tensor) -> dict[str, float]:
    """Correlation of the student's distance with LPIPS, over all pairs and over the close ones (LPIPS < 0.1)."""
    gains = torch.cat([student.level_gain, student.pixel_gain[None], student.edge_gain[None]])
    ours, theirs = (terms @ gains).numpy(), lpips.numpy()
    close = theirs < 0.1
    return {
        "spearman": float(spearmanr(ours, theirs)[0]),
        "pearson": float(np.corrcoef(ours, theirs)[0, 1]),
        "spearman_close": float(spearmanr(ours[close], theirs[close])[0]),
        "median_relative_error": float(np.median(np.abs(ours - theirs) / (theirs + 0.01))),
        "pairs": len(ours),
        "pairs_close": int(close.sum()),
    }
