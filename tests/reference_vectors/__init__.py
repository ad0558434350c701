"""What the reference implementations gave for small networks (README.md), and those networks' weights, drawn again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent
EVERY = 3  # pixel of a picture is kept where not all are. It is odd: each step of an enlargement by two is seen


def thinned(picture: Any) -> Any:
    """The pixels that are kept of a picture or map [..., H, W]."""
    return picture[..., ::EVERY, ::EVERY]


def drawn(seed: int, rows: list) -> dict[str, torch.Tensor]:
    """The weights that (name, shape, divisor, middle) rows draw from a seed, in their order."""
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=rng) / divisor + middle for name, shape, divisor, middle in rows}


def load(name: str) -> dict[str, np.ndarray]:
    """Everything in NAME.npz."""
    with np.load(HERE / f"{name}.npz") as file:
        return dict(file)


def weights(vectors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Those that the file's `recipe` draws."""
    recipe = json.loads(str(vectors["recipe"]))
    return drawn(recipe["seed"], recipe["drawn"])


def write(folder: Path) -> None:
    """The files nvidia_ada_64.pkl, whose G_ema alone is whole, and rosinality_64.pt."""
    vectors = load("nvidia_ada_64")
    data = bytearray(vectors["hollow"].tobytes())
    for gap, weight in zip(vectors["gaps"], weights(vectors).values(), strict=True):
        numbers = weight.numpy().tobytes()
        data[gap : gap + len(numbers)] = numbers
    (folder / "nvidia_ada_64.pkl").write_bytes(data)

    vectors = load("rosinality_64")
    large = weights(vectors)
    small = {
        name.removeprefix("state/"): torch.from_numpy(array) for name, array in vectors.items() if "state/" in name
    }
    state = {key: (large | small)[key] for key in vectors["keys"].tolist()}
    torch.save({"g_ema": state, "latent_avg": torch.from_numpy(vectors["latent_avg"][0])}, folder / "rosinality_64.pt")
