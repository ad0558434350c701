"""Runs the programs of the workers that priors need, each in a process of its own. The one that reads strange files locks itself in.

The SDK itself never opens weights.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import PriorRefused, PriorUnavailable, QueueUnavailable, StorageError

CONVERT_S = 600.0  # wall clock, for the largest file on a busy machine
_KEPT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "HOME",
)


def convert(source: BinaryIO, out: BinaryIO, *, name: str, mapping: Path | None = None) -> dict[str, Any]:
    """Reads the foreign file `source` in a locked process and writes safetensors to `out`; what is known about the generator.

    `name` is the file's name for messages. Raises PriorRefused, QueueUnavailable."""
    environment = {
        key: os.environ[key] for key in _KEPT if key in os.environ
    }  # no secrets for a process that reads strange files
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    lent = open(mapping, "rb") if mapping is not None else None
    try:
        files = [source, out, *([lent] if lent else [])]
        arguments = ["--source", str(source.fileno()), "--out", str(out.fileno())]
        arguments += ["--mapping", str(lent.fileno())] if lent else []
        run = subprocess.run(
            _command("convert", arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            pass_fds=[file.fileno() for file in files],
            timeout=CONVERT_S,
        )
    except subprocess.TimeoutExpired:
        raise PriorRefused(
            f"{name}: reading it took longer than {CONVERT_S:g} s, so it was given up", param=name
        ) from None
    finally:
        if lent:
            lent.close()
    report = _last_line(run.stdout)
    if report is None and run.returncode > 0:
        raise _broken("convert", run.stderr)
    if report is None:
        word = (
            "it ran out of its memory or time"
            if run.returncode in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGXFSZ)
            else (f"the process that read it died ({signal.Signals(-run.returncode).name})")
        )
        raise PriorRefused(f"{name}: {word}; it is no weights file of a StyleGAN2, or a damaged one", param=name)
    if "refused" in report:
        raise PriorRefused(f"{name} cannot be imported: {report['refused']}", param=name)
    return report


def verify(generator: Path, probe: list[float]) -> dict[str, Any]:
    """Loads and draws. Raises PriorUnavailable, QueueUnavailable."""
    return _run("verify", ["--generator", str(generator), "--probe", json.dumps(probe)])


def export(generator: Path, layout: str, out: Path, licence: str) -> dict[str, Any]:
    """Writes `out`, and reads it back. Raises PriorUnavailable, StorageError, QueueUnavailable."""
    return _run("export", ["--generator", str(generator), "--layout", layout, "--out", str(out), "--licence", licence])


def _run(program: str, arguments: list[str]) -> dict[str, Any]:
    run = subprocess.run(_command(program, arguments), stdin=subprocess.DEVNULL, capture_output=True)
    report = _last_line(run.stdout)
    if report is not None:
        return report
    last = _last_text(run.stderr)
    if "No space left" in last or "Permission denied" in last:
        raise StorageError(f"{program}: {last}; choose another place", param=program)
    if "PriorUnavailable" in last or "ValueError" in last:
        raise PriorUnavailable(last.partition(": ")[2] or last)
    raise _broken(program, run.stderr)


def _command(program: str, arguments: list[str]) -> list[str]:
    for package in ("portraitist_workers", "torch", "safetensors"):
        if importlib.util.find_spec(package) is None:
            raise QueueUnavailable(
                f"this needs the worker's packages ({package} is missing); run `pip install 'portraitist[worker]'`"
            )
    return [sys.executable, "-P", "-m", f"portraitist_workers.priors.{program}", *arguments]


def _broken(program: str, stderr: bytes) -> QueueUnavailable:
    return QueueUnavailable(
        f"the worker's program `{program}` does not run here: {_last_text(stderr)}; run `portraitist doctor`"
    )


def _last_text(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it ended without a message"


def _last_line(stdout: bytes) -> dict[str, Any] | None:
    lines = stdout.strip().splitlines()
    try:
        found = json.loads(lines[-1][:100_000]) if lines else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
