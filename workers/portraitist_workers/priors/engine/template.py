"""The 189-point face template of the London set: which point is where, how to read it, and the frame it gives.

"Left" and "right" in names are the image's. Points 0 and 1 are the pupils. The rings of the irises (2-9, 10-17) are
marked too, but they follow the gaze, so nothing that should stay with the face may lean on them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .canvas import CANVAS, CROP, N_POINTS

PUPILS = (0, 1)
MOUTH_CORNERS = (87, 93)
IRIS_LEFT, IRIS_RIGHT = tuple(range(2, 10)), tuple(range(10, 18))

# Contours from corner to corner. Each upper lid is followed by its lower lid and the crease above it.
LID_LEFT_UPPER, LID_LEFT_LOWER = (18, 19, 20, 21, 22), (18, 28, 29, 30, 22)
LID_RIGHT_UPPER, LID_RIGHT_LOWER = (23, 24, 25, 26, 27), (23, 31, 32, 33, 27)
CREASE_LEFT, CREASE_RIGHT = (34, 35, 36, 37, 38), (39, 40, 41, 42, 43)
BROW_LEFT_UPPER, BROW_LEFT_LOWER = (71, 72, 73, 74, 75, 76), (71, 83, 84, 76)
BROW_RIGHT_UPPER, BROW_RIGHT_LOWER = (77, 78, 79, 80, 81, 82), (77, 85, 86, 82)
LIP_UPPER_OUTER, LIP_UPPER_INNER = (87, 88, 89, 90, 91, 92, 93), (87, 94, 95, 96, 97, 98, 93)
LIP_LOWER_INNER, LIP_LOWER_OUTER = (87, 99, 100, 101, 102, 103, 93), (87, 104, 105, 106, 107, 108, 93)
NOSE_LEFT, NOSE_RIGHT = (61, 62, 63, 64, 65, 179, 180, 55), (66, 67, 68, 69, 70, 182, 181, 55)
EAR_LEFT_INNER, EAR_RIGHT_INNER = (109, 185, 110, 186, 111), (112, 187, 113, 188, 114)
EAR_LEFT_OUTER, EAR_RIGHT_OUTER = (109, 115, 116, 117, 118, 119, 111), (112, 120, 121, 122, 123, 124, 114)
HAIRLINE = (109, *range(134, 145), 112)  # from the left ear over the forehead to the right ear
JAW = (111, *range(125, 134), 114)  # from the left ear under the chin (129) to the right ear
HAIR_OUTLINE = tuple(range(145, 158))  # from the left of the neck over the crown (151) to the right of the neck
NECK = (145, 183, 184, 157)
CHEEK_LEFT, CHEEK_RIGHT = (164, 165, 166, 158, 159, 160), (167, 168, 169, 161, 162, 163)

# Closed polygons.
FACE_POLYGON = HAIRLINE + JAW[::-1][1:-1]
MOUTH_POLYGON = LIP_UPPER_OUTER + LIP_LOWER_OUTER[::-1][1:-1]
MOUTH_HOLE = LIP_UPPER_INNER + LIP_LOWER_INNER[::-1][1:-1]
UPPER_LIP_POLYGON = LIP_UPPER_OUTER + LIP_UPPER_INNER[::-1][1:-1]
LOWER_LIP_POLYGON = LIP_LOWER_INNER + LIP_LOWER_OUTER[::-1][1:-1]
EYE_LEFT_HOLE = LID_LEFT_UPPER + LID_LEFT_LOWER[::-1][1:-1]
EYE_RIGHT_HOLE = LID_RIGHT_UPPER + LID_RIGHT_LOWER[::-1][1:-1]
BROW_LEFT = BROW_LEFT_UPPER + BROW_LEFT_LOWER[::-1][1:-1]
BROW_RIGHT = BROW_RIGHT_UPPER + BROW_RIGHT_LOWER[::-1][1:-1]


def read_template(path: str | Path) -> np.ndarray:
    """Landmarks of a .tem file in photo pixels, (x, y), float64 [189, 2]. Raises ValueError on another template."""
    lines = Path(path).read_text().split("\n")
    count = int(lines[0])
    if count != N_POINTS:
        raise ValueError(f"{path} has {count} points, but the London set's template has {N_POINTS}: use its .tem files")
    return np.array([line.split()[:2] for line in lines[1 : count + 1]], float)


def frame_from_points(points: np.ndarray) -> np.ndarray:
    """Similarity [2, 3] from photo pixels to canvas pixels, such that the FFHQ crop is the canvas' centre.

    The rule is that of the FFHQ alignment (Karras et al. 2019, their published alignment). The crop is an oriented square
    about a point a little below the eyes, sized by the distances between eyes and from eyes to mouth.
    """
    eye_left, eye_right = points[PUPILS[0]], points[PUPILS[1]]
    eyes = (eye_left + eye_right) / 2
    eye_to_eye = eye_right - eye_left
    eye_to_mouth = (points[MOUTH_CORNERS[0]] + points[MOUTH_CORNERS[1]]) / 2 - eyes
    x = eye_to_eye - eye_to_mouth[::-1] * [-1, 1]
    x /= np.linalg.norm(x)
    half_side = max(2.0 * np.linalg.norm(eye_to_eye), 1.8 * np.linalg.norm(eye_to_mouth))
    centre = eyes + 0.1 * eye_to_mouth
    scale = CROP / (2 * half_side)
    rotation = scale * np.array([[x[0], x[1]], [-x[1], x[0]]])
    middle = (CANVAS - 1) / 2
    return np.column_stack([rotation, middle - rotation @ centre])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies an affine [2, 3] to points [..., 2]."""
    return points @ matrix[:, :2].T + matrix[:, 2]
