"""The latent transformer computes what the published one does, with the published weights' names brought over here."""

import json

import numpy as np
import pytest
import reference_vectors
import torch

from portraitist_workers.drag.transformer import LatentTransformer, Sizes

NAMES = {"layer1": "motion", "layer2": "features", "layer3": "points", "layer4": "rows", "mlp_head.0": "change"}
ENCODER, DECODER = ("attention", "mlp"), ("attention", "cross", "mlp")


def brought_over(published: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for name, value in published.items():
        if name == "transformer_decoder.pos_embedding":
            found["position"] = value
            continue
        stem, _, kind = name.rpartition(".")
        if stem in NAMES:
            found[f"{NAMES[stem]}.{kind}"] = value
            continue
        side, _, layer, part, *rest = name.split(".")
        side, parts = ("encoder", ENCODER) if side.endswith("encoder") else ("decoder", DECODER)
        base, rest = f"{side}.{layer}.{parts[int(part)]}", [r for r in rest if r != "fn"]
        if rest[0] == "to_qkv":
            for one, piece in zip("qkv", value.chunk(3), strict=True):
                found[f"{base}.{one}.{kind}"] = piece
            continue
        own = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out": "out", "norm": "norm"}.get(rest[0])
        own = own or {"0": "inner", "3": "out"}[rest[1]]
        found[f"{base}.{own}.{kind}"] = value
    return found


def inputs(seed, batch, tokens, sizes):
    rng = np.random.RandomState(seed)
    shapes = (batch, sizes.rows, sizes.w_dim), (batch, tokens, 3), (batch, tokens, sizes.feature_dim)
    return [torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in shapes]


def drawn(tensors):
    """Weights by the rule of the vectors: RandomState(1000 + i), scaled by kind."""
    made = {}
    for index, name, shape, kind in tensors:
        n = np.random.RandomState(1000 + index).standard_normal(shape)
        scaled = {"matrix": n / np.sqrt(shape[-1]), "bias": 0.1 * n, "norm": 1 + 0.1 * n, "position": n}[kind]
        made[name] = torch.from_numpy(scaled.astype(np.float32))
    return made


@pytest.fixture(scope="module")
def vectors():
    return reference_vectors.load("latent_transformer")


def test_the_published_network(vectors):
    network = LatentTransformer(Sizes(w_dim=512, feature_dim=512))
    assert sum(p.numel() for p in network.parameters()) == int(vectors["full/parameters"]) == 26_141_440
    network.load_state_dict(brought_over(drawn(json.loads(str(vectors["full/tensors"])))))
    with torch.no_grad():
        for case in ("0", "1"):
            call = json.loads(str(vectors[f"full/{case}/call"]))
            given = inputs(call["inputs_seed"], call["batch"], call["tokens"], network.sizes)
            out = network(*given, call["alpha"])
            assert (out - torch.from_numpy(vectors[f"full/{case}/out"])).abs().max() < 2e-5
            assert (out - given[0]).abs().max() > 0.1
