"""How far an expression zooms the crop: alignment looks at the mouth's corners, so an open mouth makes the whole head smaller.

The label `zoom` says it. Without it every outline would have to be the mean of many.
"""

from __future__ import annotations

import numpy as np

from ...engine.canvas import Canvas
from ...engine.compose import Engine
from ...engine.labels import Labels, label_fields
from ...engine.view import crop_square, head_rotation, project


class Zooms:
    """labels [N, L] -> log of the crop's side over that of the same people with a resting mouth, float32 [N]."""

    def __init__(self, canvas: Canvas) -> None:
        self.mixer = Engine(canvas, 64).mixer
        self.people = len(canvas.ids)
        self.fields = label_fields(self.people)

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        return np.array([self._zoom(row) for row in labels], np.float32)

    def _zoom(self, row: np.ndarray) -> float:
        value = {name: row[at] for name, at in self.fields.items()}
        if not any(value[name][0] for name in ("smile", "jaw", "pucker")):
            return 0.0
        chosen = np.flatnonzero(value["id_w"])
        drawn = Labels(
            seed=0,
            people=tuple(int(i) % self.people for i in chosen),
            flips=tuple(bool(i >= self.people) for i in chosen),
            weights=tuple(float(w) for w in value["id_w"][chosen]),
            donor=0,
            shape=tuple(float(x) for x in value["shape"]),
            smile=float(value["smile"][0]),
            jaw=float(value["jaw"][0]),
            pucker=float(value["pucker"][0]),
            brow=float(value["brow"][0]),
        )
        rotation = head_rotation(*(float(value[name][0]) for name in ("yaw", "pitch", "roll")))
        sides = [
            crop_square(project(points, rotation, float(np.exp(value["log_distance"][0])))[0])[1]
            for points in self.mixer.frame_points(drawn)
        ]
        return float(np.log(sides[1] / sides[0]))
