"""Rasteriser for the canvas grid: which texel shows at each output pixel."""

from __future__ import annotations

import numpy as np
from numba import njit

SKIP, SOFT, SOLID = 0, 1, 2  # state of a grid cell: transparent, hair fringe, opaque
_SOFT_PENALTY = 30.0  # ICT units: a fringe never hides something opaque


def cell_states(alpha: np.ndarray) -> np.ndarray:
    """Matte on the grid [H, W] in [0, 1] -> state of each cell, uint8 [H-1, W-1].

    The 3 x 3 maximum keeps the cells around a silhouette, so that its anti-aliased edge is drawn.
    """
    return _cell_states(np.ascontiguousarray(alpha, np.float32))


@njit(cache=True, fastmath=True)
def _cell_states(alpha):
    height, width = alpha.shape
    state = np.zeros((height - 1, width - 1), np.uint8)
    for i in range(height - 1):
        for j in range(width - 1):
            highest = 0.0
            for y in range(max(i - 1, 0), min(i + 3, height)):
                for x in range(max(j - 1, 0), min(j + 3, width)):
                    highest = max(highest, alpha[y, x])
            if highest > 0.03:
                mean = 0.25 * (alpha[i, j] + alpha[i, j + 1] + alpha[i + 1, j] + alpha[i + 1, j + 1])
                state[i, j] = SOLID if mean >= 0.5 else SOFT
    return state


@njit(cache=True, fastmath=True)
def rasterise(x, y, z, state, height, width):
    """Draws the grid with a depth buffer.

    x, y [I, J] are output pixel coordinates of the vertices (pixel centres are integers), z [I, J] grows towards the
    camera, `state` [I-1, J-1] comes from `cell_states`. Returns (column, row), float32 [height, width]: the grid
    coordinates seen at each pixel, -1 where there is nothing.
    """
    rows, columns = x.shape
    depth = np.full((height, width), -1e9, np.float32)
    u = np.full((height, width), np.float32(-1))
    v = np.full((height, width), np.float32(-1))
    for i in range(rows - 1):
        for j in range(columns - 1):
            if state[i, j] == SKIP:
                continue
            penalty = _SOFT_PENALTY if state[i, j] == SOFT else 0.0
            for half in range(2):
                # corner a and its neighbours b (along the row) and c (along the column)
                ai, aj, step = (i, j, 1) if half == 0 else (i + 1, j + 1, -1)
                xa, ya, za = x[ai, aj], y[ai, aj], z[ai, aj]
                xb, yb, zb = x[ai, aj + step], y[ai, aj + step], z[ai, aj + step]
                xc, yc, zc = x[ai + step, aj], y[ai + step, aj], z[ai + step, aj]
                left, right = min(xa, xb, xc), max(xa, xb, xc)
                top, bottom = min(ya, yb, yc), max(ya, yb, yc)
                if right < 0 or bottom < 0 or left > width - 1 or top > height - 1:
                    continue
                area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
                if abs(area) < 1e-9:
                    continue
                inverse = 1.0 / area
                for py in range(max(int(np.ceil(top)), 0), min(int(np.floor(bottom)), height - 1) + 1):
                    for px in range(max(int(np.ceil(left)), 0), min(int(np.floor(right)), width - 1) + 1):
                        beta = ((px - xa) * (yc - ya) - (xc - xa) * (py - ya)) * inverse
                        gamma = ((xb - xa) * (py - ya) - (px - xa) * (yb - ya)) * inverse
                        if beta < -1e-4 or gamma < -1e-4 or beta + gamma > 1.0002:
                            continue
                        near = za + beta * (zb - za) + gamma * (zc - za) - penalty
                        if near > depth[py, px]:
                            depth[py, px] = near
                            u[py, px] = aj + step * beta
                            v[py, px] = ai + step * gamma
    return u, v
