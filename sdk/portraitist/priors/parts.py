"""Which parts a prior has, and what each can be set to: read from the headers of its files. No tensor is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import PriorUnavailable

KIND = "parts"  # of a generator's file
Parts = dict[str, dict[str, tuple[float, float]]]
# What can be set in every part without labels, in standard deviations from what is there (`composing/factorised.py`).
UNLABELLED = tuple(f"{kind}_{number}" for kind in ("shape", "texture") for number in (1, 2, 3))
REACH = -3.0, 3.0
_LONGEST_HEADER = 2**20  # bytes; one with ten parts has about 20,000


def parts_in(generator: Path, controls: Path | None) -> Parts:
    """Part -> attribute -> its lowest and highest value. Empty for a generator that is not cut by meaning. Raises PriorUnavailable."""
    about = json.loads(_entries(generator).get("generator", "{}"))
    if about.get("kind") != KIND:
        return {}
    found: Parts = {name: {} for name in about["config"]["parts"]}
    known = {} if controls is None else json.loads(_entries(controls).get("attributes", "{}"))
    for name, attribute in known.items():
        for part in attribute["parts"]:
            found.get(part, {})[name] = attribute["low"], attribute["high"]
    return {part: named | dict.fromkeys(UNLABELLED, REACH) for part, named in found.items()}


def _entries(path: Path) -> dict[str, Any]:
    """Words of a safetensors file's header."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LONGEST_HEADER:
                raise ValueError("its header is too long")
            return dict(json.loads(file.read(length)).get("__metadata__") or {})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise PriorUnavailable(
            f"cannot read {path}: {error}. Reinstall portraitist, or add the prior again.", param=str(path)
        ) from error
