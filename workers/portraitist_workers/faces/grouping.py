"""Whose photos are these: faces gathered into people, and the one person who is meant.

Average linkage: two groups of faces are one person's when their faces are alike on average. So no single pair decides, and photos
of many years hold together by the ones in between. Two faces of one photo are never the same person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

GAP = 0.2  # a group may be this much less alike to another than it is in itself, and still be the same person ...
CERTAIN = 0.70  # ... and need not be more alike than this
ALIKE = 0.12  # two parts of one group, this much less alike to each other than in themselves: perhaps two people
RIVAL = 3  # photos in which somebody else is seen before that is said
_EQUAL = 2 / 3  # share of the person's photos from which on a rival may be the one who was meant


@dataclass(frozen=True)
class Group:
    """Faces of one person, at most one in a photo: `face_of[photo]` is the face's index. `cohesion`: mean cosine of two of them."""

    face_of: dict[int, int]
    cohesion: float

    @property
    def photos(self) -> list[int]:
        return sorted(self.face_of)


@dataclass(frozen=True, eq=False)
class Person:
    """The person who is meant. Indices are those of the faces and photos given."""

    face_of: dict[int, int]  # per photo the index of their face, absent where they are not in it
    embeddings: np.ndarray  # [F, D] of all faces
    cosines: np.ndarray  # [F] mean cosine of every face to the person's faces (of these: to the others)
    rivals: list[Group] = field(default_factory=list)  # who else is in several photos, the most frequent first
    halves: tuple[list[int], list[int]] | None = None  # photos of what may be two people much alike

    @property
    def ambiguous(self) -> bool:
        """Whether somebody else is in about as many photos."""
        return bool(self.rivals) and len(self.rivals[0].face_of) >= max(RIVAL, _EQUAL * len(self.face_of))


def find_person(
    embeddings: np.ndarray,
    photo_of: Sequence[int],
    sizes: Sequence[float],
    same_person: float,
    *,
    named: int | None = None,
    kept: Sequence[int] = (),
) -> Person:
    """The person in the most photos, ties to the larger faces; with `named`, the largest face of that photo decides.

    embeddings [F, D] unit vectors, photo_of [F] the photo each face is in, sizes [F] px, same_person: least mean cosine.
    kept: photos that show the person whatever the network says; the face most like them is taken.
    """
    photos, area = np.asarray(photo_of), np.asarray(sizes, dtype=np.float64)
    pair = embeddings @ embeddings.T
    groups, halves = _gather(pair, photos, same_person)
    if named is not None:
        face = max(np.flatnonzero(photos == named), key=lambda f: area[f])
        chosen = next(g for g in groups if int(face) in g.face_of.values())
    else:
        chosen = max(groups, key=lambda g: (len(g.face_of), float(np.log(area[list(g.face_of.values())]).sum())))
    face_of = dict(chosen.face_of)
    for photo in kept:
        faces = np.flatnonzero(photos == photo)
        if photo not in face_of and len(faces):
            face_of[photo] = int(max(faces, key=lambda f: pair[f, list(face_of.values())].mean()))
    own = list(face_of.values())
    cosines = pair[:, own].mean(1)
    if len(own) > 1:  # a face must not vouch for itself
        cosines[own] = (pair[np.ix_(own, own)].sum(1) - 1) / (len(own) - 1)
    rivals = [g for g in groups if g is not chosen and len(set(g.face_of.values()) - set(own)) >= RIVAL]
    return Person(
        dict(sorted(face_of.items())),
        embeddings,
        cosines,
        sorted(rivals, key=lambda g: -len(g.face_of)),
        halves.get(tuple(chosen.photos)),
    )


def find_known(
    known: np.ndarray, embeddings: np.ndarray, photo_of: Sequence[int], same_person: float, *, kept: Sequence[int] = ()
) -> Person:
    """Somebody who is known by the faces `known` [K, D]: in each photo the face most like them, if it is theirs.

    The other arguments are those of `find_person`; `cosines` of the result are to the known faces.
    """
    photos = np.asarray(photo_of)
    cosines = (embeddings @ known.T).mean(1)
    face_of = {}
    for photo in np.unique(photos):
        face = max(np.flatnonzero(photos == photo), key=lambda f: cosines[f])
        if cosines[face] >= same_person or photo in kept:
            face_of[int(photo)] = int(face)
    return Person(face_of, embeddings, cosines)


def _gather(pair: np.ndarray, photos: np.ndarray, same_person: float) -> tuple[list[Group], dict]:
    """All faces in groups, and by a group's photos the two parts it was last joined from, where these look like two people."""
    F = len(pair)
    members = [[f] for f in range(F)]
    total = pair.astype(np.float64).copy()  # sums of cosines between groups
    inside = np.zeros(F)  # sum over the pairs within a group
    counts = np.ones(F)
    apart = photos[:, None] == photos[None, :]  # never one person (and no group with itself)
    unlike = np.zeros((F, F), bool)  # too unlike, measured against what they are in themselves; until one of them grows
    alive = np.ones(F, bool)
    halves: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    while True:
        mean = np.where(apart | unlike | ~alive[:, None] | ~alive[None, :], -np.inf, total / np.outer(counts, counts))
        a, b = np.unravel_index(int(mean.argmax()), mean.shape)
        if mean[a, b] < same_person:
            break
        within = [inside[g] / (counts[g] * (counts[g] - 1) / 2) for g in (a, b) if counts[g] > 1]
        if within and mean[a, b] < min(CERTAIN, min(within) - GAP):
            unlike[a, b] = unlike[b, a] = True
            continue
        one, other = (sorted(int(photos[f]) for f in members[g]) for g in (a, b))
        doubtful = min(counts[a], counts[b]) >= RIVAL and mean[a, b] < min(within) - ALIKE
        inside[a] += inside[b] + total[a, b]
        members[a] += members[b]
        counts[a] += counts[b]
        total[a] += total[b]
        total[:, a] += total[:, b]
        apart[a] |= apart[b]
        apart[:, a] |= apart[:, b]
        unlike[a] = unlike[:, a] = False
        alive[b] = False
        if doubtful:
            halves[tuple(sorted(int(photos[f]) for f in members[a]))] = one, other
    groups = []
    for g in np.flatnonzero(alive):
        size = len(members[g])
        cohesion = inside[g] / (size * (size - 1) / 2) if size > 1 else 1.0
        groups.append(Group({int(photos[f]): f for f in members[g]}, float(cohesion)))
    return groups, halves
