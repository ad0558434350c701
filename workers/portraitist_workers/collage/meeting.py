"""Two opened photos of one person in one face: features meet where a mask says, and both photos' own pixels move there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from ..detail.carry import carried
from ..detail.fields import SIDE, smooth, spread
from ..detail.mesh import seen
from ..detail.motion import motion, path_between
from ..editing.moving import moved
from ..editing.opening import OpenedPhoto
from ..faces.edited import EditedFace
from ..faces.image_io import to_uint8
from ..generator.kinds import whole
from ..persona.rendering import render
from ..persona.warm import WarmPersona
from .interpolation import Mask, Size, Source, interpolate
from .weights import second

POSE = ("yaw", "pitch", "roll")
STEPS = 6  # of each way

MaskOf = Callable[[Tensor], Mask]  # of the pictures [2, 3, R, R] of both faces in one pose


@dataclass(frozen=True, eq=False)
class Met:
    """The face in which both meet, by the pixels of either photo.

    where [SIDE, SIDE] in [0, 1]   the mask: beyond it nothing changes
    share [SIDE, SIDE] in [0, 1]   of each pixel, what is the other photo's
    points [478, 3]                the mesh, in shares of the side
    """

    mine: EditedFace
    theirs: EditedFace
    where: np.ndarray
    share: np.ndarray
    points: np.ndarray

    @functools.cached_property
    def face(self) -> EditedFace:
        """The photo's face with the other one's pixels in its own tone."""
        share, mine = self.share, self.mine
        theirs = in_tone_of(mine.shown, self.theirs.shown, share)
        return replace(
            mine,
            plain=mine.plain + share[..., None] * (theirs - mine.plain),
            trust=mine.trust * (1 - share),
            grain=mine.grain * (1 - share),
        )


@torch.no_grad()
def met(
    person: WarmPersona,
    photo: OpenedPhoto,
    other: OpenedPhoto,
    mask_of: MaskOf,
    *,
    positions: range | None,
    exact: bool,
    towards: Tensor | None = None,
) -> Met:
    """The features of `towards` [1, num_ws, D] meet the photo's. None: the other face is turned into the photo's pose first, by the
    person's own axes. `positions` are the layers at which it counts; `exact` keeps the photo's picture where the mask is 0.

    Raises InvalidRequest for a generator that is no StyleGAN2."""
    generator = whole(photo.generator, "photos cannot be joined")
    turned = in_pose_of(person, photo, other) if towards is None else towards
    mine, theirs = (Source(generator.synthesis, generator.styles(w)) for w in (photo.w, turned))
    start, there, posed = to_uint8(render(generator, torch.cat([photo.w, other.w, turned])))
    mask = mask_of(render(generator, torch.cat([photo.w, turned])))

    def shown(mask: Mask) -> np.ndarray:
        made = interpolate([mine, theirs], second(mask, positions=positions), within=mask if exact else None)
        return to_uint8(made)[0]

    after = shown(mask)
    here = [shown(_times(mask, t)) for t in _shares()]
    back = [*path_between(generator, other.w, turned, steps=STEPS), posed, *(shown(_rest(mask, t)) for t in _shares())]
    was, begun, now = seen([start, there, after])
    where = mask((SIDE, SIDE))[0, 0].cpu().numpy().astype(np.float32)
    return Met(
        carried(photo.scene, motion(was, now, here)),
        carried(other.scene, motion(begun, now, back)),
        where,
        where,
        now.points + photo.scene.points - was.points,
    )


def in_pose_of(person: WarmPersona, photo: OpenedPhoto, other: OpenedPhoto) -> Tensor:
    """[1, num_ws, D]: the other face in the photo's pose."""
    names = person.judge.attributes.names
    known = set(names) & set(person.model.axes.names)
    return moved(person, other, [{name: float(photo.shown[names.index(name)]) for name in POSE if name in known}])


def face_of(theirs: EditedFace) -> np.ndarray:
    """[S, S] in [0, 1]: where the other photo, moved, shows its face. Beside it hair and background would come along."""
    side = len(theirs.grain)
    closed, inwards = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)) for width in (side // 10, side // 40)
    )
    face = cv2.morphologyEx(
        (theirs.grain > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, closed
    )  # a mouth that opens is a hole
    return smooth(cv2.erode(face, inwards, borderValue=0).astype(np.float32), 1 / 64)


def in_tone_of(mine: np.ndarray, theirs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`theirs` [S, S, 3] with a smooth offset by which it meets `mine` along the border of `share` [S, S]: another light or camera."""
    border = share * (1 - share)
    return theirs + spread(mine - theirs, 4 * border)


def _shares() -> Iterable[float]:
    return (k / STEPS for k in range(1, STEPS))


def _times(mask: Mask, t: float) -> Mask:
    return lambda size: t * mask(size)


def _rest(mask: Mask, t: float) -> Mask:
    """From the other face alone (t = 0) to the mask (t = 1)."""

    def some(size: Size) -> Tensor:
        return 1 - t * (1 - mask(size))

    return some
