"""Calibrates the face mesh on the engine's exact labels: where points lie -> degrees and shares (faces/geometry.py).

    python -m portraitist_workers.priors.training.geometry_training --pool DIR [--held-out DIR] [--count 6000]

Ridge regressions, solved at once. What a regression shrinks towards the mean is stretched again, so that ten degrees read as ten on
average, at the price of a little more scatter.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...faces.attributes import load_attribute_network
from ...faces.geometry import EXPRESSION, POSE, GeometryNetwork, bounded, measures
from ...faces.mesh import load_mesh
from ...faces.networks import save_network
from ...faces.world import FOLDER
from .attribute_training import TARGETS, WITHIN, batch
from .distortions import photo_like
from .pool import Pool

NAMES = POSE + EXPRESSION
_RIDGE = dict.fromkeys(POSE, 0.001) | {"smile": 1e-3, "mouth_open": 1e-3, "eyes_open": 1e-3}
# Share of the attribute network's reading; by squares on people that it did not learn from.
SHARE = {"yaw": 0.65, "pitch": 0.65, "roll": 0.7, "smile": 0.7, "mouth_open": 0.6, "eyes_open": 0.85}
# So many usual distances (68 % of those on renders) may the two lie apart. On photographs the network makes 0.65 of a yaw, 0.58 of a pitch,
# and of open mouths nothing that is right; of smiles and eyes it is right there, too (0: always joined).
AGREE = {"yaw": 4.0, "pitch": 2.5, "roll": 4.0, "smile": 0.0, "mouth_open": 4.0, "eyes_open": 0.0}
STRANGERS = 1.15  # errors on people that nothing learnt from, against those on the pool's
_FRONTAL = (3.0, 4.0, 0.3, 0.1)  # of |yaw|, |pitch|, smile and mouth_open at most, in faces that make the mean face


@torch.no_grad()
def seen(pool: Pool, count: int, seed: int, *, damaged: float) -> dict[str, Tensor]:
    """`count` renders: mesh points [N, 478, 3], what the attribute network says and how sure it is [N, 6], and the truth [N, 6].
    The share `damaged` of them looks as cameras deliver it."""
    rng = np.random.default_rng(seed)
    mesh, network = load_mesh(), load_attribute_network()
    order = [network.names.index(name) for name in NAMES]
    found: dict[str, list[Tensor]] = {"points": [], "read": [], "deviation": [], "truth": []}
    for _ in range(0, count, 50):
        images, truth = batch(pool, 50, rng)
        ordinary = photo_like(images, rng, smaller=3.0, often=0.5)
        images = torch.where(torch.from_numpy(rng.random(50) < damaged)[:, None, None, None], ordinary, images)
        read, deviation = network(images)
        for key, value in zip(
            found,
            (
                mesh(images).points,
                read[:, order],
                deviation[:, order],
                truth[:, [list(TARGETS).index(name) for name in NAMES]],
            ),
            strict=True,
        ):
            found[key].append(value)
    return {key: torch.cat(parts) for key, parts in found.items()}


def fit(points: Tensor, truth: Tensor) -> GeometryNetwork:
    """points [N, 478, 3], truth [N, 6] in the order of NAMES."""
    network = GeometryNetwork()
    centred = points - points.mean(1, keepdim=True)
    unit = centred / centred.square().sum(2).mean(1).sqrt()[:, None, None]
    yaw, pitch, smile, mouth = (truth[:, NAMES.index(n)] for n in ("yaw", "pitch", "smile", "mouth_open"))
    frontal = (yaw.abs() < _FRONTAL[0]) & (pitch.abs() < _FRONTAL[1]) & (smile < _FRONTAL[2]) & (mouth < _FRONTAL[3])
    network.face.copy_(unit[frontal].mean(0))
    straight, angles = network.straightened(points)
    flat = straight.flatten(1)
    network.shape_mean.copy_(flat.mean(0))
    _, _, basis = torch.linalg.svd((flat - flat.mean(0))[:4000], full_matrices=False)
    basis = basis[: network.SHAPES]
    network.shape_basis.copy_(basis / ((flat - flat.mean(0)) @ basis.T).std(0)[:, None])
    lengths = measures(straight)
    network.measure_mean.copy_(lengths.mean(0))
    network.measure_spread.copy_(lengths.std(0))
    for name in NAMES:
        features = (
            network.pose_features(straight, angles)
            if name in POSE
            else network.expression_features(straight, angles, name)
        )
        weights = _ridge(features, truth[:, NAMES.index(name)], _RIDGE[name])
        if name in POSE:
            network.pose[:, POSE.index(name)] = weights
        else:
            getattr(network, name).copy_(weights)
    return network


def _ridge(features: Tensor, truth: Tensor, ridge: float) -> Tensor:
    X, y = features.double(), truth.double()
    gram = X.T @ X + len(X) * ridge * torch.eye(X.shape[1], dtype=X.dtype)
    weights = torch.linalg.solve(gram, X.T @ y)
    estimate = X @ weights
    slope = ((estimate - estimate.mean()) * (y - y.mean())).sum() / (y - y.mean()).square().sum()
    weights = weights / slope
    weights[0] += y.mean() - estimate.mean() / slope
    return weights.float()


def fit_joining(network: GeometryNetwork, data: dict[str, Tensor]) -> None:
    """How far the two readings may lie apart, and how large an error is to be expected."""
    own = bounded(network(data["points"]))
    apart = (own - bounded(data["read"])).abs().quantile(WITHIN, 0)
    network.share.copy_(torch.tensor([SHARE[name] for name in NAMES]))
    network.agree.copy_(apart * torch.tensor([AGREE[name] for name in NAMES]))
    network.deviation.copy_(
        (own - data["truth"]).abs().quantile(WITHIN, 0).clamp(min=0.02)
    )  # most are exact at the ends of [0, 1]
    value, deviation = network.joined(data["points"], data["read"], data["deviation"])
    network.doubt.copy_(((bounded(value) - data["truth"]).abs() / deviation).quantile(WITHIN, 0) * STRANGERS)


def figures(network: GeometryNetwork, data: dict[str, Tensor]) -> dict[str, dict[str, dict[str, float]]]:
    """Per reading (geometry alone, network alone, both joined) and attribute: |error|, Pearson's r, slope; joined, also how many errors
    are within the predicted deviation."""
    truth = data["truth"]
    joined, deviation = network.joined(data["points"], data["read"], data["deviation"])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for label, value in (
        ("geometry", bounded(network(data["points"]))),
        ("network", bounded(data["read"])),
        ("joined", bounded(joined)),
    ):
        error = (value - truth).abs()
        rows: dict[str, Any] = {
            "median_error": error.median(0).values,
            "mean_error": error.mean(0),
            "r": [np.corrcoef(value[:, i], truth[:, i])[0, 1] for i in range(len(NAMES))],
            "slope": [np.polyfit(truth[:, i], value[:, i], 1)[0] for i in range(len(NAMES))],
        }
        if label == "joined":
            rows["within_68"] = (error < deviation).float().mean(0)
        found[label] = {
            key: {name: round(float(v), 4) for name, v in zip(NAMES, values, strict=True)}
            for key, values in rows.items()
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="renders of training people (engine pool)")
    parser.add_argument("--held-out", type=Path, help="renders of held-out people, for the measured figures")
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--save-to", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = seen(Pool(options.pool), options.count, 0, damaged=0.5)
    network = fit(data["points"], data["truth"])
    fit_joining(network, data)
    measured: dict[str, Any] = {**figures(network, data), "on": "training people"}
    if options.held_out:
        unseen = Pool(options.held_out)
        measured = figures(network, seen(unseen, 1000, 1, damaged=0.0)) | {
            "as photographed": figures(network, seen(unseen, 500, 2, damaged=1.0)),
            "on": "held-out people",
        }
    print(json.dumps(measured, indent=1), flush=True)
    save_network(options.save_to / "geometry.safetensors", "geometry", network, {}, measured)


if __name__ == "__main__":
    main()
