"""The identity network: who is mixed into a face, recognised whatever the view.

The engine mixes every face from two or three people with known weights. Predicting those weights from the picture, by
cosine to one prototype per person (a normalised softmax, as in ArcFace, Deng et al. 2019, but with the weights as soft
targets), makes embeddings whose cosine follows how much of their sources two faces share. Every picture of the ordinary
pool serves; judged is it on mixes of people whom it never saw.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...faces.networks import IdentityNetwork, save_network
from ...precision import autocast
from ..engine.labels import LABEL_FIELDS, WIDTH
from .distortions import cover, photo_like
from .face_networks import run_steps
from .pool import Pool
from .verification import equal_error

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
        with autocast():
            return model.loss(images.contiguous(memory_format=torch.channels_last), mixed, donor)

    steps = run_steps("identity", model, loss, out=out, minutes=minutes, peak=2e-3)
    measured = measure(model.network, judged_on) | {"steps": steps, "on": "mixes of held-out people"}
    print("identity:", measured, flush=True)
    save_network(save_to / "identity.safetensors", "identity", model.network, {}, measured)


RELATED = (0.0, 0.3, 0.5, 0.7, 1.0)  # bounds of the shared weight of two mixes, for the figures


@torch.no_grad()
def measure(network: IdentityNetwork, pool: Pool) -> dict:
    """Verification between views within +-25 deg of yaw: equal error rates, and the cosines that same and other people reach.

    Two mixes of few people can share sources, up to being nearly the same person. So the `equal_error_rate` is that between mixes who share
    nobody, and `equal_error_rate_of_relatives` says how it rises with the weight that two mixes have in common.
    """
    labels = pool.all_labels()
    names, labels = torch.from_numpy(labels[:, 0]), labels[:, 1:]
    images = torch.from_numpy(np.concatenate(pool.images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    people = (labels.shape[1] - WIDTH) // 4
    weights = torch.from_numpy(labels[:, WIDTH : WIDTH + 2 * people]).unflatten(1, (2, people)).sum(1)
    upper = torch.ones(len(names), len(names), dtype=torch.bool).triu(1)
    turned = torch.from_numpy(np.abs(labels[:, LABEL_FIELDS["yaw"]][:, 0]) > 25)
    seen = ~(turned[:, None] | turned[None])[upper]
    anyhow = (names[:, None] == names[None])[upper]
    shared = (1 - torch.cdist(weights, weights, p=1) / 2).clamp(0, 1)[upper]
    own, strangers = anyhow & seen, ~anyhow & seen & (shared < 1e-3)

    def cosines(pictures: Tensor) -> Tensor:
        parts = (network(x) + network(x.flip(3)) for x in pictures.split(100))  # as faces.identity does
        embedded = F.normalize(torch.cat(list(parts)), dim=1)
        return (embedded @ embedded.T)[upper]

    cosine = cosines(images)
    same, other = cosine[own].numpy(), cosine[strangers].numpy()
    rate, threshold = equal_error(same, other)
    relatives = {}
    for low, high in itertools.pairwise(RELATED):
        some = cosine[~anyhow & seen & (shared > max(low, 1e-3)) & (shared <= high)].numpy()
        relatives[f"{low:.1f}-{high:.1f}"] = round(equal_error(same, some)[0], 4) if len(some) > 500 else None
    damaged = {}
    for name, side in (("64_px", 64), ("eighth_size", images.shape[-1] // 8)):
        small = F.interpolate(images, (side, side), mode="area")
        found = cosines(F.interpolate(small, images.shape[-2:], mode="bicubic", align_corners=False).clamp(-1, 1))
        damaged[name] = round(equal_error(found[own].numpy(), found[strangers].numpy())[0], 4)
    return {
        # at any yaw; photos are set aside on strong evidence only: one genuine pair in 20 fails
        "threshold": float(cosine[anyhow].quantile(0.05)),
        "equal_error_rate": rate, "equal_error_threshold": threshold, "equal_error_rate_of_relatives": relatives,
        "equal_error_rate_of_damaged": damaged, "same_median": float(np.median(same)), "other_median": float(np.median(other)),
        "other_p99": float(np.quantile(other, 0.99)), "pairs_same": len(same), "pairs_other": len(other),
    }
