"""Distil LPIPS (SqueezeNet) into the bundled perceptual network.

LPIPS (Zhang et al., CVPR 2018, eq. 1) is a squared distance between channel-normalised, weighted feature maps. A squared
distance survives projection on principal components, so the student learns those components of the teacher's maps
directly (dense supervision), then its level gains are fitted to the teacher's distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr
from torch import Tensor, nn

from ...faces.networks import PerceptualNetwork, pixel_and_edge
from .distortions import distort, random_affine

# Least gains of the pixel and the edge term. The fit alone would take about (0.2, 0.4) and agree with LPIPS better (Spearman
# 0.93 on unseen people), but as the loss on bare pixels, from a picture blurred x4 (mean squared error 0.0073, LPIPS 0.28), firmer
# terms come nearer in 80 steps: (0.2, 0.4) to 0.0043 and 0.16; (0.4, 0.8) to 0.0016 and 0.04; LPIPS itself to 0.0102 and 0.01.
FLOORS = (0.4, 0.8)


class Teacher(nn.Module):
    """LPIPS-squeeze: distances, and its features grouped by the student's four resolutions."""

    GROUPS = ((0,), (1,), (2,), (3, 4, 5, 6))  # squeeze's seven maps: 1/2, 1/4, 1/8 and four at 1/16 of the side

    def __init__(self) -> None:
        super().__init__()
        from ...faces.perceptual import published_lpips

        self.lpips = published_lpips("squeeze").to(memory_format=torch.channels_last)
        for i in range(len(self.GROUPS)):
            self.register_buffer(f"axes_{i}", torch.zeros(0))

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """Weighted normalised maps: their squared differences, averaged over places, sum to LPIPS."""
        raw = self.lpips.net(self.lpips.scaling_layer(images))
        scaled = []
        for features, head in zip(raw, self.lpips.lins, strict=True):
            weight = head.model[-1].weight.float().clamp(min=0).sqrt()
            scaled.append(F.normalize(features.float(), dim=1, eps=1e-10) * weight.view(1, -1, 1, 1))
        return [torch.cat([scaled[i] for i in group], 1) for group in self.GROUPS]

    def fit_axes(self, images: Tensor, distorted: Tensor, dims: tuple[int, ...]) -> list[float]:
        """Principal components of the differences between pairs; returns the share of distance each level keeps."""
        kept = []
        for i, (x, y) in enumerate(zip(self.maps(images), self.maps(distorted), strict=True)):
            difference = (x - y).permute(0, 2, 3, 1).flatten(0, 2)
            values, axes = torch.linalg.eigh(difference.T @ difference)
            setattr(self, f"axes_{i}", axes[:, -dims[i]:].flip(1).contiguous())
            kept.append(float(values[-dims[i]:].sum() / values.sum()))
        return kept

    @torch.no_grad()
    def targets(self, images: Tensor) -> list[Tensor]:
        """The maps on their axes, resized to the student's R/2, R/4, R/8, R/16: [B, dims, r, r] each.

        weight and axes are one 1x1 convolution, applied before the division by the norm, so bf16 autocast can do most.
        """
        raw = self.lpips.net(self.lpips.scaling_layer(images))
        out = []
        for i, group in enumerate(self.GROUPS):
            total, start = torch.zeros([]), 0
            for k in group:
                C = raw[k].shape[1]
                weight = self.lpips.lins[k].model[-1].weight.float().clamp(min=0).sqrt().flatten()
                kernel = (getattr(self, f"axes_{i}")[start:start + C] * weight[:, None]).T
                total = total + F.conv2d(raw[k], kernel[:, :, None, None]).float() / _norm(raw[k])
                start += C
            out.append(F.interpolate(total, (images.shape[-1] >> (i + 1),) * 2, mode="bilinear", align_corners=False))
        return out


def _norm(features: Tensor) -> Tensor:
    return features.square().sum(1, keepdim=True, dtype=torch.float32).sqrt() + 1e-10


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
    def start(cls, images: Tensor, rng: np.random.Generator, axes_file: Path) -> Distillation:
        """Axes are fitted to `images` once and kept in `axes_file`, so that a resumed run has the same targets."""
        student, teacher = PerceptualNetwork(), Teacher()
        if axes_file.exists():
            axes = torch.load(axes_file, weights_only=True)
            for i, level in enumerate(axes):
                setattr(teacher, f"axes_{i}", level)
        else:
            kept = teacher.fit_axes(images, distort(images, rng), tuple(head.out_channels for head in student.heads))
            print("share of LPIPS kept by the components, per level:", [round(k, 3) for k in kept], flush=True)
            torch.save([getattr(teacher, f"axes_{i}") for i in range(len(teacher.GROUPS))], axes_file)
        spread = [p.square().mean() for p in teacher.targets(images)]
        student.metric_scale.copy_(torch.stack(spread).sqrt())
        return cls(student, teacher, spread)

    def loss(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """images [B, 3, R, R]: half serve as references, their damaged copies as the other side of the pair."""
        images = random_affine(images, rng, shift=0.05, scale=0.15, angle=0.1)
        images = images.flip(3) if rng.random() < 0.5 else images
        both = torch.cat([images, distort(images, rng)]).contiguous(memory_format=torch.channels_last)
        B = len(images)
        with torch.autocast("cpu", torch.bfloat16):
            targets = self.teacher.targets(both)
            student = [m.float() for m in self.student.features(both)]
        fit = sum(F.mse_loss(s, p) / v for s, p, v in zip(student, targets, self.spread, strict=True))
        for s, p, v in zip(student, targets, self.spread, strict=True):  # what counts is the pairs' difference, small ones too
            truth = p[:B] - p[B:]
            error = (s[:B] - s[B:] - truth).square().mean((1, 2, 3))
            fit = fit + (error / (truth.square().mean((1, 2, 3)) + 0.1 * v)).mean()
        ours = self.student.level_distances([m[:B] for m in student], [m[B:] for m in student])
        theirs = level_distances([m[:B] for m in targets], [m[B:] for m in targets])
        distance = (ours + 1e-5).sqrt() - (theirs + 1e-5).sqrt()
        return fit + 20 * distance.square().mean() / theirs.mean().clamp(min=1e-3)


@torch.no_grad()
def pair_terms(student: PerceptualNetwork, teacher: Teacher, images: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """For pairs (image, damaged image): the student's terms [N, levels + 2] and LPIPS [N]."""
    terms, lpips = [], []
    for x in images.split(32):
        y = distort(x, rng)
        pixel, edge = pixel_and_edge(x, y)
        levels = student.level_distances(student.features(x), student.features(y))
        terms.append(torch.cat([levels, pixel[:, None], edge[:, None]], 1))
        lpips.append(level_distances(teacher.maps(x), teacher.maps(y)).sum(1))
    return torch.cat(terms), torch.cat(lpips)


def fit_gains(student: PerceptualNetwork, terms: Tensor, lpips: Tensor) -> None:
    """Gains by bounded least squares of relative errors; a perfect student would have 1, 1, 1, 1, 0, 0."""
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
    return {"spearman": float(spearmanr(ours, theirs)[0]), "pearson": float(np.corrcoef(ours, theirs)[0, 1]),
            "spearman_close": float(spearmanr(ours[close], theirs[close])[0]),
            "median_relative_error": float(np.median(np.abs(ours - theirs) / (theirs + 0.01))),
            "pairs": len(ours), "pairs_close": int(close.sum())}
