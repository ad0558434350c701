"""Which number format optimisation runs in: bfloat16 where the device is clearly faster with it, else float32."""

from __future__ import annotations

import functools
import os
import time

import torch
import torch.nn.functional as F

from .device import device

CLEARLY = 1.2  # times as fast, or the stopwatch would decide differently from one worker to the next
_ROUNDS = 5


@functools.cache
def optimisation_dtype() -> torch.dtype:
    """bfloat16 on GPUs and on CPUs that are faster with it, else float32. PORTRAITIST_DTYPE=float32|bfloat16 overrides.

    Measured once per process, in a tenth of a second: a processor that lists bfloat16 among its abilities may still need twice
    the time with it (an Intel Xeon with AVX-512 BF16 whose AMX units were not lent to the virtual machine did).
    """
    forced = os.environ.get("PORTRAITIST_DTYPE")
    if forced:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[forced]
    if device().type != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if _has_bfloat16() and bfloat16_gain() >= CLEARLY else torch.float32


def autocast() -> torch.autocast:
    """Networks in that format, their weights in float32."""
    return torch.autocast(device().type, torch.bfloat16, enabled=optimisation_dtype() == torch.bfloat16)


@torch.inference_mode(False)  # the first caller may be serving
@torch.enable_grad()
def bfloat16_gain() -> float:
    """How many times as fast as in float32 a convolution and its gradients are: 64 channels, 64 pixels a side."""
    rng = torch.Generator().manual_seed(0)
    image, kernel = torch.randn(2, 64, 64, 64, generator=rng), torch.randn(64, 64, 3, 3, generator=rng)
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    for _ in range(_ROUNDS):  # by turns, and the best of each: other programs disturb single runs
        for dtype in best:
            x, weight = (t.to(dtype, memory_format=torch.channels_last).requires_grad_() for t in (image, kernel))
            begun = time.perf_counter()
            F.conv2d(x, weight, padding=1).sum().backward()
            best[dtype] = min(best[dtype], time.perf_counter() - begun)
    return best[torch.float32] / best[torch.bfloat16]


def _has_bfloat16() -> bool:
    """Whether it is worth a measurement: without such units it is emulated."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
