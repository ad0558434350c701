"""Cuts the reference vectors down to what the tests need: python -m tests.reference_vectors.cut FOLDER

FOLDER holds nvidia_ada_64.pkl, nvidia_ada_64.npz, rosinality_64.pt, rosinality_64.npz and ssg_network.npz, as the README describes. Their
weights were drawn from a seed, in the order in which the reference code makes them; so they are left out. Of the first two networks
small ones are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from portraitist_workers.generator.formats import nvidia, storages
from portraitist_workers.generator.formats.unpickle import unpickle

from . import HERE, drawn, semantic, thinned

PICTURES = 2  # of three


def nvidia_order():
    """(name, divisor): every weight of a generator of 64 px that NVIDIA's code draws."""
    yield "synthesis.b4.const", 1
    for size in (4, 8, 16, 32, 64):
        block = f"synthesis.b{size}"
        for layer in ("conv1",) if size == 4 else ("conv0", "conv1"):
            yield from ((f"{block}.{layer}.{part}", 1) for part in ("affine.weight", "weight", "noise_const"))
        yield from ((f"{block}.torgb.{part}", 1) for part in ("affine.weight", "weight"))
    yield from ((f"mapping.fc{n}.weight", 0.01) for n in range(2))


def rosinality_order():
    """The same for rosinality's code."""
    yield from ((f"style.{n}.weight", 0.01) for n in (1, 2, 3))
    yield "input.input", 1
    parts = ("conv.weight", "conv.modulation.weight")
    yield from ((f"{layer}.{part}", 1) for layer in ("conv1", "to_rgb1") for part in parts)
    yield from ((f"noises.noise_{n}", 1) for n in range(9))
    for n in range(4):
        layers = (f"convs.{2 * n}", f"convs.{2 * n + 1}", f"to_rgbs.{n}")
        yield from ((f"{layer}.{part}", 1) for layer in layers for part in parts)


def save(name: str, seed: int, order, tensors, outputs, **rest) -> None:
    """Write NAME.npz. Raises ValueError where a weight is not what the seed gives."""
    rows = [[key, list(tensors[key].shape), divisor, 0] for key, divisor in order]
    for key, weight in drawn(seed, rows).items():
        if not torch.equal(weight, tensors[key]):
            raise ValueError(f"{key} was not drawn from seed {seed} in this order")
    kept = {k: v[:PICTURES] for k, v in outputs.items() if k != "d"}  # d: of a discriminator, which is left out
    kept = {k: thinned(v) if k.startswith("img_") else v for k, v in kept.items()}
    np.savez_compressed(HERE / f"{name}.npz", recipe=json.dumps({"seed": seed, "drawn": rows}), **kept, **rest)


def main(folder: Path) -> None:
    data = (folder / "nvidia_ada_64.pkl").read_bytes()
    with open(folder / "nvidia_ada_64.pkl", "rb") as file:
        modules = {key: nvidia.module(record) for key, record in unpickle(file).items() if nvidia.is_module(record)}
    networks = {k: {n: storages.tensor(t) for n, t in m.tensors().items()} for k, m in modules.items()}
    ours, order = networks["G_ema"], list(nvidia_order())
    hollow, gaps = bytearray(data), []
    for key, _ in order:
        numbers = ours[key].numpy().tobytes()
        gaps.append(data.rindex(numbers))  # the first is in G, which has the same weights and stays hollow
    unused = [t for t in networks["D"].values() if t.numel() > 16]  # the small ones are filters, which G_ema has, too
    for weight in (*(ours[key] for key, _ in order), *unused):
        numbers = weight.numpy().tobytes()
        hollow[:] = bytes(hollow).replace(numbers, bytes(len(numbers)))
    outputs = np.load(folder / "nvidia_ada_64.npz")
    save("nvidia_ada_64", 0, order, ours, outputs, hollow=np.frombuffer(hollow, np.uint8), gaps=np.array(gaps))

    state = torch.load(folder / "rosinality_64.pt", weights_only=True)["g_ema"]
    order = list(rosinality_order())
    rest = {f"state/{key}": t.numpy() for key, t in state.items() if key not in dict(order)}
    save("rosinality_64", 1, order, state, np.load(folder / "rosinality_64.npz"), keys=np.array(list(state)), **rest)

    with np.load(folder / "ssg_network.npz") as vectors:
        np.savez_compressed(HERE / "semantic_stylegan_64.npz", **semantic.cut(vectors))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
