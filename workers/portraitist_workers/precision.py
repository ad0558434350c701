"""Which number format optimisation runs in: bfloat16 where the device multiplies it natively, else float32."""

from __future__ import annotations

import functools
import os

import torch

from .device import device


@functools.cache
def optimisation_dtype() -> torch.dtype:
    """bfloat16 on CPUs with AMX or AVX-512-BF16 and on GPUs, float32 elsewhere. PORTRAITIST_DTYPE=float32|bfloat16 overrides."""
    forced = os.environ.get("PORTRAITIST_DTYPE")
    if forced:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[forced]
    if device().type != "cpu":
        return torch.bfloat16
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        flags = ""
    native = "amx_bf16" in flags or "avx512_bf16" in flags
    return torch.bfloat16 if native else torch.float32
