"""Where the demonstration takes its photos from, where it works, and on what machine."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from portraitist.errors import InvalidRequest, StorageError

MARK = ".portraitist-demo"  # lies in folders that a demo made; no other folder is ever removed
ABOUT = (
    "The example photos are renders that mix several people of the Face Research Lab London Set, none of them by more than 70 %; hair "
    "and features of single participants may be recognisable. None of the mixed people was used to train the prior."
)


def find_examples(folder: Path | None) -> Path:
    """The examples folder: the one given, that of the current folder, or the source tree's. Raises InvalidRequest."""
    tried = [folder] if folder is not None else [Path("examples"), Path(__file__).parents[3] / "examples"]
    for place in tried:
        if (place / "photos").is_dir():
            return place.resolve()
    raise InvalidRequest(
        f"no example photos in {' or '.join(str(p) for p in tried)}; run the demo in a checkout of the project, or give --examples",
        param="--examples",
    )


def renew(folder: Path) -> Path:
    """An empty `folder`. What an earlier demo left there is removed, anything else refused (InvalidRequest)."""
    folder = folder.expanduser().resolve()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not (folder / MARK).exists():
                raise InvalidRequest(
                    f"{folder} exists and no demo made it; move it away or choose another with --out", param="--out"
                )
            stop_worker(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("This folder belongs to `portraitist demo`, which removes it when it runs again.\n")
    except OSError as error:
        raise StorageError(
            f"cannot make {folder} anew: {error.strerror}; choose another with --out", param="--out"
        ) from error
    return folder


def home_of(folder: Path) -> Path:
    """The demo's own state; the user's is not touched."""
    return folder / "state"


def stop_worker(folder: Path) -> None:
    """End the worker that a demo in `folder` left running, if any."""
    from portraitist.backend import embedded

    if home_of(folder).is_dir():
        embedded(home_of(folder)).transport.stop()  # type: ignore[attr-defined]  # an embedded one has it


def machine() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    import torch

    device = f"{torch.cuda.get_device_name(0)}, " if torch.cuda.is_available() else ""
    return {
        "processor": f"{device}{cores} processor core{'s' if cores != 1 else ''} ({platform.machine()})",
        "system": platform.system(),
    }
