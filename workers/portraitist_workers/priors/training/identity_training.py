"""The identity network: who is mixed into a face, recognised whatever the view.

The engine mixes every face from two or three people with known weights. Predicting those weights from the picture, by
cosine to one prototype per person (a normalised softmax, as in ArcFace, Deng et al. 2019, but with the weights as soft
targets), makes embeddings whose cosine follows how much of their sources two faces share. Every picture of the ordinary
pool serves; judged is it on mixes of people whom it never saw.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...faces.networks import IdentityNetwork, save_network
from ..engine.labels import WIDTH
from .distortions import cover, photo_like
from .face_networks import run_steps
from .pool import Pool

SCALE = 16.0        # of cosines before the softmax
HAIR_WEIGHT = 0.25  # of recognising the donor of hair and outline: part of a look, but people change their hair


class Classifier(nn.Module):
    """The network with two prototypes per person: of the inner face, and of hair and outline."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.network = IdentityNetwork()
        self.face = nn.Parameter(torch.randn(people, 128))
        self.hair = nn.Parameter(torch.randn(people, 128))

    def loss(self, images: Tensor, weights: Tensor, donor: Tensor) -> Tensor:
        embedded = self.network(images)
        face = SCALE * embedded @ F.normalize(self.face, dim=1).T
        hair = SCALE * embedded @ F.normalize(self.hair, dim=1).T
        return F.cross_entropy(face, weights) + HAIR_WEIGHT * F.cross_entropy(hair, donor)


def train_identity(pool: Pool, judged_on: Pool, out: Path, minutes: float, save_to: Path) -> None:
    """`pool` is an ordinary pool of training people, `judged_on` an identity pool of held-out people."""
    people = (pool.all_labels().shape[1] - WIDTH) // 4
    model = Classifier(people).to(memory_format=torch.channels_last)
    started = out / "attributes.pt"
    if started.exists():  # the attribute network already knows where eyes and mouths are
        weights = torch.load(started, weights_only=True)["modules"]
        trunk = {k.removeprefix("trunk."): v for k, v in weights.items() if k.startswith("trunk.")}
        model.network.trunk.load_state_dict(trunk)

    def loss(rng: np.random.Generator) -> Tensor:
        images, _, labels = pool.batch(48, 128, rng)
        mixed, donor = (part.unflatten(1, (2, people)).sum(1) for part in labels[:, WIDTH:].split(2 * people, 1))
        mirror = torch.from_numpy(rng.random(48) < 0.5)  # a mirrored person is the same person
        images = torch.where(mirror[:, None, None, None], images.flip(3), images)
        images = photo_like(cover(images, rng, share=0.1)[0], rng)
        with torch.autocast("cpu", torch.bfloat16):
            return model.loss(images.contiguous(memory_format=torch.channels_last), mixed, donor)

    steps = run_steps("identity", model, loss, out=out, minutes=minutes, peak=2e-3)
    measured = measure(model.network, judged_on) | {"steps": steps, "on": "mixes of held-out people"}
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
    pictures = [x.float() / 127.5 - 1 for x in tensors.split(100)]
    embedded = F.normalize(torch.cat([network(x) + network(x.flip(3)) for x in pictures]), dim=1)  # as faces.identity does
    cosine = embedded @ embedded.T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same = cosine[upper & (names[:, None] == names[None])].numpy()
    other = cosine[upper & (names[:, None] != names[None])].numpy()
    thresholds = np.quantile(np.concatenate([same, other[:: max(len(other) // len(same), 1)]]), np.linspace(0, 1, 501))
    misses = np.array([(same < t).mean() for t in thresholds])
    alarms = np.array([(other >= t).mean() for t in thresholds])
    best = int(np.argmin(np.abs(misses - alarms)))
    return {
        "threshold": float(np.quantile(same, 0.05)),  # photos are set aside on strong evidence only: one genuine pair in 20 fails
        "equal_error_rate": float((misses[best] + alarms[best]) / 2), "equal_error_threshold": float(thresholds[best]),
        "same_median": float(np.median(same)), "other_median": float(np.median(other)), "other_p99": float(np.quantile(other, 0.99)),
        "pairs_same": len(same), "pairs_other": len(other),
    }
