"""What can be set in each part: directions and readings in the codes of the part, from the prior's asset `parts`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from portraitist.errors import OutOfRange, PriorUnavailable, UnknownAttribute

from ..device import device
from ..generator.parts import PartsConfig
from ..generator.parts.mixing import numbers


@dataclass(frozen=True, eq=False)
class PartControls:
    """`steps` [A, D]: change of w per unit of each attribute. `readings` [A, D], `offsets` [A]: value = w @ reading + offset.

    about  attribute -> {"parts": whose codes it moves, "low", "high"}
    """

    about: Mapping[str, Mapping[str, Any]]
    steps: Tensor
    readings: Tensor
    offsets: Tensor

    @classmethod
    def load(cls, path: Path) -> PartControls:
        """Raises PriorUnavailable for missing or damaged files."""
        try:
            with safe_open(str(path), framework="pt") as file:
                tensors = [file.get_tensor(name).float().to(device()) for name in ("steps", "readings", "offsets")]
                return cls(json.loads(file.metadata()["attributes"]), *tensors)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise PriorUnavailable(f"cannot read {path}: {error}. Reinstall portraitist.", param=str(path)) from error

    def joined(self, other: PartControls) -> PartControls:
        """What can be set by either."""
        tensors = [
            torch.cat([getattr(one, name) for one in (self, other)]) for name in ("steps", "readings", "offsets")
        ]
        return PartControls({**self.about, **other.about}, *tensors)

    def of(self, part: str) -> list[str]:
        """The attributes that can be set in a part."""
        return [name for name, about in self.about.items() if part in about["parts"]]

    def set(self, config: PartsConfig, w: Tensor, part: str, values: Mapping[str, float]) -> Tensor:
        """w [B, D] in which the part has these values; other parts that an attribute concerns stay. Raises UnknownAttribute, OutOfRange."""
        allowed = torch.zeros(config.codes, 1, device=w.device)
        allowed[numbers(config, [part])] = 1
        names = list(self.about)
        for name, value in values.items():
            if name not in self.of(part):
                raise UnknownAttribute(
                    f"{part} has no {name!r}; it has {', '.join(self.of(part)) or 'none'}", param=name
                )
            about = self.about[name]
            if not about["low"] <= value <= about["high"]:
                raise OutOfRange(
                    f"{name}={value:g} is beyond {about['low']:g} to {about['high']:g}: ask for less", param=name
                )
            at = names.index(name)
            change = value - (w @ self.readings[at] + self.offsets[at])
            step = (self.steps[at].view(config.codes, -1) * allowed).flatten()
            w = w + change[:, None] * step
        return w
