"""Expressions as this person makes them: what is not named follows a smile as it does in the person's photos.

Of two numbers each, what people usually do stands beside the photos: regressions of 79 people's neutral and smiling photographs (Face
Research Lab London Set). Few photos change it little.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..faces.geometry import bounded
from .judge import Judge

LEADS = "smile"
USUAL = {
    "mouth_open": (0.04, 0.21),
    "eyes_open": (1.0, -0.015),
}  # of those that follow: without a smile, and per whole smile
WEIGHT = 2.0  # photos that the usual relation counts like
LEAST = 0.05  # a smaller change of the smile moves nothing else


def followed(
    judge: Judge, start: Mapping[str, float], target: Mapping[str, float], keep: Collection[str] = ()
) -> dict[str, float]:
    """What attributes that `target` does not name should become, since the smile does: {} where it is not named, or hardly changes.

    start : the photo's own values. What is its own beyond the usual goes as far as the smile moves: wholly after a whole smile.
    keep  : attributes that stay as they are
    """
    change = target.get(LEADS, start[LEADS]) - start[LEADS]
    if abs(change) < LEAST:
        return {}
    own = 1 - min(1.0, abs(change))
    followed = {}
    for name, (base, slope) in relations(judge).items():
        if name in target or name in keep:
            continue
        before, after = (base + slope * smile for smile in (start[LEADS], target[LEADS]))
        followed[name] = float(np.clip(after + own * (start[name] - before), 0, 1))
    return followed


def relations(judge: Judge) -> dict[str, tuple[float, float]]:
    """Of each attribute that follows: its value without a smile, and by how much a whole smile changes it, in the person's photos. Where
    nobody is known: as usual."""
    if not judge.known:
        return dict(USUAL)
    names = list(judge.attributes.names)
    seen = bounded(judge.anchor_values).cpu().numpy().astype(np.float64)
    smiles = np.column_stack([np.ones(len(seen)), seen[:, names.index(LEADS)]])
    found = {}
    for name, usual in USUAL.items():
        values = seen[:, names.index(name)]
        prior = WEIGHT * np.diag([1.0, 0.25])  # the variance of a smile is about a quarter at most
        base, slope = np.linalg.solve(smiles.T @ smiles + prior, smiles.T @ values + prior @ np.array(usual))
        found[name] = float(base), float(slope)
    return found
