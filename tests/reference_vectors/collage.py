"""Cuts the vectors of StyleGAN of All Trades down to what the tests need: python -m tests.reference_vectors.collage FOLDER

FOLDER holds soat_official.npz. Of every picture each 16th pixel is kept, of the styles only those that are used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import HERE

PICTURES = [
    "plain/0",
    "blend/horizontal/0_1",
    "blend/vertical/0_1",
    "merge/0_1",
    "span/0_1",
    "panorama/90",
    *(f"singan/{mode}/0" for mode in ("reflect", "replicate", "circular", "horizontal", "vertical")),
    *(f"bbox/{part}/{kind}/0_1" for part in ("mouth", "eyes") for kind in ("face", "church")),
    "patch_swap/0_1",
]
EVERY = 2  # of what the file holds, which is each 8th pixel


def main(folder: Path) -> None:
    whole = np.load(folder / "soat_official.npz")
    kept = {name: whole[f"{name}/float32_every_8th"][:, ::EVERY, ::EVERY] for name in PICTURES}
    arrays = ["style/0", "style/1", "panorama/90/styles", "bbox/boxes_xywh_mouth_eyes"]
    kept |= {name: whole[name] for name in [*arrays, "patch_swap/0_1/boxes_xywh_target_source"]}
    np.savez_compressed(HERE / "soat_256.npz", **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
