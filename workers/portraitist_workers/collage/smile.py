"""The smile of another photo of the person. Where the heads look elsewhere, the photo's own face smiles as much, and only teeth are
the other photo's.

Another side of a face, warped into this pose, is blurred skin in another light: it is what a person is not recognised by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..detail.hold import head_turn
from ..detail.mesh import Seen, parted
from ..detail.mouth import SIDE as TEETH
from ..detail.mouth import inside
from ..editing.moving import NEAR, moved
from ..editing.opening import OpenedPhoto
from ..faces.align import crop
from ..faces.edited import EditedFace
from ..faces.image_io import to_tensor
from ..persona.axes import spread
from ..persona.warm import WarmPersona
from .meeting import MaskOf, Met, face_of, met

VALUES = ("smile", "mouth_open")
# Degrees between the heads: up to the first skin is the other photo's, from the second on none.
_ALIKE, _APART = 8.0, 16.0
_ROUNDS = 2


def smile_of(
    person: WarmPersona, photo: OpenedPhoto, other: OpenedPhoto, mask_of: MaskOf, *, name: str, strength: float
) -> Met:
    """The photo's face with the smile of the other, whose file is called `name`, where the mask is above 0. Raises InvalidRequest."""
    names = person.judge.attributes.names
    start, wanted = (
        {value: float(one.measured[names.index(value)]) for value in VALUES if value in names} for one in (photo, other)
    )
    goal = {name: start[name] + strength * (value - start[name]) for name, value in wanted.items()}
    turned = head_turn(photo.scene.points, other.scene.points).degrees
    skin = float(np.clip((_APART - turned) / (_APART - _ALIKE), 0, 1)) if wanted else 1.0  # of what else could it be?
    targets, found = dict(wanted), []
    for _ in range(_ROUNDS):
        towards = _shows(person, photo, targets) if targets else None
        both = met(person, photo, other, mask_of, positions=None, exact=True, towards=towards)
        both = replace(
            both,
            mine=_with_teeth(both, other, name, strength) if skin < 1 else both.mine,
            share=skin * both.share * face_of(both.theirs),
        )
        off = _missed(person, both, goal)
        found.append((max((abs(value) / spread(name) for name, value in off.items()), default=0.0), both))
        if not strength or found[-1][0] <= NEAR:
            break
        targets = {name: value - off[name] for name, value in targets.items()}
    return min(found, key=lambda one: one[0])[1]


def _shows(person: WarmPersona, photo: OpenedPhoto, values: dict[str, float]) -> Tensor:
    """[1, num_ws, D] where the photo's face shows `values`. Those for which the person has no axis follow the others."""
    able = person.model.axes.names
    follow = {name: value for name, value in values.items() if name not in able}
    return moved(person, photo, [{name: value for name, value in values.items() if name in able}], [follow])


def _with_teeth(both: Met, other: OpenedPhoto, name: str, strength: float) -> EditedFace:
    """The photo's own face with what the other shows between its lips, where both are apart."""
    mouth = Seen(crop(other.subject.photo, other.subject.frame, TEETH), other.scene.points)
    if not (parted(mouth.points) and parted(both.points)):
        return both.mine
    fill = inside(name, mouth, both.points, both.mine.shown)
    return replace(both.mine, fill=replace(fill, share=strength * fill.share))


@torch.no_grad()
def _missed(person: WarmPersona, both: Met, goal: dict[str, float]) -> dict[str, float]:
    """What the face shows of each value more than the goal."""
    pixels = both.face.shown.round().clip(0, 255).astype(np.uint8)[None]
    shown = person.judge.attributes(to_tensor(pixels).to(person.model.anchors))[0][0]
    return {name: float(shown[person.judge.attributes.names.index(name)]) - value for name, value in goal.items()}
