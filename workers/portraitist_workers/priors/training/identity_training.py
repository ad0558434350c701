"""The identity network: views of one invented person closer to each other than to anybody else's.

Loss: additive angular margin over the training mixes as classes (Deng, Guo, Xue, Zafeiriou: ArcFace, CVPR 2019, eq. 3).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...faces.networks import IdentityNetwork, save_network
from .distortions import photo_like
from .face_networks import run_steps
from .pool import Pool

SCALE, MARGIN = 24.0, 0.25  # ArcFace's s and m (radians); small, since mixes of the same people are truly alike


class Classifier(nn.Module):
    """The network with one prototype per training mix."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.network = IdentityNetwork()
        self.prototypes = nn.Parameter(F.normalize(torch.randn(classes, 128), dim=1))

    def loss(self, images: Tensor, classes: Tensor) -> Tensor:
        cosine = self.network(images) @ F.normalize(self.prototypes, dim=1).T
        own = cosine.gather(1, classes[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        with_margin = torch.cos(own.acos().clamp(max=math.pi - MARGIN) + MARGIN)
        return F.cross_entropy(SCALE * cosine.scatter(1, classes[:, None], with_margin), classes, label_smoothing=0.05)


def train_identity(pool: Pool, held_out: Pool, out: Path, minutes: float, save_to: Path) -> None:
    names = np.unique(pool.all_labels()[:, 0])
    model = Classifier(len(names)).to(memory_format=torch.channels_last)

    def loss(rng: np.random.Generator) -> Tensor:
        images, _, labels = pool.batch(48, 128, rng)
        classes = torch.from_numpy(np.searchsorted(names, labels[:, 0].numpy()))
        images = photo_like(torch.where(torch.from_numpy(rng.random(48) < 0.5)[:, None, None, None], images.flip(3), images), rng)
        with torch.autocast("cpu", torch.bfloat16):
            return model.loss(images.contiguous(memory_format=torch.channels_last), classes)

    steps = run_steps("identity", model, loss, out=out, minutes=minutes, peak=2e-3)
    measured = measure(model.network, held_out) | {"steps": steps, "on": "mixes of held-out people", "training_mixes": len(names)}
    print("identity:", measured, flush=True)
    save_network(save_to / "identity.safetensors", "identity", model.network, {}, measured)


@torch.no_grad()
def measure(network: IdentityNetwork, pool: Pool) -> dict[str, float]:
    """Verification between views: equal error rate, and the cosines that same and other people reach.

    Mixes of eight people share sources, so some "other" pairs are nearly the same person; that makes the rate pessimistic.
    """
    images = np.concatenate(pool.images)
    names = torch.from_numpy(pool.all_labels()[:, 0])
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    embedded = torch.cat([network(x.float() / 127.5 - 1) for x in tensors.split(100)])
    cosine = embedded @ embedded.T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same = cosine[upper & (names[:, None] == names[None])].numpy()
    other = cosine[upper & (names[:, None] != names[None])].numpy()
    thresholds = np.quantile(np.concatenate([same, other[:: max(len(other) // len(same), 1)]]), np.linspace(0, 1, 501))
    misses = np.array([(same < t).mean() for t in thresholds])
    alarms = np.array([(other >= t).mean() for t in thresholds])
    best = int(np.argmin(np.abs(misses - alarms)))
    return {"equal_error_rate": float((misses[best] + alarms[best]) / 2), "threshold": float(thresholds[best]),
            "same_median": float(np.median(same)), "same_p5": float(np.quantile(same, 0.05)),
            "other_median": float(np.median(other)), "other_p99": float(np.quantile(other, 0.99)),
            "pairs_same": len(same), "pairs_other": len(other)}
