"""The prior a persona is made from: generator, encoder, and what is known about its W."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from portraitist.errors import PriorNotCalibrated, PriorUnavailable
from portraitist.priors.assets import ASSETS, NEEDED, file_sha256
from portraitist.priors.home import PriorHome
from portraitist.priors.homes import local_home
from portraitist.priors.prior import BUNDLED, DEFAULT, bundled_asset

from ..device import device, in_channels_last
from ..generator import Generator
from ..generator.formats import native
from ..inversion import encoder as encoder_file


@dataclass(frozen=True)
class Prior:
    """`steps` [A, D]: change of w for one unit of each attribute in `attributes`; `w_std` [D]: the spread of W.

    `nuisance` [K, D]: orthonormal directions of light, camera and backdrop; none (K = 0) where they are not known.
    """

    name: str
    sha256: str  # of the generator's file: a persona's delta belongs to exactly these weights
    generator: Generator
    encoder: encoder_file.Encoder
    w_std: Tensor
    attributes: tuple[str, ...]
    steps: Tensor
    nuisance: Tensor

    @property
    def reference(self) -> str:
        """What a persona's record says about its prior."""
        return f"{self.name}@{self.sha256[:16]}"

    @property
    def resolution(self) -> int:
        return self.generator.resolution

    def steps_for(self, names: tuple[str, ...]) -> Tensor:
        """[M, D] directions of the named attributes; zeros for those the prior does not know."""
        known = dict(zip(self.attributes, self.steps, strict=True))
        return torch.stack([known.get(n, self.steps.new_zeros(self.steps.shape[1])) for n in names])


def load(name: str = DEFAULT, folder: Path | None = None, *, home: PriorHome | None = None) -> Prior:
    """A bundled prior, one in training that lies in `folder`, or an imported one of `home` (default: this machine's).

    Kept in memory. Raises NotFound, PriorNotCalibrated, PriorUnavailable, StorageError."""
    if folder is not None:
        return _load(name, tuple(folder / ASSETS[asset].file for asset in NEEDED))
    if name in BUNDLED:
        return _load(name, tuple(bundled_asset(name, asset) for asset in NEEDED))
    home = home or local_home()
    record = home.read(name)
    if not record.usable:
        raise PriorNotCalibrated(
            f"prior {name!r} is imported, but not calibrated; run `portraitist priors calibrate {name}` once",
            param="prior",
        )
    return _load(name, tuple(home.asset(record, asset) for asset in NEEDED), tuple(map(record.sha256, NEEDED)))


def asset(name: str, wanted: str, *, home: PriorHome | None = None) -> Path:
    """The file of one asset of a prior, for what needs more than `load` gives. Raises NotFound, InvalidRequest, PriorAssetMissing,
    PriorUnavailable, StorageError."""
    if name in BUNDLED:
        return bundled_asset(name, wanted)
    home = home or local_home()
    return home.asset(home.read(name), wanted)


@functools.lru_cache(maxsize=2)  # one of 1024 px takes 250 MB
def _load(name: str, files: tuple[Path, ...], versions: tuple[str, ...] = ()) -> Prior:
    """`files` in the order of NEEDED, with their hashes where they may change."""
    path, latents, encoder = files
    generator, _ = native.load(path)
    try:
        with safe_open(str(latents), framework="pt") as file:
            nuisance = file.get_tensor("sitting").float().to(device()) if "sitting" in file.keys() else None
            w_std, steps = (file.get_tensor(name).float().to(device()) for name in ("w_std", "steps"))
            attributes = tuple(json.loads(file.metadata()["attributes"]))
    except (OSError, SafetensorError, KeyError) as error:
        raise PriorUnavailable(f"cannot read {latents}: {error}. Reinstall portraitist.") from error
    return Prior(
        name,
        file_sha256(path),
        in_channels_last(generator, device()),
        encoder_file.load(encoder),
        w_std,
        attributes,
        steps,
        steps[:0] if nuisance is None else nuisance,
    )
