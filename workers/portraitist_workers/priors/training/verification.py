"""How well scores tell pairs of one person from pairs of two."""

from __future__ import annotations

import numpy as np


def equal_error(same: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The rate at which as many pairs of one person are refused as pairs of others are accepted, and its threshold."""
    thresholds = np.quantile(np.concatenate([same, other[:: max(len(other) // len(same), 1)]]), np.linspace(0, 1, 1001))
    misses = np.searchsorted(np.sort(same), thresholds) / len(same)
    alarms = 1 - np.searchsorted(np.sort(other), thresholds) / len(other)
    best = int(np.argmin(np.abs(misses - alarms)))
    return float((misses[best] + alarms[best]) / 2), float(thresholds[best])
