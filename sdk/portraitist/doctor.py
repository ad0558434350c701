"""`portraitist doctor`: what this machine lacks, and what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from . import __version__
from .backend import Backend, default_home, embedded
from .errors import NotFound, PortraitistError
from .priors.assets import NEEDED
from .priors.library import Priors
from .priors.prior import BUNDLED, DEFAULT, bundled
from .provenance import certificate
from .transport import EmbeddedTransport

_ROOM_WARN, _ROOM_FAIL = 2 * 2**30, 200 * 2**20  # bytes
_PRIOR = set(NEEDED)  # of every bundled one
_NETWORKS = {"attributes", "parser", "perceptual"}  # one set for all
_WORLD = {"geometry", "identity", "mesh", "palms"}  # faces/world
_RENEW_DAYS = 30
_WORKER = "pip install 'portraitist[worker]'"


@dataclass(frozen=True)
class Check:
    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def examine(home: str | os.PathLike[str] | None = None, *, start: bool = True) -> list[Check]:
    """All checks, in the order in which to mend things. Never raises."""
    packages = [
        _package(name, least) for name, least in (("celery", "5.7"), ("safetensors", "0.5"), ("c2pa-python", "0.38"))
    ]
    checks = [_python(), _torch_pair(), *packages, _heic(), _weights()]
    try:
        folder = default_home() if home is None else Path(home)
        backend = embedded(folder)
        backend.store.erase(backend.store.put(b"portraitist doctor"))
    except PortraitistError as error:
        return [
            *checks,
            Check("home", "fail", error.message, "choose a writable folder with --home or PORTRAITIST_HOME"),
        ]
    checks += [Check("home", "ok", f"{folder} can be written"), _room(folder), _priors(backend), _certificate(folder)]
    if start:
        checks.append(_worker(backend))
    return checks


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.platform == "win32":
        return Check("python", "fail", f"{version} on Windows", "the embedded worker needs Linux, macOS or WSL")
    return Check("python", "ok", version)


def _torch_pair() -> Check:
    """Imported in a process of its own: a broken pair raises, and a good one takes seconds and memory."""
    if _version("torch") is None or _version("torchvision") is None:
        return Check("torch", "fail", "torch or torchvision is not installed", _WORKER)
    code = "import torch, torchvision; print(torch.__version__, torchvision.__version__, torch.cuda.is_available())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pair = f"torch {_version('torch')} with torchvision {_version('torchvision')}"
    if run.returncode == 0:
        torch, vision, cuda = run.stdout.split()
        used = os.environ.get("PORTRAITIST_DEVICE", "cpu").startswith("cuda")
        found = "on the processor" if cuda != "True" else "GPU found" if used else "GPU found, not in use"
        idle = "to use it, set PORTRAITIST_DEVICE=cuda; a cluster's worker takes --device cuda"
        remedy = idle if cuda == "True" and not used else ""
        return Check("torch", "ok", f"torch {torch}, torchvision {vision}, {found}", remedy)
    last = run.stderr.strip().splitlines()[-1:] or ["it ended without a message"]
    if "torchvision::nms" in run.stderr:
        index = (
            "https://download.pytorch.org/whl/cpu" if "+cpu" in (_version("torch") or "") else "https://pypi.org/simple"
        )
        return Check(
            "torch",
            "warn",
            f"{pair}: builds from different places, so torchvision's compiled operators do not load; Portraitist stands in for "
            "the one it needs, slower",
            f"install both from one place: pip install --force-reinstall torch torchvision --index-url {index}",
        )
    return Check(
        "torch",
        "fail",
        f"{pair} cannot be imported: {last[0]}",
        f"pip install --force-reinstall torch torchvision, or {_WORKER}",
    )


def _package(name: str, least: str) -> Check:
    version = _version(name)
    if version is None:
        return Check(name, "fail", "not installed", _WORKER)
    if _numbers(version) < _numbers(least):
        return Check(name, "fail", f"{version} is older than {least}", f"pip install -U '{name}>={least}'")
    return Check(name, "ok", version)


def _heic() -> Check:
    if _version("pillow-heif") is None:
        return Check(
            "pillow-heif", "warn", "not installed: photos in HEIC are refused", "pip install 'portraitist[heic]'"
        )
    return _package("pillow-heif", "1.8")


def _weights() -> Check:
    """The bundled priors and the networks that see faces."""
    try:
        folders = {name: bundled(name) for name in BUNDLED}
    except NotFound:
        return Check("weights", "fail", "the package portraitist_workers is not there", _WORKER)
    needed_in = {folder: _PRIOR | _NETWORKS if name == DEFAULT else _PRIOR for name, folder in folders.items()}
    needed_in[folders[DEFAULT].parent.parent / "faces" / "world"] = _WORLD
    files = [file for folder in needed_in for file in sorted(folder.glob("*.safetensors"))]
    for folder, needed in needed_in.items():
        if missing := sorted(needed - {f.stem for f in files if f.parent == folder}):
            detail = f"no {', '.join(missing)} in {folder}"
            return Check("weights", "fail", detail, "reinstall portraitist; its wheel contains the weights")
    if small := [f.name for f in files if f.stat().st_size < 1000]:  # a Git LFS pointer, or a broken copy
        return Check("weights", "fail", f"{', '.join(small)} cannot be weights: too small", "reinstall portraitist")
    return Check("weights", "ok", f"{len(files)} files, {sum(f.stat().st_size for f in files) / 2**20:.0f} MB")


def _priors(backend: Backend) -> Check:
    """The imported ones: manifests that can be read, and what still has to be calibrated."""
    priors = Priors(backend)
    there = {p.name for p in priors.list()}
    assert backend.home is not None
    folders = [f.name for f in (backend.home / "priors").glob("[!.]*") if f.is_dir()]
    if damaged := sorted(set(folders) - there):
        return Check(
            "priors",
            "warn",
            f"{', '.join(damaged)} cannot be used",
            "remove them and add them again: portraitist priors remove",
        )
    if waiting := [p.name for p in priors.list() if not p.calibrated]:
        return Check("priors", "ok", f"bundled, {len(folders)} imported; not calibrated yet: {', '.join(waiting)}")
    return Check("priors", "ok", f"bundled, {len(folders)} imported")


def _certificate(home: Path) -> Check:
    """What pictures are signed with."""
    try:
        used = certificate.in_use(home)
    except ImportError:
        return Check("certificate", "fail", "the package cryptography is not installed", _WORKER)
    except PortraitistError as error:
        return Check(
            "certificate", "fail", error.message, "mend PORTRAITIST_C2PA_CERT and PORTRAITIST_C2PA_KEY, or unset both"
        )
    if used.test:
        remedy = "in production, set PORTRAITIST_C2PA_CERT and PORTRAITIST_C2PA_KEY"
        return Check("certificate", "ok", "pictures are signed with a test certificate that nobody vouches for", remedy)
    left = (used.expires - datetime.now(UTC)).days
    state: Literal["ok", "warn"] = "ok" if left >= _RENEW_DAYS else "warn"
    return Check(
        "certificate",
        state,
        f"pictures are signed with {os.environ['PORTRAITIST_C2PA_CERT']}, valid for {left} days",
        "" if state == "ok" else "renew it, and start the workers anew",
    )


def _room(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free"
    if free < _ROOM_WARN:
        state: Literal["warn", "fail"] = "fail" if free < _ROOM_FAIL else "warn"
        return Check("disk", state, detail, f"free some space on the disk that holds {folder}")
    return Check("disk", "ok", detail)


def _worker(backend: Backend) -> Check:
    """Start one (or find the running one) and see that it holds its lock."""
    transport = backend.transport
    assert isinstance(transport, EmbeddedTransport)
    try:
        was = bool(transport.describe()["alive"])
        began = time.monotonic()
        while not transport.describe()["alive"] and time.monotonic() - began < 30:
            transport.check()
            time.sleep(0.1)
    except PortraitistError as error:
        return Check("worker", "fail", error.message, f"read {transport.log}")
    state = transport.describe()
    if not state["alive"]:
        return Check("worker", "fail", "it did not start within 30 s", f"read {transport.log}")
    if (theirs := state.get("version")) != (ours := __version__):
        return Check(
            "worker", "warn", f"the running one is version {theirs}, this is {ours}", "portraitist worker --stop"
        )
    return Check(
        "worker",
        "ok",
        f"{'running' if was else f'started in {time.monotonic() - began:.1f} s'}, process {state.get('pid')}",
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".") if part.isdigit())
