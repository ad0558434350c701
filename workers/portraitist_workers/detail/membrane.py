"""Values carried on smoothly to where none are known: a membrane that springs hold."""

from __future__ import annotations

import functools

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu


def membrane(values: np.ndarray, springs: np.ndarray) -> np.ndarray:
    """[S, S, C] float32 that minimises sum springs |u - values|^2 + |grad u|^2; `springs` [S, S] >= 0, not all of them zero."""
    side = len(springs)
    holds = springs.reshape(-1).astype(np.float64)
    solve = splu((_laplacian(side) + sparse.diags(holds + 1e-9)).tocsc(), permc_spec="MMD_AT_PLUS_A")
    return solve.solve(holds[:, None] * values.reshape(side * side, -1)).reshape(values.shape).astype(np.float32)


@functools.cache
def _laplacian(side: int) -> sparse.csc_matrix:
    step = sparse.diags([-np.ones(side - 1), np.ones(side - 1)], [0, 1], shape=(side - 1, side))
    line = step.T @ step
    return sparse.csc_matrix(sparse.kron(sparse.eye(side), line) + sparse.kron(line, sparse.eye(side)))
