"""The inversion encoder: aligned crop -> w, and with small offsets per layer w_plus, in one pass."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from portraitist.errors import PriorUnavailable

from ..device import device

WIDTHS = (32, 64, 96, 160, 256)  # channels after each halving, 128 px -> 4 px
INPUT = 128  # pixels; other sizes are resized


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut, the second halving the resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, stride=2)
        self.skip = nn.Conv2d(inputs, outputs, 1)
        self.norm = nn.GroupNorm(8, inputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv0(self.norm(x)), 0.2)
        return F.leaky_relu(self.conv1(y), 0.2) + self.skip(F.avg_pool2d(x, 2))


class Encoder(nn.Module):
    """forward(image [B, 3, R, R] in [-1, 1]) -> w [B, w_dim]. `w_mean`, `w_std` scale its output to the prior's W.

    Where `num_ws` is given, `w_plus` adds an offset for every layer (Tov et al.: Designing an Encoder for StyleGAN Image
    Manipulation, 2021, section 5). That is closer to the picture. Training's penalty on the offsets keeps it near to W. A generator with
    one row has its w as w_plus, and no offsets.
    """

    w_mean: Tensor
    w_std: Tensor

    def __init__(self, w_dim: int, num_ws: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, padding=2, stride=2)
        self.blocks = nn.Sequential(*(Residual(a, b) for a, b in zip(WIDTHS[:-1], WIDTHS[1:], strict=True)))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(WIDTHS[-1] * 16, 512), nn.LeakyReLU(0.2), nn.Linear(512, w_dim)
        )
        self.offsets, self.num_ws = None, num_ws
        if num_ws is not None and num_ws > 1:
            offsets = nn.Linear(512, num_ws * w_dim)
            nn.init.zeros_(offsets.weight)
            nn.init.zeros_(offsets.bias)
            self.offsets = nn.Sequential(offsets, nn.Unflatten(1, (num_ws, w_dim)))
        self.register_buffer("w_mean", torch.zeros(w_dim))
        self.register_buffer("w_std", torch.ones(w_dim))

    def forward(self, image: Tensor) -> Tensor:
        return self._w(self._hidden(image))

    def w_plus(self, image: Tensor) -> Tensor:
        """[B, num_ws, w_dim]: a w for each layer. Raises PriorUnavailable where the encoder was trained for W alone."""
        if self.num_ws == 1:
            return self(image)[:, None]
        if self.offsets is None:
            raise PriorUnavailable("this prior's encoder gives w only; refine from there (inversion.optimize.refine_w)")
        hidden = self._hidden(image)
        return self._w(hidden)[:, None] + self.offsets(hidden).float() * self.w_std

    def _hidden(self, image: Tensor) -> Tensor:
        if image.shape[-1] != INPUT:
            image = F.interpolate(image, size=(INPUT, INPUT), mode="bilinear", antialias=True, align_corners=False)
        x = self.blocks(self.stem(image.contiguous(memory_format=torch.channels_last)))
        return self.head[:-1](x)

    def _w(self, hidden: Tensor) -> Tensor:
        return self.head[-1](hidden).float() * self.w_std + self.w_mean


def to_bytes(encoder: Encoder, *, metadata: dict | None = None) -> bytes:
    """fp16 safetensors."""
    tensors = {k: v.detach().half().contiguous() for k, v in encoder.state_dict().items()}
    one_row = {"num_ws": "1"} if encoder.num_ws == 1 else {}  # of others the offsets say it
    return save_tensors(tensors, metadata={"metadata": json.dumps(metadata or {}), **one_row})


def save(encoder: Encoder, path: Path, *, metadata: dict | None = None) -> None:
    Path(path).write_bytes(to_bytes(encoder, metadata=metadata))


def load(path: Path) -> Encoder:
    """Raises PriorUnavailable for missing or damaged files."""
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {k: file.get_tensor(k).float() for k in file.keys()}
            one_row = (file.metadata() or {}).get("num_ws") == "1"
        w_dim = tensors["w_mean"].shape[0]
        rows = tensors["offsets.0.bias"].shape[0] // w_dim if "offsets.0.bias" in tensors else 1 if one_row else None
        encoder = Encoder(w_dim, rows)
        encoder.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise PriorUnavailable(
            f"cannot read the encoder {path}: {error}. Reinstall portraitist.", param=str(path)
        ) from error
    return encoder.eval().requires_grad_(False).to(device())
