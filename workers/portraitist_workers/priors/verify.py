"""Loads a prior and draws with it, and prints what came out as JSON.

python -m portraitist_workers.priors.verify --generator FILE [--probe JSON]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ..generator.formats import native
from .probe import probe, same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--probe", type=json.loads, default=[], help="the numbers that were recorded when it was added")
    options = parser.parse_args()
    generator, _ = native.load(options.generator)
    found = probe(generator)
    with torch.no_grad():
        image = generator(torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(0)))
    print(
        json.dumps(
            {
                "probe": not options.probe or same(found, options.probe),
                "finite": bool(image.isfinite().all()),
                "spread": round(float(image.std()), 4),
                "resolution": image.shape[-1],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
