"""How alike two sets of pictures are as sets: KID, precision and recall over the features of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def features(images: Tensor) -> tuple[Tensor, str]:
    """[N, D] and what made them: SqueezeNet 1.1's last maps, averaged, at 224 px; else the bundled perceptual network's last level."""
    backbone = Path(torch.hub.get_dir()) / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    if not backbone.exists():
        from portraitist_workers.faces.networks import load_network

        network, name = load_network("perceptual")[0], "the bundled perceptual network"
        return torch.cat([network.features(part)[-1].mean((2, 3)) for part in images.split(32)]), name
    from torchvision.models import squeezenet1_1

    network = squeezenet1_1()
    network.load_state_dict(torch.load(backbone, weights_only=True))
    network.eval()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    found = []
    for part in images.split(32):
        part = F.interpolate(
            (part.clamp(-1, 1) + 1) / 2, (224, 224), mode="bilinear", antialias=True, align_corners=False
        )
        found.append(network.features((part - mean) / std).mean((2, 3)))
    return torch.cat(found), "SqueezeNet 1.1"


def kid(ours: Tensor, theirs: Tensor, *, block: int = 500, seed: int = 0) -> tuple[float, float]:
    """Kernel inception distance and its standard error (Binkowski et al. 2018): unbiased MMD^2 with k = (x.y / D + 1)^3, mean of
    disjoint blocks. 0: one distribution."""
    rng = np.random.default_rng(seed)
    a, b = (x[torch.from_numpy(rng.permutation(len(x)))].double() for x in (ours, theirs))
    size = min(block, len(a), len(b))
    blocks = [_mmd2(a[i : i + size], b[i : i + size]) for i in range(0, min(len(a), len(b)) - size + 1, size)]
    return float(np.mean(blocks)), float(np.std(blocks) / np.sqrt(len(blocks)))


def _mmd2(a: Tensor, b: Tensor) -> float:
    n, D = a.shape

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / D + 1) ** 3

    def without_diagonal(k: Tensor) -> Tensor:
        return (k.sum() - k.diagonal().sum()) / (n * (n - 1))

    return float(without_diagonal(kernel(a, a)) + without_diagonal(kernel(b, b)) - 2 * kernel(a, b).mean())


def precision_recall(ours: Tensor, theirs: Tensor, *, neighbours: int = 3) -> tuple[float, float]:
    """Share of ours within theirs, and of theirs within ours (Kynkaanniemi et al. 2019): a set covers the balls around its members
    that reach to their k-th neighbour."""
    return _covered(ours, theirs, neighbours), _covered(theirs, ours, neighbours)


def _covered(points: Tensor, by: Tensor, neighbours: int) -> float:
    radius = torch.cdist(by, by).kthvalue(neighbours + 1, dim=1).values  # the nearest is itself
    return float((torch.cdist(points, by) <= radius).any(1).float().mean())
