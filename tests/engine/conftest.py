"""A canvas without photos: four made-up heads, an ellipsoid each, on the layout of the real canvas."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from portraitist_workers.priors.engine import template
from portraitist_workers.priors.engine.canvas import CANVAS, GRID, SHAPES, Canvas

PEOPLE = 4
WALL = np.array([205, 206, 208])  # the studio's grey, RGB
SKINS = np.array([[214, 170, 148], [190, 142, 118], [150, 104, 82], [226, 186, 168]])
UNIT = 0.055  # ICT units per canvas pixel
NAMES = [
    "jawOpen",
    "mouthPucker",
    *(
        f"{name}_{side}"
        for side in "LR"
        for name in ("browInnerUp", "browOuterUp", "browDown", "mouthSmile", "cheekSquint")
    ),
]


@pytest.fixture(scope="session")
def layout():
    """Template points [189, 2]: the mean of the Face Research Lab London Set's (CC-BY 4.0), as layout.py changes it."""
    return np.array(json.loads((Path(__file__).parent / "layout.json").read_text()), np.float32)


@pytest.fixture(scope="session")
def canvas(layout):
    head, neck, face, hole = (
        polygon(layout, points)
        for points in (
            layout[list(template.HAIR_OUTLINE)],
            (layout[list(template.NECK)][[0, 3, 3, 0]] + [[0, -60], [0, -60], [0, 108], [0, 108]]),
            layout[list(template.FACE_POLYGON)],
            layout[list(template.MOUTH_HOLE)],
        )
    )
    alpha = np.maximum(head, neck)
    skin = np.maximum(face, neck)
    tex = np.empty((PEOPLE, 2, CANVAS, CANVAS, 3), np.uint8)
    for person, colour in enumerate(SKINS):
        tex[person] = np.where(skin[..., None] > 0, colour, colour // 4)
        tex[person, :, hole > 0] = 90
    rng = np.random.default_rng(0)
    modes = [
        [cv2.GaussianBlur(rng.normal(0, 15, (GRID // 2, GRID // 2)), (0, 0), 12) for _ in range(3)]
        for _ in range(SHAPES)
    ]
    expr = np.zeros((len(NAMES), GRID, GRID, 3), np.float16)
    corners = np.rint(layout[list(template.MOUTH_CORNERS)] / 2).astype(int)
    for name, (x, y), outwards in (("mouthSmile_R", corners[0], -1), ("mouthSmile_L", corners[1], 1)):
        expr[NAMES.index(name), y - 9 : y + 10, x - 9 : x + 10] = (0.5 * outwards, 0.5, 0)
    everybody = np.ones((PEOPLE, 2, 1, 1), np.uint8)
    return Canvas(
        ids=[str(i) for i in range(PEOPLE)],
        held_out=np.zeros(PEOPLE, bool),
        age=np.full(PEOPLE, 30, np.float32),
        male=np.zeros(PEOPLE, np.float32),
        ethnicity=[""] * PEOPLE,
        smile_open=np.zeros(PEOPLE, bool),
        expression_names=NAMES,
        tex=tex,
        alpha=everybody * (255 * alpha).astype(np.uint8),
        pos=np.broadcast_to(ellipsoid(), (PEOPLE, 2, GRID, GRID, 3)),
        expr=expr,
        identity=np.moveaxis(np.array(modes, np.float16), 1, -1),
        layout=layout,
        mirror=np.arange(len(layout)),
        cheek=SKINS.astype(np.float32),
        lidgap=np.ones((PEOPLE, 2), np.float32),
        mouthgap=np.zeros((PEOPLE, 2), np.float32),
        skin=everybody[:, 0] * (255 * skin).astype(np.uint8),
    )


def polygon(layout, points):
    mask = np.zeros((CANVAS, CANVAS), np.float32)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1.0)
    return mask


def ellipsoid():
    """Positions float16 [256, 256, 3] of a head whose face looks at the camera."""
    axis = (np.arange(GRID) * 2 + 0.5 - CANVAS / 2) * UNIT
    x, y = np.meshgrid(axis, -axis)
    depth = 12 * np.sqrt(np.maximum(1 - (x / 8.5) ** 2 - (y / 13) ** 2, 0))
    return np.stack([x, y, cv2.GaussianBlur(depth, (0, 0), 2) - 1], -1).astype(np.float16)
