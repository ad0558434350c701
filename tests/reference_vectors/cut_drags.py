"""Cuts DragGAN's reference runs down to what the tests need: python -m tests.reference_vectors.cut_drags FOLDER

FOLDER holds draggan_official.npz: runs of the released renderer on the bundled priors. Of each kept case (one point, a mask, five
points) the first ten steps are kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import HERE

KEPT = {"default": (0, 3, 4, 8), "default-256": (2, 6, 9)}
RATE, STEPS = "1e-2", 10


def main(folder: Path) -> None:
    whole, kept = np.load(folder / "draggan_official.npz"), {}
    kept["about"] = whole["about"]
    for prior, seeds in KEPT.items():
        for seed in seeds:
            kept[f"{prior}/{seed}/w0"] = whole[f"{prior}/w0"][seed]
            for name in ("handles", "targets", "gradient_step1"):
                kept[f"{prior}/{seed}/{name}"] = whole[f"{prior}/{name}/{seed}"]
            if f"{prior}/fixed/{seed}" in whole:
                kept[f"{prior}/{seed}/fixed"] = whole[f"{prior}/fixed/{seed}"]
            kept[f"{prior}/{seed}/points"] = whole[f"{prior}/{RATE}/points/{seed}"][:STEPS]
            kept[f"{prior}/{seed}/w_after"] = whole[f"{prior}/{RATE}/w_after_{STEPS}/{seed}"]
    np.savez_compressed(HERE / "draggan.npz", **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
