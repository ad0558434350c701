"""The handle of one prior, and what `verify` says about it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotFound, PriorUnavailable
from .anybody import Anybody
from .assets import GENERATOR, NEEDED, OPTIONAL, absent, known, missing
from .home import PriorHome
from .parts import Parts, parts_in
from .record import PriorRecord

if TYPE_CHECKING:
    from ..jobs import Job
    from .library import Priors

DEFAULT = "default"
BUNDLED = {
    DEFAULT: 128,
    "default-256": 256,
    "default-parts": 128,
}  # the priors that come with the worker's package: px a side


@dataclass(frozen=True)
class PriorCheck:
    """What `verify` found. `ok` is all of it. Of a damaged generator, `probe` and `finite` are False untried."""

    hash: bool  # the generator is the bytes that were imported
    probe: bool  # a small forward pass gives the numbers that were recorded
    finite: bool  # a full picture has no infinities
    calibrated: bool | None  # files of the calibration are whole; None: not calibrated
    spread: float  # standard deviation of the picture's values
    assets: Mapping[str, bool]  # every asset of the prior: whether its file is what the record says

    @property
    def ok(self) -> bool:
        return self.probe and self.finite and all(self.assets.values())


class Prior(Anybody):
    """One generator that personas can start from, and that edits anybody's photo. `record` is None for the bundled ones."""

    def __init__(self, priors: Priors, home: PriorHome, name: str, record: PriorRecord | None) -> None:
        self._priors, self._home = priors, home
        self.name = name
        self.record = record

    def __repr__(self) -> str:
        return f"Prior({self.name!r})"

    @property
    def assets(self) -> tuple[str, ...]:
        """Names of what it is made of: generator, latents, encoder, and others that are optional."""
        if self.record is not None:
            return tuple(self.record.assets)
        try:
            folder = bundled(self.name)
        except NotFound:  # a client without the worker's package
            return NEEDED
        return NEEDED + tuple(name for name in OPTIONAL if (folder / known(name).file).is_file())

    @property
    def missing(self) -> dict[str, str]:
        """The known assets that it has not -> what each would be for."""
        return {asset.name: asset.purpose for asset in absent(self.assets)}

    @property
    def calibrated(self) -> bool:
        """Whether personas can be made from it."""
        return self.record is None or self.record.usable

    @property
    def parts(self) -> Parts:
        """The parts that a face of it is made of, each with the lowest and highest value of what can be set in it (docs/parts.md). Empty
        where the generator draws faces as a whole. Raises PriorUnavailable, StorageError."""
        if self.record is not None and self.record.num_ws != 1:  # nothing need be fetched to know
            return {}
        try:
            return parts_in(self.generator, self.asset("parts") if "parts" in self.assets else None)
        except NotFound:  # a client without the worker's package
            return {}

    @property
    def folder(self) -> Path | None:
        """Where its files lie; None in a cluster, whose store has them."""
        return bundled(self.name) if self.record is None else self._home.folder(self.name)

    def asset(self, name: str) -> Path:
        """The file of one asset, on this machine; in a cluster it is fetched. Raises InvalidRequest (not known), PriorAssetMissing,
        PriorUnavailable (damaged), StorageError."""
        if self.record is None:
            return bundled_asset(self.name, name)
        return self._home.asset(self.record, name)

    @property
    def generator(self) -> Path:
        """Its weights."""
        return self.asset(GENERATOR)

    def attach(self, asset: str, path: str | os.PathLike[str]) -> Prior:
        return self._priors.attach(self.name, asset, path)

    def verify(self) -> PriorCheck:
        return self._priors.verify(self.name)

    def export(
        self, path: str | os.PathLike[str], *, layout: str = "nvidia", overwrite: bool = False
    ) -> tuple[Path, tuple[str, ...]]:
        return self._priors.export(self.name, path, layout=layout, overwrite=overwrite)

    def calibrate(
        self,
        *,
        samples: int | None = None,
        motion: bool = False,
        faces: int | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Job[Prior]:
        return self._priors.calibrate(self.name, samples=samples, motion=motion, faces=faces, steps=steps, seed=seed)

    def remove(self, *, force: bool = False) -> None:
        self._priors.remove(self.name, force=force)

    def _is_whole(self, asset: str) -> bool:
        try:
            return self.asset(asset).is_file()
        except PriorUnavailable:
            return False


def bundled(name: str = DEFAULT) -> Path:
    """The folder of a bundled prior, found as files: the worker's package is not imported here."""
    spec = importlib.util.find_spec("portraitist_workers")
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the bundled priors are not there: run `pip install 'portraitist[worker]'`", param="prior")
    return Path(next(iter(spec.submodule_search_locations))) / "priors" / name


def bundled_asset(prior: str, asset: str) -> Path:
    """Raises InvalidRequest, PriorAssetMissing, NotFound."""
    what = known(asset)
    path = bundled(prior) / what.file
    if not what.needed and not path.is_file():
        raise missing(prior, asset, bundled_with=[name for name in BUNDLED if (bundled(name) / what.file).is_file()])
    return path
