"""What a prior is made of: the assets that are known, their files, and what each is for. Every other file follows this table."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import InvalidRequest, PriorAssetMissing


@dataclass(frozen=True)
class Asset:
    """`needed`: personas cannot do without it. `made_by`: the command that makes it for a `{prior}`."""

    name: str
    purpose: str
    needed: bool = False
    made_by: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}.safetensors"


MEASURE = "portraitist priors calibrate {prior}"
ASSETS = {
    a.name: a
    for a in (
        Asset("generator", "drawing", needed=True),
        Asset("latents", "attributes: the spread of W and their directions", needed=True, made_by=MEASURE),
        Asset("encoder", "inverting photos", needed=True, made_by=MEASURE),
        Asset("discriminator", "training the generator further"),
        Asset("latent_transformer", "moving points of a picture", made_by=f"{MEASURE} --motion"),
        Asset("parts", "generating a face part by part"),
    )
}
GENERATOR = "generator"
NEEDED = tuple(a.name for a in ASSETS.values() if a.needed)
OPTIONAL = tuple(a.name for a in ASSETS.values() if not a.needed)


def known(name: str) -> Asset:
    """Raises InvalidRequest."""
    if name not in ASSETS:
        raise InvalidRequest(f"{str(name)[:80]!r} is no asset of a prior; known are {', '.join(ASSETS)}", param="asset")
    return ASSETS[name]


def absent(there: Container[str]) -> tuple[Asset, ...]:
    """The known assets that are not `there`."""
    return tuple(asset for asset in ASSETS.values() if asset.name not in there)


def missing(prior: str, asset: str, *, bundled_with: Sequence[str] | None = None) -> PriorAssetMissing:
    """What somebody is told who asks for an asset that the prior has not. `bundled_with`, of a bundled prior: the bundled ones that
    have it."""
    what = known(asset)
    if bundled_with:
        remedy = f"{' and '.join(bundled_with)} have one" if len(bundled_with) > 1 else f"{bundled_with[0]} has one"
    elif bundled_with is not None:
        remedy = "no bundled prior has one: use an imported prior that does"
    elif what.made_by:
        remedy = f"run `{what.made_by.format(prior=prior)}`"
    else:
        remedy = f"attach one: `portraitist priors attach {prior} {asset} FILE`"
    return PriorAssetMissing(f"prior {prior!r} has no {asset}, which is for {what.purpose}; {remedy}", param=asset)


def carry_over(source: Path, target: Path, made: Container[str]) -> None:
    """Copy the assets of the prior in the folder `source` that are not `made` anew. Raises OSError."""
    for asset in ASSETS.values():
        if asset.name not in made and (source / asset.file).exists():
            shutil.copyfile(source / asset.file, target / asset.file)


def is_whole(path: Path, sha256: str) -> bool:
    """Whether the file is there and has that SHA-256. A file that has not changed is hashed once per process."""
    try:
        found = path.stat()
        return _sha256(path, found.st_mtime_ns, found.st_size, found.st_ino) == sha256
    except OSError:
        return False


@lru_cache(maxsize=64)
def _sha256(path: Path, *_: int) -> str:
    return file_sha256(path)


def file_sha256(path: str | os.PathLike[str]) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
