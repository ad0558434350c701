"""Cuts DragGAN's reference runs down to what the tests need: python -m tests.reference_vectors.cut_drags FOLDER

FOLDER holds draggan_official.npz: runs of the released renderer on the bundled priors, ten cases each. Of seven (one point, a mask, five
points) the first ten steps are kept. Of all, for the benchmark, what was asked and where the detector found the nose in the end.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import HERE

KEPT = {"default": (0, 3, 4, 8), "default-256": (2, 6, 9)}
RATE, STEPS = "1e-2", 10
RATES = ("1e-3", "2e-3", "1e-2")


def main(folder: Path) -> None:
    whole, kept = np.load(folder / "draggan_official.npz"), {}
    kept["about"] = whole["about"]
    for prior, seeds in KEPT.items():
        kept[f"{prior}/w0"] = whole[f"{prior}/w0"]
        for seed in range(10):
            for name in ("handles", "targets", "fixed"):
                if f"{prior}/{name}/{seed}" in whole:
                    kept[f"{prior}/{seed}/{name}"] = whole[f"{prior}/{name}/{seed}"]
            for rate in RATES:
                kept[f"{prior}/{seed}/nose/{rate}"] = whole[f"{prior}/{rate}/detector_last/{seed}"][2]
                kept[f"{prior}/{seed}/steps/{rate}"] = np.array(len(whole[f"{prior}/{rate}/points/{seed}"]))
        for seed in seeds:
            kept[f"{prior}/{seed}/gradient_step1"] = whole[f"{prior}/gradient_step1/{seed}"]
            kept[f"{prior}/{seed}/points"] = whole[f"{prior}/{RATE}/points/{seed}"][:STEPS]
            kept[f"{prior}/{seed}/w_after"] = whole[f"{prior}/{RATE}/w_after_{STEPS}/{seed}"]
    np.savez_compressed(HERE / "draggan.npz", **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
