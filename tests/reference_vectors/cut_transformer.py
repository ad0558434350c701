"""Cuts the latent transformer's reference outputs down to what the tests need: python -m tests.reference_vectors.cut_transformer FOLDER

FOLDER holds uclt_network.npz. The network's weights follow from a rule and are not stored.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import HERE

KEPT = ("full/0/", "full/1/call", "full/1/out", "full/parameters", "full/tensors", "about")


def main(folder: Path) -> None:
    whole = np.load(folder / "uclt_network.npz")
    kept = {name: whole[name] for name in whole.files if name.startswith(KEPT)}
    np.savez_compressed(HERE / "latent_transformer.npz", **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
