"""The record of an imported prior: where it came from, its assets, and what is known about it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from ..errors import PriorUnavailable
from .assets import ASSETS, GENERATOR, NEEDED, missing


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
    figures: dict[str, float] = {}
    warnings: list[str] = []
    seconds: float = 0.0
    finished: str = ""  # ISO 8601


class PriorRecord(_Part):
    """An imported prior. `assets` says which files it has (`assets.ASSETS`), and the SHA-256 of each. The generator never changes."""

    format: Literal["portraitist-prior-2"] = "portraitist-prior-2"
    name: str
    source: PriorSource
    licence: Licence
    resolution: int
    z_dim: int
    w_dim: int
    num_ws: int
    mapping_layers: int
    parameters: int
    assets: dict[str, str]
    probe: list[float] = []  # numbers of a small forward pass, for `verify`
    added: str = ""  # ISO 8601
    version: str = ""  # of portraitist
    calibration: Calibration | None = None

    @model_validator(mode="before")
    @classmethod
    def _absorbed(cls, data: Any) -> Any:
        """Format 1 had a field for each of three files."""
        if not isinstance(data, dict) or data.get("format") != "portraitist-prior-1":
            return data
        data = {**data, "format": "portraitist-prior-2", "assets": {GENERATOR: data.get("generator_sha256")}}
        if isinstance(calibration := data.get("calibration"), dict):
            calibration = dict(calibration)
            data["assets"] |= {name: calibration.pop(f"{name}_sha256", None) for name in ("latents", "encoder")}
            data["calibration"] = calibration
        return {name: value for name, value in data.items() if name not in ("generator_sha256", "generator_bytes")}

    def handed_out(self) -> set[str]:
        """Blobs of the pictures that leave with this result: none."""
        return set()

    @field_validator("assets")
    @classmethod
    def _known(cls, assets: dict[str, str]) -> dict[str, str]:
        if GENERATOR not in assets:
            raise ValueError("it names no generator")
        if unknown := sorted(set(assets) - set(ASSETS)):
            raise ValueError(f"it names assets that this version does not know: {', '.join(unknown)[:200]}")
        if not all(len(sha) == 64 and set(sha) <= set("0123456789abcdef") for sha in assets.values()):
            raise ValueError("an asset has no SHA-256")
        return assets

    @property
    def generator_sha256(self) -> str:
        """What a persona's delta belongs to."""
        return self.assets[GENERATOR]

    @property
    def usable(self) -> bool:
        """Whether personas can be made from it."""
        return set(NEEDED) <= set(self.assets)

    def sha256(self, asset: str) -> str:
        """Raises InvalidRequest, PriorAssetMissing."""
        if asset not in self.assets:
            raise missing(self.name, asset)
        return self.assets[asset]


def parse(text: str | bytes, name: str) -> PriorRecord:
    """The record of the prior `name` from its JSON. Raises PriorUnavailable."""
    try:
        return PriorRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise PriorUnavailable(
            f"the record of prior {name!r} cannot be read ({where[:100]}: {first['msg'][:200].lower()}); remove the prior and "
            "add it again",
            param=name,
        ) from error
