"""Who is it: unit vectors whose cosine says how alike two aligned faces are.

facenet-pytorch's recogniser (Inception-ResNet trained on VGGFace2: Schroff et al. 2015; Cao et al. 2018) serves where its
weights lie in torch hub's cache, else the bundled network. Nothing is fetched unless PORTRAITIST_ALLOW_DOWNLOAD=1.

Cosines of different networks are not comparable: judge them by the network's own thresholds or by the person's own photos.
"""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device import device
from .attributes import at_side
from .networks import FOLDER, SIDE, load_network
from .perceptual import hub_checkpoints
from .torchvision_border import ensure_torchvision

_FACENET_FILE = "20180402-114759-vggface2.pt"
# Where MTCNN's box lies in the FFHQ frame (left, top, right, bottom as shares of its side; mean over 40 portraits). The
# recogniser was trained on such boxes at 160 px.
_FACE_BOX = (0.24, 0.19, 0.76, 0.89)
_FACENET_SIDE = 160


class IdentityEncoder(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]."""

    name: str            # for reports: "facenet-vggface2" or "portraitist-identity@1a2b3c4d"
    same_person: float   # cosine above which two photos are taken to show one person

    def __call__(self, images: Tensor) -> Tensor:
        """Unit vectors [B, D]; differentiable."""


class FacenetIdentity:
    """facenet-pytorch's Inception-ResNet v1 on the face box inside the aligned picture."""

    name = "facenet-vggface2"
    same_person = 0.5  # published operating points lie at 0.4-0.6

    def __init__(self) -> None:
        self.network = _load_facenet()

    def __call__(self, images: Tensor) -> Tensor:
        R = images.shape[-1]
        left, top, right, bottom = (round(v * R) for v in _FACE_BOX)
        face = F.interpolate(images[:, :, top:bottom, left:right], (_FACENET_SIDE, _FACENET_SIDE), mode="bilinear",
                             antialias=True, align_corners=False)
        return self.network(face)  # expects (grey level - 127.5) / 128, which is our range to 0.4 %


class BundledIdentity:
    """The network trained on mixes of faces, shipped with the package (networks.IdentityNetwork)."""

    def __init__(self) -> None:
        self.network, self.measured = load_network("identity")
        # Embeddings of differently trained weights are not comparable, so the weights are part of the name.
        digest = hashlib.sha256((FOLDER / "identity.safetensors").read_bytes()).hexdigest()
        self.name = f"portraitist-identity@{digest[:8]}"
        self.same_person = float(self.measured["threshold"])

    def __call__(self, images: Tensor) -> Tensor:
        images = at_side(images, SIDE)
        return F.normalize(self.network(images) + self.network(images.flip(3)), dim=1)  # the mirror image is the same person


@functools.cache
def load_identity(prefer: str | None = None) -> IdentityEncoder:
    """The best encoder at hand; `prefer` "facenet" or "bundled" decides instead. Raises PriorUnavailable."""
    may_download = os.environ.get("PORTRAITIST_ALLOW_DOWNLOAD") == "1"
    installed = (hub_checkpoints() / _FACENET_FILE).is_file() or _facenet_path().is_file()
    if prefer != "bundled" and (installed or (prefer == "facenet" and may_download)):
        return FacenetIdentity()
    return BundledIdentity()


def _facenet_path():
    """facenet-pytorch keeps its file in TORCH_HOME/checkpoints, torch hub in TORCH_HOME/hub/checkpoints."""
    return hub_checkpoints().parent.parent / "checkpoints" / _FACENET_FILE


@torch.inference_mode(False)  # see load_network
def _load_facenet() -> nn.Module:
    ensure_torchvision()
    from facenet_pytorch import InceptionResnetV1

    path = next((p for p in (hub_checkpoints() / _FACENET_FILE, _facenet_path()) if p.is_file()), None)
    if path is None:
        network = InceptionResnetV1(pretrained="vggface2")  # downloads; the caller allowed it
    else:
        network = InceptionResnetV1(pretrained=None)
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("logits.")})
    return network.eval().requires_grad_(False).to(device())
