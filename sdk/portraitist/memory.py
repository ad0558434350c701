"""How much memory a job asks of its worker, and how much workers have. On a GPU: the GPU's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import InvalidRequest

GB = 2**30

# Largest resident size of a process that did one such job with the default prior (128 px) on a processor: 1.05 GB for a creation
# from 16 photos, 0.7 GB for an edit, 0.6 GB for 16 pictures; 2.5 GB for a creation at 256 px. Doubled, for a GPU's context and
# allocator. What imported priors need at their resolution is not known before: a job that runs out of memory is tried once more where
# there is more (`execution`).
NEEDS = {"create": 2 * GB, "add": 2 * GB, "calibrate": 2 * GB}
SERVING = int(1.5 * GB)
LARGE = {"default-256": 5 * GB}  # learning a person from this prior


def needed(request: Mapping[str, Any], prior: str = "") -> int:
    """Bytes, for a request as JSON that learns a person from `prior`, or tells it itself."""
    return LARGE.get(prior or request.get("prior", ""), NEEDS.get(request["operation"], SERVING))


def parse(text: str) -> int:
    """Bytes of "24GB", "1.5 GB" or "800MB" (powers of two). Raises InvalidRequest."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MG])I?B", text.strip().upper())
    if found is None:
        raise InvalidRequest(f"{text!r} is no amount of memory; write it like 24GB or 800MB", param="--memory")
    return int(float(found[1]) * (GB if found[2] == "G" else 2**20))


def show(amount: int) -> str:
    """Like "24 GB", "1.5 GB"."""
    return f"{amount / GB:.1f}".removesuffix(".0") + " GB"
