"""How much memory a job asks of its worker, and how much workers have. On a GPU: the GPU's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import InvalidRequest
from .operations import GB, operation

# What imported priors need at their resolution is not known before: a job that runs out of memory is tried once more where there is
# more (`execution`).
LARGE = {"default-256": 5 * GB}  # learning a person from this prior


def needed(request: Mapping[str, Any], prior: str = "") -> int:
    """Bytes, for a request as JSON; of one that learns, from `prior` or the one that it tells itself."""
    row = operation(request["operation"])
    return LARGE.get(prior or request.get("prior", ""), row.memory) if row.learns else row.memory


def parse(text: str) -> int:
    """Bytes of "24GB", "1.5 GB" or "800MB" (powers of two). Raises InvalidRequest."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MG])I?B", text.strip().upper())
    if found is None:
        raise InvalidRequest(f"{text!r} is no amount of memory; write it like 24GB or 800MB", param="--memory")
    return int(float(found[1]) * (GB if found[2] == "G" else 2**20))


def show(amount: int) -> str:
    """Like "24 GB", "1.5 GB"."""
    return f"{amount / GB:.1f}".removesuffix(".0") + " GB"
