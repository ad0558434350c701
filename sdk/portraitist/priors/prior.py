"""The handle of one prior, and what `verify` says about it."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotFound
from .record import PriorRecord

if TYPE_CHECKING:
    from ..jobs import Job
    from .library import Priors

GENERATOR = "generator.safetensors"
DEFAULT = "default"
BUNDLED = (DEFAULT, "default-256")  # names of the priors that come with the worker's package


@dataclass(frozen=True)
class PriorCheck:
    """What `verify` found. `ok` is all of it."""

    hash: bool  # the weights are the bytes that were imported
    probe: bool  # a small forward pass gives the numbers that were recorded
    finite: bool  # a full picture has no infinities
    calibrated: bool | None  # files of the calibration are whole; None: not calibrated
    spread: float  # standard deviation of the picture's values

    @property
    def ok(self) -> bool:
        return self.hash and self.probe and self.finite and self.calibrated is not False


class Prior:
    """One generator that personas can start from. `record` is None for the bundled ones."""

    def __init__(self, priors: Priors, name: str, record: PriorRecord | None) -> None:
        self._priors = priors
        self.name = name
        self.record = record

    def __repr__(self) -> str:
        return f"Prior({self.name!r})"

    @property
    def calibrated(self) -> bool:
        """Whether personas can be made from it."""
        return self.record is None or self.record.calibration is not None

    @property
    def folder(self) -> Path:
        return bundled(self.name) if self.record is None else self._priors.folder(self.name)

    @property
    def generator(self) -> Path:
        """Its weights."""
        return self.folder / GENERATOR

    def verify(self) -> PriorCheck:
        return self._priors.verify(self.name)

    def export(
        self, path: str | os.PathLike[str], *, layout: str = "nvidia", overwrite: bool = False
    ) -> tuple[Path, tuple[str, ...]]:
        return self._priors.export(self.name, path, layout=layout, overwrite=overwrite)

    def calibrate(self, *, samples: int | None = None, seed: int = 0) -> Job[Prior]:
        return self._priors.calibrate(self.name, samples=samples, seed=seed)

    def remove(self, *, force: bool = False) -> None:
        self._priors.remove(self.name, force=force)

    def _record(self) -> PriorRecord:
        assert self.record is not None
        return self.record


def bundled(name: str = DEFAULT) -> Path:
    """The folder of a bundled prior, found as files: the worker's package is not imported here."""
    spec = importlib.util.find_spec("portraitist_workers")
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the bundled priors are not there: run `pip install 'portraitist[worker]'`", param="prior")
    return Path(next(iter(spec.submodule_search_locations))) / "priors" / name
