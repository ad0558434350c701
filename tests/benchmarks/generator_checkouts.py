"""Two checkouts of the project make the same pictures in turn: is the newer one as fast, and are its pictures the same to the bit?

Each run is a process of its own, so that either checkout imports its own packages. Called by `bench_generator --against FOLDER`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
ROUNDS = 5

# Prints the processor's seconds of the quickest of seven passes, and the SHA-256 of the pictures.
PROGRAM = """
import hashlib, sys, time, torch
from portraitist_workers.priors import library
torch.set_num_threads(1)
generator = library.load(sys.argv[1]).generator.requires_grad_(False)
w = torch.randn(int(sys.argv[2]), generator.config.w_dim, generator=torch.Generator().manual_seed(0))
times = []
with torch.no_grad():
    for _ in range(8):
        began = time.process_time()
        images = generator.synthesis(w, dtype=getattr(torch, sys.argv[3]))
        times.append(time.process_time() - began)
print(min(times[1:]), hashlib.sha256(images.float().numpy().tobytes()).hexdigest())
"""

HEADER = ("prior", "number format", "the other checkout, ms", "this one, ms", "ratio (1: as fast)", "pictures")


def rows(other: Path) -> Iterator[tuple[str, ...]]:
    """Milliseconds per picture, medians of `ROUNDS` runs of each, in turn."""
    for prior, batch in (("default", 8), ("default-256", 4)):
        for dtype in ("float32", "bfloat16"):
            runs = [[_run(folder, prior, batch, dtype) for folder in (other, HERE)] for _ in range(ROUNDS)]
            before, now = (1000 / batch * statistics.median(run[side][0] for run in runs) for side in (0, 1))
            same = {run[side][1] for run in runs for side in (0, 1)}
            yield (
                f"`{prior}`",
                {"float32": "fp32", "bfloat16": "bf16"}[dtype],
                f"{before:.1f}",
                f"{now:.1f}",
                f"{before / now:.2f}",
                "equal to the bit" if len(same) == 1 else "**differ**",
            )


def _run(checkout: Path, prior: str, batch: int, dtype: str) -> tuple[float, str]:
    path = os.pathsep.join(str(checkout / part) for part in ("sdk", "workers"))
    command = [sys.executable, "-c", PROGRAM, prior, str(batch), dtype]
    told = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True, text=True)
    seconds, digest = told.stdout.split()
    return float(seconds), digest
