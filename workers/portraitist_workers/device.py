"""Where tensors live: one device per worker process, named by PORTRAITIST_DEVICE (`portraitist worker --device`).

The borders are few: networks and personas come onto it where they are loaded, photos in `image_io.to_tensor`, and pictures
leave it in `to_uint8`. What lies between follows the tensors it is given. Random numbers are drawn on the CPU everywhere, so
that a seed means the same on every device. Faces are sought on the CPU.
"""

from __future__ import annotations

import functools
import os
from typing import TypeVar

import torch
from torch import nn

from portraitist.errors import InvalidRequest

from . import settings

Network = TypeVar("Network", bound=nn.Module)


@functools.cache
def device() -> torch.device:
    """cpu by default. The first call sets how a GPU computes. Raises InvalidRequest where there is none."""
    chosen = torch.device(settings.current().device)
    if chosen.type == "cuda":
        if not torch.cuda.is_available():
            raise InvalidRequest(
                f"PORTRAITIST_DEVICE is {settings.current().device}, and torch finds no GPU here: leave it out, or install a torch with "
                "CUDA and a driver",
                param="PORTRAITIST_DEVICE",
            )
        _be_repeatable()
    return chosen


def in_channels_last(network: Network, to: torch.device | None = None) -> Network:
    """`network` itself, the channels of each pixel side by side in its kernels [O, I, k, k]. Convolutions run faster so. `to`: moved
    there, too, at once."""
    options = {"memory_format": torch.channels_last} | ({} if to is None else {"device": to})
    return network.to(**options)  # type: ignore[call-overload]  # torch's stubs do not know it


def _be_repeatable() -> None:
    """The same job gives the same bits: no kernels that add in varying order, no choosing of kernels by stopwatch. And what is
    float32 is that: TF32 would round pictures to 10 bits (optimisation is in bfloat16 anyway, see `precision`)."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
