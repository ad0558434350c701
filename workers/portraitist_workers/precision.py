"""Which number format optimisation runs in: bfloat16 where processors of this kind are clearly faster with it, else float32."""

from __future__ import annotations

import functools

import torch

from . import settings
from .device import device


@functools.cache
def optimisation_dtype() -> torch.dtype:
    """bfloat16 on GPUs and on CPUs that are faster with it, else float32. PORTRAITIST_DTYPE=float32|bfloat16 overrides.

    The kind of processor decides, never a stopwatch. Where bfloat16 is five times as fast on one thread, a stopwatch said a tenth on two
    threads beside busy programs. A killed job then resumed in another format.
    """
    if forced := settings.current().dtype:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[forced]
    return torch.bfloat16 if device().type != "cpu" or _is_fast(_processor()) else torch.float32


def autocast() -> torch.autocast:
    """Networks in that format, their weights in float32."""
    return torch.autocast(device().type, torch.bfloat16, enabled=optimisation_dtype() == torch.bfloat16)


def _is_fast(processor: dict[str, str]) -> bool:
    """Whether a convolution and its gradients take clearly less time in bfloat16, measured on one thread: a fifth with AMX, half on
    AMD's AVX-512. An Intel Xeon with AVX-512 BF16 alone needs twice the time, and without such units it is emulated."""
    flags = processor.get("flags", "").split()
    return "amx_bf16" in flags or ("avx512_bf16" in flags and processor.get("vendor_id") == "AuthenticAMD")


def _processor() -> dict[str, str]:
    """What Linux tells about the first one; {} elsewhere."""
    try:
        with open("/proc/cpuinfo") as file:
            first = file.read().split("\n\n")[0]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
