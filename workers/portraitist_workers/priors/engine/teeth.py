"""Draws the made-up teeth that a mouth gets whose person shows none in any photo (`detail/made_up.py`).

    python -m portraitist_workers.priors.engine.teeth --data DIR [--out FILE]

`--data` holds `ict/ict_facekit_light.npz` (ICT-FaceKit, MIT): teeth, gums and the inside of the mouth are parts of its mesh. The whole
face is drawn in plain colours, for the face mesh to find its points. What is kept is the mouth without lips and skin before it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numba import njit
from scipy.spatial.transform import Rotation

from ...detail.made_up import DRAWN, FILE, write
from ...detail.mesh import Seen, seen
from .ict import DISTANCE, FaceModel

OVER = 2  # samples per px along each axis
YAWS = 0.0, 10.0, 20.0, 30.0  # degrees; the other side is the mirror image
_MOVED = (
    ("jawOpen",),
    ("mouthSmile_L", "mouthSmile_R"),
    ("mouthUpperUp_L", "mouthUpperUp_R"),
    ("mouthLowerDown_L", "mouthLowerDown_R"),
)
# How far the jaw opens, smile, upper and lower lips are drawn: from a smile whose teeth meet to a laugh, and from "eh" to "ah".
SHAPES = (
    (0.02, 0.9, 0.2, 0.2),
    (0.06, 0.9, 0.3, 0.3),
    (0.12, 0.8, 0.4, 0.3),
    (0.25, 0.7, 0.4, 0.3),
    (0.45, 0.6, 0.4, 0.3),
    (0.12, 0.1, 0.1, 0.2),
    (0.25, 0.1, 0.2, 0.2),
    (0.45, 0.0, 0.1, 0.0),
    (0.8, 0.0, 0.0, 0.0),
)
_MIDDLE, _HALF = 2.75, 12.6  # of the model's face: where the FFHQ frame lies, in its units
_FRONT, _DEEP = 10.7, 2.5  # z of the front teeth, and over how much of it light is lost behind them
_LIGHT, _AMBIENT, _SHINE = (0.25, 0.45, 1.0), 0.3, 45.0
_INNER = "teeth", "gums_tongue", "mouth_socket"
_NOTHING = 30, 12, 12  # grey levels beyond what is drawn: as deep in a mouth
_GAP, _CLOSED = 9, 0.7  # samples: black gaps between the model's teeth are narrower; how far they are closed
_PLAIN = {
    "teeth": (232, 222, 205),
    "gums_tongue": (176, 92, 88),
    "mouth_socket": (96, 42, 40),
    "face": (200, 150, 130),
    "head_neck": (200, 150, 130),
    "eye_socket_l": (120, 70, 60),
    "eye_socket_r": (120, 70, 60),
    "eye_l": (225, 222, 218),
    "eye_r": (225, 222, 218),
}
_LIP, _IRIS, _BROW = (165, 85, 80), (70, 45, 30), (70, 50, 40)  # without them the face mesh does not find its points


def build(data: str | Path) -> list[Seen]:
    """All mouths, as whole faces [DRAWN, DRAWN, 3] with their points, with mirror images of those that are turned."""
    model = FaceModel(Path(data) / "ict" / "ict_facekit_light.npz")
    colours, heads = _colours(model), [(yaw, shape) for yaw in YAWS for shape in SHAPES]

    def drawn(parts: Sequence[str]) -> list[np.ndarray]:
        pictures = [_drawn(model, colours, dict(zip(_MOVED, shape, strict=True)), yaw, parts) for yaw, shape in heads]
        return pictures + [picture[:, ::-1].copy() for picture in pictures[len(SHAPES) :]]

    faces, mouths = seen(drawn(model.part_names)), drawn(_INNER)
    return [Seen(mouth, face.points) for mouth, face in zip(mouths, faces, strict=True)]


def _drawn(
    model: FaceModel, colours: np.ndarray, moved: Mapping[tuple[str, ...], float], yaw: float, parts: Sequence[str]
) -> np.ndarray:
    """[DRAWN, DRAWN, 3] uint8: only those `parts` of the model."""
    head = model.vertices.astype(np.float64)
    for names, weight in moved.items():
        for name in names:
            head = head + weight * model.expression[model.names.index(name)]
    rotation = Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    turned, normals = head @ rotation.T, _normals(head, model.triangles) @ rotation.T
    side = DRAWN * OVER
    nearness = (DISTANCE - _FRONT) / (DISTANCE - turned[:, 2]) * side / (2 * _HALF)
    x, y = turned[:, 0] * nearness + side / 2, side / 2 - (turned[:, 1] - _MIDDLE) * nearness
    shown = np.isin(model.part, [model.part_names.index(name) for name in parts])
    triangles = model.triangles[shown[model.triangles[:, 0]]]
    which, weights = _rasterised(x, y, turned[:, 2], triangles, side)
    corners = triangles[which.clip(0)]

    def at(values: np.ndarray) -> np.ndarray:
        return (values[corners] * weights[..., None]).sum(2)

    normal, colour, depth = at(normals), at(colours), at(head)[..., 2]
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9
    part = model.part[corners[..., 0]]
    inside = np.isin(part, [model.part_names.index(name) for name in _INNER])
    reached = np.where(inside, np.exp(-(_FRONT - depth).clip(0) / _DEEP), 1.0)
    light = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    half = light + np.array([0.0, 0.0, 1.0])
    shine = (normal @ (half / np.linalg.norm(half))).clip(0) ** 60 * (part == model.part_names.index("teeth"))
    shade = (_AMBIENT + (1 - _AMBIENT) * (normal @ light).clip(0)) * reached
    picture = colour * shade[..., None] + _SHINE * (shine * reached)[..., None]
    # What little light comes back from the depth of a mouth is red.
    picture *= 1 - (1 - reached[..., None]) * (0.0, 0.35, 0.35)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8))
    picture = np.where(inside[..., None], picture + _CLOSED * (closed - picture), picture)
    picture[which < 0] = _NOTHING
    small = cv2.resize(picture.astype(np.float32), (DRAWN, DRAWN), interpolation=cv2.INTER_AREA)
    return small.round().clip(0, 255).astype(np.uint8)


def _colours(model: FaceModel) -> np.ndarray:
    """[V, 3]: plain skin with lips, brows and irises."""
    colours, v = np.array([_PLAIN[name] for name in model.part_names], float)[model.part], model.vertices
    mouth = cv2.convexHull(model.vertices[model.lips][:, :2].astype(np.float32))
    lip = [cv2.pointPolygonTest(mouth, (float(x), float(y)), True) > -0.05 for x, y in v[:, :2]]
    skin = model.part == model.part_names.index("face")
    colours[np.array(lip) & skin & (v[:, 2] > 9.5)] = _LIP
    across, up = np.abs(v[:, 0]), v[:, 1]
    colours[skin & (np.abs(up - 5.2 + 0.08 * (across - 3) ** 2) < 0.35) & (across > 1.3) & (across < 5)] = _BROW
    for name in ("eye_l", "eye_r"):
        eye = model.part == model.part_names.index(name)
        apart = np.linalg.norm(v[:, :2] - v[eye].mean(0)[:2], axis=1)
        colours[eye & (apart < 0.6)] = _IRIS
    return colours


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    normals, across = np.zeros_like(points), np.cross(b - a, c - a)
    for i in range(3):
        np.add.at(normals, triangles[:, i], across)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


@njit(cache=True)
def _rasterised(x, y, z, triangles, side):
    """Which triangle [side, side] is the nearest, -1 where none is, and the weights [side, side, 3] of its corners."""
    depth = np.full((side, side), -1e9)
    which = np.full((side, side), -1, np.int64)
    weights = np.zeros((side, side, 3))
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        left, right = min(x[a], x[b], x[c]), max(x[a], x[b], x[c])
        top, bottom = min(y[a], y[b], y[c]), max(y[a], y[b], y[c])
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        if area > -1e-9:  # it faces away
            continue
        for row in range(max(int(np.ceil(top)), 0), min(int(np.floor(bottom)), side - 1) + 1):
            for column in range(max(int(np.ceil(left)), 0), min(int(np.floor(right)), side - 1) + 1):
                second = ((column - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (row - y[a])) / area
                third = ((x[b] - x[a]) * (row - y[a]) - (column - x[a]) * (y[b] - y[a])) / area
                if min(second, third, 1 - second - third) < -1e-6:
                    continue
                near = z[a] + second * (z[b] - z[a]) + third * (z[c] - z[a])
                if near > depth[row, column]:
                    depth[row, column], which[row, column] = near, t
                    weights[row, column] = 1 - second - third, second, third
    return which, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, default=FILE)
    given = parser.parse_args()
    given.out.write_bytes(write(build(given.data)))


if __name__ == "__main__":
    main()
