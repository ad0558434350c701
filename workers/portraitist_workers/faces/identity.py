"""Who is it: unit vectors whose cosine says how alike two aligned faces are.

The bundled recogniser is dlib's (`world/recognition.py`). facenet-pytorch's (Inception-ResNet trained on VGGFace2: Schroff et al. 2015;
Cao et al. 2018) serves instead where PORTRAITIST_IDENTITY=facenet asks for it and its weights lie in torch hub's cache.

Cosines of different networks are not comparable: judge them by the network's own thresholds or by the person's own photos.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from portraitist.errors import PriorUnavailable

from .. import settings
from ..device import device
from .networks import load_network
from .perceptual import hub_checkpoints
from .torchvision_border import ensure_torchvision
from .world import FOLDER
from .world.recognition import SIDE, RecognitionNetwork

_FACENET_FILE = "20180402-114759-vggface2.pt"
# Where MTCNN's box lies in the FFHQ frame (left, top, right, bottom as shares of its side; mean over 40 portraits). The
# recogniser was trained on such boxes at 160 px.
_FACE_BOX = (0.24, 0.19, 0.76, 0.89)
_FACENET_SIDE = 160
# Where dlib's chip lies in the FFHQ frame: its eyes are at (47.7, 47.1) and (100.3, 47.1) of 150 px. Chips placed by each face's own
# points were no better: equal error rate 0.02 % against 0.00 % on 174 studio photographs of 87 people.
_CHIP = (0.148, 0.248, 0.862, 0.962)


class IdentityEncoder(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]."""

    name: str  # for reports: "dlib-resnet@1a2b3c4d" or "facenet-vggface2"
    same_person: float  # mean cosine to a person's photos from which on a face is taken to be theirs

    def __call__(self, images: Tensor) -> Tensor:
        """Unit vectors [B, D]; differentiable."""


class BundledIdentity:
    """dlib's network on a fixed part of the aligned picture, the picture and its mirror image together."""

    same_person = 0.58  # dlib's own limit, a distance of 0.6; docs/photos.md has what was measured

    def __init__(self) -> None:
        self.network, self.measured = load_network("identity", FOLDER)
        # Embeddings of differently trained weights are not comparable, so the weights are part of the name.
        digest = hashlib.sha256((FOLDER / "identity.safetensors").read_bytes()).hexdigest()
        self.name = f"dlib-resnet@{digest[:8]}"

    def __call__(self, images: Tensor) -> Tensor:
        return F.normalize(vectors(self.network, images) - self.network.common, dim=1)


def vectors(network: RecognitionNetwork, images: Tensor) -> Tensor:
    """[B, 128] of aligned faces [B, 3, R, R]: mean of the picture's and its mirror image's."""
    chips = part(images, _CHIP, SIDE)
    return (network(chips) + network(chips.flip(3))) / 2


class FacenetIdentity:
    """facenet-pytorch's Inception-ResNet v1 on the face box inside the aligned picture."""

    name = "facenet-vggface2"
    same_person = 0.5  # published operating points lie at 0.4-0.6

    def __init__(self) -> None:
        self.network = _load_facenet()

    def __call__(self, images: Tensor) -> Tensor:
        # It expects (grey level - 127.5) / 128, which is our range to 0.4 %.
        return self.network(part(images, _FACE_BOX, _FACENET_SIDE))


def part(images: Tensor, box: tuple[float, float, float, float], side: int) -> Tensor:
    """The part `box` (left, top, right, bottom as shares) of images [B, 3, R, R], as [B, 3, side, side]; averaged where it shrinks."""
    R = images.shape[-1]
    left, top, right, bottom = (round(v * R) for v in box)
    return F.interpolate(
        images[:, :, top:bottom, left:right], (side, side), mode="bilinear", antialias=True, align_corners=False
    )


@functools.cache
def load_identity() -> IdentityEncoder:
    """The encoder that the environment asks for: the bundled one unless PORTRAITIST_IDENTITY=facenet. Raises PriorUnavailable."""
    wanted = settings.current().identity
    if wanted == "facenet":
        return FacenetIdentity()
    if wanted != "bundled":
        raise PriorUnavailable(
            f"PORTRAITIST_IDENTITY={wanted!r}: expected 'bundled' or 'facenet'", param="PORTRAITIST_IDENTITY"
        )
    return BundledIdentity()


@torch.inference_mode(False)  # see load_network
def _load_facenet() -> nn.Module:
    ensure_torchvision()
    from facenet_pytorch import InceptionResnetV1

    # facenet-pytorch keeps its file in TORCH_HOME/checkpoints, torch hub in TORCH_HOME/hub/checkpoints.
    folders = (hub_checkpoints(), hub_checkpoints().parent.parent / "checkpoints")
    path = next((folder / _FACENET_FILE for folder in folders if (folder / _FACENET_FILE).is_file()), None)
    if path is not None:
        network = InceptionResnetV1(pretrained=None)
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("logits.")})
    elif settings.current().allow_download:
        network = InceptionResnetV1(pretrained="vggface2")
    else:
        raise PriorUnavailable(
            f"PORTRAITIST_IDENTITY=facenet needs {_FACENET_FILE} in {folders[0]}: put it there, or set "
            "PORTRAITIST_ALLOW_DOWNLOAD=1 to have it fetched",
            param="PORTRAITIST_IDENTITY",
        )
    return network.eval().requires_grad_(False).to(device())
