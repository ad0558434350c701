"""The bundled networks: attributes, face parts and perceptual distance, trained on the engine's renders, and the file that each lies in.

Small convolutional networks on aligned faces, [B, 3, 128, 128] in [-1, 1]. `priors/training/face_networks.py` trains
them, except those of `world/`, which are only read here; `attributes.py`, `identity.py`, `perceptual.py` and others
put them, or better ones that are installed, behind one interface.
Files are safetensors (fp16 on disk), with the constructor's arguments and the measured accuracy as JSON in the header.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.fusion import fuse_conv_bn_eval

from portraitist.errors import PriorUnavailable
from portraitist.priors.prior import bundled

from ..device import device, in_channels_last
from .geometry import GeometryNetwork
from .world.recognition import RecognitionNetwork
from .world.steps import StepNetwork

SIDE = 128  # px of the aligned faces that the networks see
FOLDER = bundled()


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, leaky ReLU; `stride` 2 halves the side."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016), same width in and out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.second(self.first(x)), 0.1)


class FaceTrunk(nn.Module):
    """[B, 3, 128, 128] -> [B, widths[-1], 4, 4]: halved to 32 px by the stem, then one halving per width."""

    def __init__(self, widths: tuple[int, ...] = (48, 96, 160, 224)) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            ConvBlock(3, 24, stride=2),
            ConvBlock(24, widths[0], stride=2),
            ResidualBlock(widths[0]),
        ]
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [ConvBlock(inputs, outputs, stride=2), ResidualBlock(outputs)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class EyeTower(nn.Module):
    """How far the eyes are open [B] in the network's scale, seen by themselves at 32 px: from [B, 3, S, S], S a multiple of 64.

    In a picture of 32 px a lid is one row high. A trunk that halves on from there does not find it.
    """

    SIDE = 32
    ROWS, COLUMNS = slice(9, 23), slice(5, 27)  # of SIDE: where the eyes may be after the errors of alignment

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(3, width),
            ResidualBlock(width),
            ResidualBlock(width),
            ConvBlock(width, 2 * width, stride=2),
            ResidualBlock(2 * width),
            ConvBlock(2 * width, 32),
        )
        self.head = nn.Sequential(nn.Linear(32 * 7 * 11, 64), nn.LeakyReLU(0.1), nn.Linear(64, 1))

    def forward(self, images: Tensor) -> Tensor:
        small = F.avg_pool2d(images, images.shape[-1] // self.SIDE)
        return self.head(self.layers(small[:, :, self.ROWS, self.COLUMNS]).flatten(1)).float()[:, 0]

    def unseen(self, images: Tensor) -> Tensor:
        """Logarithm [B, 1] of how much there is about the eyes, in root mean squares, that 64 px show and 32 do not; about 0 as a rule."""
        grey = F.avg_pool2d(images.mean(1, keepdim=True), images.shape[-1] // (2 * self.SIDE))
        detail = grey - F.interpolate(F.avg_pool2d(grey, 2), scale_factor=2, mode="bilinear", align_corners=False)
        band = [slice(2 * part.start, 2 * part.stop) for part in (self.ROWS, self.COLUMNS)]
        return 0.5 * (detail[:, :, band[0], band[1]].square().mean((2, 3)) + 1e-8).log() + 3.0


class AttributeNetwork(nn.Module):
    """Aligned faces -> attribute values, and how sure the network is of each.

    Of the eyes there are two readings, the trunk's and the tower's. `trust` weighs them by how much the picture shows that the tower does
    not see.

    The likelihood makes deviations too narrow where the network doubts and too wide where it does not, by a factor of up to two and
    a half. Factors correct that. `gains` are their logarithms where the deviation's own logarithm is at `knots`, linear in between.
    """

    KNOTS = 5

    scales: Tensor
    is_eyes: Tensor
    knots: Tensor
    gains: Tensor

    def __init__(self, names: list[str], scales: list[float], widths: tuple[int, ...] = (48, 96, 160, 224)) -> None:
        super().__init__()
        self.names = list(names)
        self.register_buffer("scales", torch.tensor(scales))  # attribute units per unit of output
        self.register_buffer("is_eyes", torch.tensor([float(name == "eyes_open") for name in names]), persistent=False)
        self.register_buffer("knots", torch.arange(self.KNOTS).float().expand(len(names), -1).clone())
        self.register_buffer("gains", torch.zeros(len(names), self.KNOTS))
        self.trunk = FaceTrunk(widths)
        self.reduce = ConvBlock(widths[-1], 48)  # keeps the 4 x 4 places: pose is about where things are
        self.eyes = EyeTower()
        # Two outputs for each attribute, and one that is not read, which the stored weights have.
        self.head = nn.Sequential(nn.Linear(48 * 16, 128), nn.LeakyReLU(0.1), nn.Linear(128, 2 * len(names) + 1))
        self.trust = nn.Linear(1, 1)  # in the tower: none until both have learnt
        nn.init.zeros_(self.trust.weight)
        nn.init.constant_(self.trust.bias, -4.0)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns values [B, A] in attribute units and the predicted standard deviation [B, A] in the same units."""
        A = len(self.names)
        value, log_var, _ = self.head(self.reduce(self.trunk(images)).flatten(1)).float().split([A, A, 1], dim=1)
        trust = self.trust(self.eyes.unseen(images.float())).float().sigmoid()
        value = torch.lerp(value, self.eyes(images)[:, None], trust * self.is_eyes)
        return value * self.scales, self._calibrated(0.5 * log_var.clamp(-10, 4)).exp() * self.scales

    def _calibrated(self, log_deviation: Tensor) -> Tensor:
        """[B, A] -> [B, A]"""
        widths = self.knots.diff(dim=1).clamp(min=1e-6)
        passed = (
            (log_deviation[..., None] - self.knots[:, :-1]).clamp(min=0).minimum(widths)
        )  # of each stretch between two knots
        return log_deviation + self.gains[:, 0] + (passed * self.gains.diff(dim=1) / widths).sum(-1)


