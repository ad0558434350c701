"""`manifest.json`: where an imported prior came from, what it is, and what is known about it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import NotFound, PriorUnavailable

MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PriorSource(_Part):
    """The file that was imported."""

    file: str  # its name, for people
    sha256: str
    bytes: int
    layout: Literal["native", "nvidia", "rosinality", "mystyle"]
    official: str | None = None  # the published network that it is, recognised by hash
    url: str | None = None  # where it was downloaded from
    mapping_from: str | None = None  # "name@sha256" of the prior that lent its mapping network
    walls: list[str] = []  # what stood around the process that read it


class Licence(_Part):
    note: str
    stated: str = ""  # what the file itself says
    commercial: bool  # whether commercial use is known to be allowed
    accepted: str | None = None  # when the user accepted it, ISO 8601


class Calibration(_Part):
    """What `calibrate` measured. `figures` are explained in docs/priors/import.md."""

    samples: int
    seed: int
    attributes_network: str
    latents_sha256: str
    encoder_sha256: str
    figures: dict[str, float] = {}
    warnings: list[str] = []
    seconds: float = 0.0
    finished: str = ""  # ISO 8601


class PriorRecord(_Part):
    """An imported prior. The weights are `generator.safetensors` beside the manifest, fp32, and never change."""

    format: Literal["portraitist-prior-1"] = "portraitist-prior-1"
    name: str
    source: PriorSource
    licence: Licence
    resolution: int
    z_dim: int
    w_dim: int
    num_ws: int
    mapping_layers: int
    parameters: int
    generator_sha256: str
    generator_bytes: int
    probe: list[float] = []  # numbers of a small forward pass, for `verify`
    added: str = ""  # ISO 8601
    version: str = ""  # of portraitist
    calibration: Calibration | None = None

    def handed_out(self) -> set[str]:
        """Blobs of the pictures that leave with this result: none."""
        return set()


def read(folder: Path) -> PriorRecord:
    """The manifest in `folder`. Raises NotFound, PriorUnavailable."""
    try:
        return PriorRecord.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"there is no prior {folder.name!r}; `portraitist priors list` shows those there are", param="prior"
        ) from None
    except (OSError, ValidationError) as error:
        raise PriorUnavailable(
            f"the manifest of prior {folder.name!r} cannot be read ({str(error).splitlines()[0]}); remove the prior and add it again",
            param=str(folder / MANIFEST),
        ) from error
