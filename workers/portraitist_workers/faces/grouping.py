"""Whose photos are these: the identity that most photos share, and who else is in them.

Input is one unit embedding per detected face. Embeddings of small networks scatter, so nothing is decided by a single
pair: a face belongs to the person when it resembles the *mean* of the person's faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MEAN_GAIN = 0.9  # a face's cosine to a mean of many is higher than to one of them; share of the pair threshold's angle


@dataclass(frozen=True, eq=False)
class Person:
    """The person most photos share. `face_of[photo]` is the index of their face, absent where they are not in the photo."""

    face_of: dict[int, int]
    mean: np.ndarray              # [D] unit vector
    cosines: np.ndarray           # [F] of every face to the person (of the person's own faces: to the mean of the others)


def find_person(embeddings: np.ndarray, photo_of: Sequence[int], sizes: Sequence[float], same_person: float) -> Person:
    """The person in the most photos; ties go to the larger faces.

    embeddings [F, D], photo_of [F] the photo each face is in, sizes [F] px, same_person: cosine for two faces of one person.
    """
    photos, sizes_ = np.asarray(photo_of), np.asarray(sizes, dtype=np.float64)
    pair = embeddings @ embeddings.T
    to_mean = float(np.cos(np.arccos(np.clip(same_person, -1, 1)) * _MEAN_GAIN))
    best: tuple[tuple[int, float], dict[int, int], np.ndarray] | None = None
    for seed in range(len(embeddings)):
        members = _one_per_photo(pair[seed], photos, same_person)
        for _ in range(4):
            mean = _unit(embeddings[list(members.values())].sum(0))
            grown = _one_per_photo(embeddings @ mean, photos, to_mean)
            if not grown or grown == members:
                break
            members = grown
        faces = list(members.values())
        rank = (len(members), float(np.log(sizes_[faces]).sum()))
        if best is None or rank > best[0]:
            best = (rank, members, _unit(embeddings[faces].sum(0)))
    assert best is not None, "find_person needs at least one face"
    _, members, mean = best
    cosines = embeddings @ mean
    if len(members) > 1:
        total = embeddings[list(members.values())].sum(0)
        for face in members.values():  # a face must not vouch for itself
            cosines[face] = _unit(total - embeddings[face]) @ embeddings[face]
    return Person(members, mean, cosines)


def _one_per_photo(cosines: np.ndarray, photos: np.ndarray, least: float) -> dict[int, int]:
    """In each photo the face with the highest cosine, where that reaches `least`."""
    chosen: dict[int, int] = {}
    for face in np.argsort(-cosines, kind="stable"):
        if cosines[face] < least:
            break
        chosen.setdefault(int(photos[face]), int(face))
    return dict(sorted(chosen.items()))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
