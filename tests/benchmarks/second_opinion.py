"""Pose and smile read from five facial points: a judge that has nothing in common with the attribute network.

The control loop corrects its pictures with the attribute network and is then judged by it. This judge sees only where MTCNN's
last network puts eyes, nose and mouth corners; a ridge regression, fitted to the exact labels of the *other* test people,
turns that into degrees. It is cruder, so its own error (on the person's real photos) stands beside every figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from portraitist_workers.faces.align import ffhq_frame
from portraitist_workers.faces.detect import _refine
from portraitist_workers.faces.image_io import to_uint8

from .people import Aligned

NAMES = ("yaw", "pitch", "smile")
_BOX = (0.24, 0.19, 0.76, 0.89)  # where MTCNN's box lies in the FFHQ frame, shares of the side
_RIDGE = 0.3


def points(images: Tensor) -> np.ndarray:
    """[B, 3, R, R] aligned faces -> [B, 10] the points in the FFHQ frame that they themselves define, as shares of its side.

    Aligned anew, so that a picture which shows the face a little shifted or tilted is not taken for another pose.
    """
    R = images.shape[-1]
    rows = []
    for picture in to_uint8(images):
        found = _refine(picture, np.array(_BOX) * R)
        rows.append((np.column_stack([found, np.ones(5)]) @ ffhq_frame(found).to_crop(1).T).ravel())
    return np.stack(rows)


@dataclass
class SecondOpinion:
    """`errors[name]`: |estimate - label| on the photos of the person it was not fitted to."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray  # [1 + F, 3]
    errors: dict[str, list[float]]

    def __call__(self, images: Tensor) -> np.ndarray:
        """[B, 3]: yaw, pitch (degrees), smile."""
        return self._estimate(points(images))

    def _estimate(self, found: np.ndarray) -> np.ndarray:
        return _features((found - self.mean) / self.scale) @ self.weights


def fit(measured: dict[str, tuple[np.ndarray, np.ndarray]], person: str) -> SecondOpinion:
    """`measured[p]`: (points [N, 10], labels [N, 3]) of each test person; fitted to all but `person`."""
    found = np.concatenate([x for p, (x, _) in measured.items() if p != person])
    labels = np.concatenate([y for p, (_, y) in measured.items() if p != person])
    mean, scale = found.mean(0), found.std(0) + 1e-6
    X = _features((found - mean) / scale)
    spread = labels.std(0)
    ridge = _RIDGE * np.eye(X.shape[1])
    ridge[0, 0] = 0
    weights = np.linalg.solve(X.T @ X + ridge, X.T @ (labels / spread)) * spread
    opinion = SecondOpinion(mean, scale, weights, {})
    own, truth = measured[person]
    wrong = np.abs(opinion._estimate(own) - truth)
    opinion.errors = {n: wrong[:, i].tolist() for i, n in enumerate(NAMES)}
    return opinion


def measure(aligned: list[Aligned]) -> tuple[np.ndarray, np.ndarray]:
    """What `fit` needs of one person."""
    found = np.concatenate([points(a.pixels) for a in aligned])
    return found, np.array([[a.labels[n] for n in NAMES] for a in aligned])


def _features(z: np.ndarray) -> np.ndarray:
    """[N, 10] -> [N, 11]: with a constant."""
    return np.concatenate([np.ones((len(z), 1)), z], 1)
