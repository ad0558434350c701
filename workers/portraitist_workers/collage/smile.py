"""The smile of another photo of the person. Where the heads look elsewhere, the photo's own face smiles as much, and only lips and teeth
are the other photo's.

Another side of a face, warped into this pose, is blurred skin in another light: it is what a person is not recognised by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..detail.hold import head_turn
from ..detail.laying import CHANGING, near
from ..editing.moving import NEAR, moved
from ..editing.opening import OpenedPhoto
from ..faces.image_io import to_tensor
from ..persona.axes import spread
from ..persona.warm import WarmPersona
from .meeting import MaskOf, Met, face_of, met

VALUES = ("smile", "mouth_open")
_ALIKE, _APART = 8.0, 16.0  # degrees between the heads: up to the first skin is the other photo's, from the second on none
_LIPS = 0.03  # of the side around the lips
_ROUNDS = 2


def smile_of(person: WarmPersona, photo: OpenedPhoto, other: OpenedPhoto, mask_of: MaskOf, *, strength: float) -> Met:
    """The photo's face with the other's smile, where the mask is above 0. Raises PriorUnavailable."""
    names = person.judge.attributes.names
    start, wanted = (
        {name: float(one.measured[names.index(name)]) for name in VALUES if name in names} for one in (photo, other)
    )
    goal = {name: start[name] + strength * (value - start[name]) for name, value in wanted.items()}
    targets, found = dict(wanted), []
    for _ in range(_ROUNDS):
        both = met(person, photo, other, mask_of, positions=None, exact=True, towards=moved(person, photo, [targets]))
        both = replace(both, share=both.share * _theirs(photo, other, both.points) * face_of(both.theirs))
        off = _missed(person, both, goal)
        found.append((max(abs(value) / spread(name) for name, value in off.items()), both))
        if not strength or found[-1][0] <= NEAR:
            break
        targets = {name: value - off[name] for name, value in targets.items()}
    return min(found, key=lambda one: one[0])[1]


def _theirs(photo: OpenedPhoto, other: OpenedPhoto, points: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: how much of each pixel may be the other photo's; `points` [478, 3] are the mesh after."""
    turned = head_turn(photo.scene.points, other.scene.points).degrees
    skin = float(np.clip((_APART - turned) / (_APART - _ALIKE), 0, 1))
    return np.maximum(skin, near(points, CHANGING[2:], _LIPS))


@torch.no_grad()
def _missed(person: WarmPersona, both: Met, goal: dict[str, float]) -> dict[str, float]:
    """What the face shows of each value more than the goal."""
    pixels = both.face.shown.round().clip(0, 255).astype(np.uint8)[None]
    shown = person.judge.attributes(to_tensor(pixels).to(person.model.anchors))[0][0]
    return {name: float(shown[person.judge.attributes.names.index(name)]) - value for name, value in goal.items()}