class ParserNetwork(nn.Module):
    """Aligned faces [B, 3, S, S] -> logits [B, K, S, S] of the part of the face that each pixel shows; S a multiple of 16.

    An encoder and a decoder with links between equal sizes (Ronneberger et al.: U-Net, 2015).
    """

    def __init__(self, names: list[str], widths: tuple[int, ...] = (16, 32, 64, 112, 160)) -> None:
        super().__init__()
        self.names = list(names)
        self.first = ConvBlock(3, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(ConvBlock(a, b, stride=2), ResidualBlock(b))
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.up = nn.ModuleList(ConvBlock(a + b, a) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.head = nn.Conv2d(widths[0], len(names), 1)

    def forward(self, images: Tensor) -> Tensor:
        features = [self.first(images)]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for up in reversed(self.up):
            link = features.pop()
            x = up(torch.cat([link, F.interpolate(x, scale_factor=2, mode="nearest")], 1))
        return self.head(x).float()


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 convolutions side by side (Iandola et al., SqueezeNet, 2016, 3.2)."""

    def __init__(self, inputs: int, squeeze: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(inputs, squeeze, 1, bias=False), nn.BatchNorm2d(squeeze))
        self.one = nn.Sequential(nn.Conv2d(squeeze, outputs // 2, 1, bias=False), nn.BatchNorm2d(outputs // 2))
        self.three = nn.Sequential(nn.Conv2d(squeeze, outputs // 2, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs // 2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.one(x), self.three(x)], 1))


class PerceptualNetwork(nn.Module):
    """A perceptual distance distilled from LPIPS (Zhang et al. 2018), with pixel and edge terms.

    A convolution and eight fire modules, tapped at seven depths like LPIPS on SqueezeNet 1.1, so that it sees what that
    sees. The weights are learnt from nothing, on renders. The distance is a sum of two parts. One is the mean squared
    differences between `metric` maps at all depths. These maps were trained to equal principal components of LPIPS's weighted,
    normalised features. The other is robust differences of pixels and of gradients at three scales. They leave no direction in
    which a picture can change unnoticed. LPIPS alone lets a tuned generator print its up-sampling grid.
    """

    # (channels inside, channels out) of the fire modules; "pool" halves the side before
    FIRES: tuple[str | tuple[int, int], ...] = (
        "pool",
        (16, 128),
        (16, 128),
        "pool",
        (32, 256),
        (32, 256),
        "pool",
        (48, 384),
        (48, 384),
        (64, 512),
        (64, 512),
    )
    TAPS = (2, 5, 7, 8, 9, 10)  # entries of FIRES whose output is compared; the stem's is the first

    metric_scale: Tensor
    level_gain: Tensor
    pixel_gain: Tensor
    edge_gain: Tensor

    def __init__(self, metric: tuple[int, ...] = (48, 64, 96, 96, 96, 96, 96)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 2, bias=False), nn.BatchNorm2d(64))
        self.stages, channels, tapped = nn.ModuleList(), 64, [64]
        for i, fire in enumerate(self.FIRES):
            self.stages.append(nn.MaxPool2d(3, 2, ceil_mode=True) if isinstance(fire, str) else Fire(channels, *fire))
            channels = channels if isinstance(fire, str) else fire[1]
            if i in self.TAPS:
                tapped.append(channels)
        self.heads = nn.ModuleList(nn.Conv2d(c, dims, 1) for c, dims in zip(tapped, metric, strict=True))
        self.register_buffer("metric_scale", torch.ones(len(metric)))  # root mean square of LPIPS's maps, per depth
        self.register_buffer("level_gain", torch.ones(len(metric)))  # fitted to LPIPS
        self.register_buffer("pixel_gain", torch.tensor(0.05))  # of the mean pixel term
        self.register_buffer("edge_gain", torch.tensor(0.05))  # of the mean edge term

    def features(self, images: Tensor) -> list[Tensor]:
        """Metric maps [B, dims, r, r], finest first: r is about R / 2, R / 4, R / 8 and four times R / 16."""
        return [
            head(x) * scale for x, head, scale in zip(self.taps(images), self.heads, self.metric_scale, strict=True)
        ]

    def taps(self, images: Tensor) -> list[Tensor]:
        """What the heads read, of about unit mean square."""
        x = F.relu(self.stem(images))
        raw = [x]
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.TAPS:
                raw.append(x)
        return [_Unit.apply(x) for x in raw]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [B] between pictures [B, 3, R, R] in [-1, 1], about on LPIPS's scale. Differentiable."""
        return self.distance(self.features(a), self.features(b), a, b)

    def distance(self, fa: list[Tensor], fb: list[Tensor], a: Tensor, b: Tensor) -> Tensor:
        """The same from features computed before (a target's features never change)."""
        levels = self.level_distances(fa, fb)
        pixel, edge = pixel_and_edge(a, b)
        return levels @ self.level_gain + self.pixel_gain * pixel + self.edge_gain * edge

    def level_distances(self, fa: list[Tensor], fb: list[Tensor]) -> Tensor:
        """[B, depths] mean over places of the summed squared differences."""
        return torch.stack(
            [(x.float() - y.float()).square().sum(1).mean((1, 2)) for x, y in zip(fa, fb, strict=True)], 1
        )


class _Unit(torch.autograd.Function):
    """Channel vectors of about unit mean square, as LPIPS compares them (up to a constant). First order only.

    The derivative, (g - y mean(g y)) / norm, passes over the maps half as often as autograd's.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        norm = (x.square().mean(1, keepdim=True, dtype=torch.float32) + 1e-3).sqrt().to(x.dtype)
        y = x / norm
        ctx.save_for_backward(y, norm)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        y, norm = ctx.saved_tensors
        return torch.addcmul(grad, y, (grad * y).mean(1, keepdim=True), value=-1) / norm


def pixel_and_edge(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Charbonnier differences [B] of pixels and of horizontal and vertical gradients, mean of three scales."""
    pixel = edge = torch.zeros(len(a), device=a.device)
    difference = (a - b).float()
    for _ in range(3):
        pixel = pixel + _charbonnier(difference)
        edge = edge + _charbonnier(difference.diff(dim=2)) + _charbonnier(difference.diff(dim=3))
        difference = F.avg_pool2d(difference, 2)
    return pixel / 3, edge / 3


def _charbonnier(x: Tensor, eps: float = 0.02) -> Tensor:
    return ((x.square() + eps**2).sqrt() - eps).mean((1, 2, 3))


_KINDS = {
    "attributes": AttributeNetwork,
    "parser": ParserNetwork,
    "perceptual": PerceptualNetwork,
    "geometry": GeometryNetwork,
    "identity": RecognitionNetwork,
    "mesh": StepNetwork,
    "palms": StepNetwork,
    "person": StepNetwork,
}  # these are not ours: see faces/world


def save_network(
    path: Path, kind: str, network: nn.Module, arguments: dict[str, Any], measured: dict[str, Any]
) -> None:
    """Write weights as fp16 with `arguments` of the constructor and `measured` figures in the header."""
    tensors = {
        k: v.half() if v.is_floating_point() else v
        for k, v in network.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "format": "portraitist-face-network-1",
        "kind": kind,
        "arguments": json.dumps(arguments),
        "measured": json.dumps(measured),
    }
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=header)
    path.chmod(0o644)  # safetensors makes files that only their owner may read


def _fold_batch_norm(module: nn.Module) -> None:
    """Every (convolution, batch norm) pair becomes one convolution: the same function, fewer passes over memory."""
    for child in module.modules():
        if not isinstance(child, nn.Sequential) or len(child) < 2:
            continue
        first, second = child[0], child[1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            child[0], child[1] = fuse_conv_bn_eval(first, second), nn.Identity()


@functools.cache
@torch.inference_mode(False)  # weights made under the caller's inference mode could never see a gradient
def load_network(kind: str, folder: Path = FOLDER) -> tuple[Any, dict[str, Any]]:
    """The bundled network `kind` (attributes, identity, parser, perceptual), ready to use, and its measured figures.

    Cached per process; parameters are frozen. Raises PriorUnavailable.
    """
    network, measured = read_network(kind, folder)
    _fold_batch_norm(network.eval().requires_grad_(False))
    return in_channels_last(network, device()), measured


def read_network(kind: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The network `kind` as `save_network` was given it, so that training can go on, and its measured figures. Raises PriorUnavailable."""
    path = folder / f"{kind}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}
        arguments = json.loads(header["arguments"])
        network = _KINDS[kind](**{k: tuple(v) if k in ("widths", "metric") else v for k, v in arguments.items()})
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise KeyError(f"missing {missing[:3]}, unexpected {unexpected[:3]}")
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise PriorUnavailable(
            f"the bundled {kind} network {path.name} cannot be used ({error}): reinstall portraitist "
            "(docs/photos.md, Networks, says how the file is made)",
            param=str(path),
        ) from None
    return network, json.loads(header["measured"])
