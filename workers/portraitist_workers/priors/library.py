"""The prior a persona is made from: generator, encoder, and what is known about its W."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from portraitist.backend import embedded
from portraitist.errors import PriorNotCalibrated, PriorUnavailable
from portraitist.priors import Priors
from portraitist.priors import record as manifest
from portraitist.priors.prior import BUNDLED, DEFAULT, bundled

from ..device import device
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
        return self.generator.config.resolution

    def steps_for(self, names: tuple[str, ...]) -> Tensor:
        """[M, D] directions of the named attributes; zeros for those the prior does not know."""
        known = dict(zip(self.attributes, self.steps, strict=True))
        return torch.stack([known.get(n, self.steps.new_zeros(self.steps.shape[1])) for n in names])


def load(name: str = DEFAULT, folder: Path | None = None) -> Prior:
    """A bundled prior, or an imported one of the home folder. Kept in memory. Raises NotFound, PriorUnavailable."""
    if name in BUNDLED:
        return _load(name, folder or bundled(name), "")
    folder = imported(name)
    record = manifest.read(folder)
    if record.calibration is None:
        raise PriorNotCalibrated(
            f"prior {name!r} is imported, but not calibrated; run `portraitist priors calibrate {name}` once",
            param="prior",
        )
    return _load(name, folder, record.model_dump_json())


def imported(name: str) -> Path:
    """The folder of an imported prior. The worker's home is $PORTRAITIST_HOME. Raises InvalidRequest."""
    return Priors(embedded(create=False)).folder(name)


@functools.lru_cache(maxsize=2)  # one of 1024 px takes 250 MB
def _load(name: str, folder: Path, record: str) -> Prior:
    path = folder / "generator.safetensors"
    generator, _ = native.load(path)
    if record:
        _check_files(folder, manifest.PriorRecord.model_validate_json(record))
    try:
        with safe_open(str(folder / "latents.safetensors"), framework="pt") as file:
            nuisance = file.get_tensor("sitting").float().to(device()) if "sitting" in file.keys() else None
            w_std, steps = (file.get_tensor(name).float().to(device()) for name in ("w_std", "steps"))
            attributes = tuple(json.loads(file.metadata()["attributes"]))
    except (OSError, SafetensorError, KeyError) as error:
        raise PriorUnavailable(
            f"cannot read {folder / 'latents.safetensors'}: {error}. Reinstall portraitist."
        ) from error
    generator = generator.to(device(), memory_format=torch.channels_last)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Prior(
        name,
        digest,
        generator,
        encoder_file.load(folder / "encoder.safetensors"),
        w_std,
        attributes,
        steps,
        steps[:0] if nuisance is None else nuisance,
    )


def _check_files(folder: Path, record: manifest.PriorRecord) -> None:
    """The files are those that the manifest names."""
    assert record.calibration is not None
    expected = {
        "generator": record.generator_sha256,
        "latents": record.calibration.latents_sha256,
        "encoder": record.calibration.encoder_sha256,
    }
    for name, digest in expected.items():
        path = folder / f"{name}.safetensors"
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise PriorUnavailable(
                f"prior {record.name!r}: {path.name} cannot be read ({error.strerror}); calibrate it again, or remove "
                "it and add it again",
                param=str(path),
            ) from error
        if found != digest:
            raise PriorUnavailable(
                f"prior {record.name!r}: {path.name} is not what its manifest says; remove the prior and add it again",
                param=str(path),
            )
