"""How different two pictures look: LPIPS where its backbone is installed, else the bundled distance.

LPIPS: Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric,
CVPR 2018. Its backbones are torchvision's; they count as installed when their file lies in torch hub's cache
(TORCH_HOME). Nothing is fetched unless PORTRAITIST_ALLOW_DOWNLOAD=1.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .. import settings
from ..device import device
from .networks import load_network
from .torchvision_border import ensure_torchvision

_BACKBONE_FILES = {"squeeze": "squeezenet1_1-*.pth", "alex": "alexnet-owt-*.pth"}  # LPIPS's name: torch hub's


class PerceptualDistance(Protocol):
    """Pictures are [B, 3, R, R] in [-1, 1], R >= 64."""

    name: str  # for reports: "lpips-squeeze", "portraitist-perceptual", ...

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [B] >= 0 in (about) LPIPS units; differentiable in both arguments."""

    def features(self, images: Tensor) -> Any:
        """What `distance` needs of `images`; compute it once for a target that is compared many times."""

    def distance(self, images: Tensor, target: Tensor, target_features: Any) -> Tensor:
        """`self(images, target)` [B] with the target's features given."""


class PublishedLPIPS(nn.Module):
    """LPIPS v0.1, from the lpips package."""

    def __init__(self, net: str) -> None:
        super().__init__()
        self.name = f"lpips-{net}"
        self.lpips = published_lpips(net)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.distance(a, b, self.features(b))

    def features(self, images: Tensor) -> list[Tensor]:
        return [_unit(f) for f in self.lpips.net(self.lpips.scaling_layer(images))]

    def distance(self, images: Tensor, target: Tensor, target_features: list[Tensor]) -> Tensor:
        total = torch.zeros(len(images), device=images.device)
        for ours, theirs, head in zip(self.features(images), target_features, self.lpips.lins, strict=True):
            weight = head.model[-1].weight.view(1, -1, 1, 1)
            total = total + ((ours.float() - theirs.float()).square() * weight).sum(1).mean((1, 2))
        return total


class BundledPerceptual:
    """The network distilled from LPIPS-squeeze, shipped with the package (networks.PerceptualNetwork)."""

    def __init__(self) -> None:
        self.name = "portraitist-perceptual"
        self.network, self.measured = load_network("perceptual")

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.network(a, b)

    def features(self, images: Tensor) -> list[Tensor]:
        return self.network.features(images)

    def distance(self, images: Tensor, target: Tensor, target_features: list[Tensor]) -> Tensor:
        return self.network.distance(self.features(images), target_features, images, target)


@functools.cache
def load_perceptual(prefer: str | None = None) -> PerceptualDistance:
    """The best distance at hand. `prefer`: "squeeze", "alex" or "bundled"; None: the first that is installed, in this order.

    Raises PriorUnavailable when only the bundled network is left and its file is missing or damaged.
    """
    for net in _BACKBONE_FILES:
        if prefer in (None, net) and (backbone_installed(net) or (prefer == net and _may_download())):
            return PublishedLPIPS(net)
    return BundledPerceptual()


@torch.inference_mode(False)  # see load_network
def published_lpips(net: str) -> Any:
    """lpips.LPIPS (the package has no types) with frozen weights, without its prints and torchvision's warnings."""
    ensure_torchvision()
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lpips.LPIPS(net=net, verbose=False).eval().requires_grad_(False).to(device())


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True, dtype=torch.float32).sqrt() + 1e-10)


def backbone_installed(net: str) -> bool:
    """Whether torch hub's cache holds what LPIPS's `net` ("squeeze", "alex") stands on."""
    return any(hub_checkpoints().glob(_BACKBONE_FILES[net]))


def hub_checkpoints() -> Path:
    """The folder in which torch hub keeps downloaded weights (TORCH_HOME decides)."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _may_download() -> bool:
    return settings.current().allow_download
