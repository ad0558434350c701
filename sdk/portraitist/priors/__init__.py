"""The generators that personas start from, in the default folder: `portraitist.priors.add("ffhq.pkl", accept_licence=True)`.

The functions are the verbs of `studio.priors` (`library.Priors`), which works on a folder of your choice.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..jobs import Job
    from .download import OnBytes
    from .library import Priors
    from .official import OFFICIAL
    from .prior import Prior, PriorCheck
    from .record import PriorRecord

_HOME = {"OFFICIAL": "official", "Prior": "prior", "PriorCheck": "prior", "PriorRecord": "record", "Priors": "library"}

__all__ = ["OFFICIAL", "Prior", "PriorCheck", "PriorRecord", "Priors", "add", "attach", "calibrate", "export", "get", "info", "list",
           "remove", "verify"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """On first use: the table of operations needs the records, and the library needs the table."""
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> Sequence[str]:
    return __all__


def _priors() -> Priors:
    from ..backend import embedded
    from .library import Priors

    return Priors(embedded().of())


def add(
    source: str | os.PathLike[str],
    *,
    name: str | None = None,
    accept_licence: bool = False,
    mapping_from: str | None = None,
    on_bytes: OnBytes | None = None,
) -> Prior:
    """As `Priors.add`."""
    return _priors().add(source, name=name, accept_licence=accept_licence, mapping_from=mapping_from, on_bytes=on_bytes)


def attach(name: str, asset: str, path: str | os.PathLike[str]) -> Prior:
    """As `Priors.attach`."""
    return _priors().attach(name, asset, path)


def calibrate(
    name: str,
    *,
    samples: int | None = None,
    motion: bool = False,
    faces: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Job[Prior]:
    """As `Priors.calibrate`."""
    return _priors().calibrate(name, samples=samples, motion=motion, faces=faces, steps=steps, seed=seed)


def export(
    name: str, path: str | os.PathLike[str], *, layout: str = "nvidia", overwrite: bool = False
) -> tuple[Path, tuple[str, ...]]:
    """As `Priors.export`."""
    return _priors().export(name, path, layout=layout, overwrite=overwrite)


def get(name: str) -> Prior:
    """As `Priors.get`."""
    return _priors().get(name)


info = get


def remove(name: str, *, force: bool = False) -> None:
    """As `Priors.remove`."""
    _priors().remove(name, force=force)


def verify(name: str) -> PriorCheck:
    """As `Priors.verify`."""
    return _priors().verify(name)


def list() -> Sequence[Prior]:
    """As `Priors.list`."""
    return _priors().list()
