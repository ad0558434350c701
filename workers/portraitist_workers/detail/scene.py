"""What of a photo does not depend on an edit: its face's points and parts, the person cut out, and what stands behind. Found once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..faces.align import Frame, crop, face_ellipse
from ..faces.edited import Layers
from .fields import SIDE, resized, smooth
from .matte import MOST, matte_of
from .mesh import points_of
from .parts import seen_parts
from .plate import plate_of


@dataclass(frozen=True, eq=False)
class Scene:
    """In the photo's frame; maps are [SIDE, SIDE] in [0, 1].

    face            [SIDE, SIDE, 3] uint8 the photo's crop
    points          [478, 3] the face mesh, in shares of the side
    skin            the face as the parser sees it
    others          the other people's faces
    clothes, neck   as the parser sees them
    layers          the person and what is behind, at the photo's own resolution
    small           the same at SIDE px
    """

    face: np.ndarray
    points: np.ndarray
    skin: np.ndarray
    others: np.ndarray
    clothes: np.ndarray
    neck: np.ndarray
    layers: Layers
    small: Layers

    def arrays(self) -> Iterator[np.ndarray]:
        yield from (self.face, self.points, self.skin, self.others, self.clothes, self.neck)
        yield from (map_ for layers in (self.layers, self.small) for map_ in (layers.matte, layers.behind))


def scene_of(photo: np.ndarray, frame: Frame, others: Sequence[Frame]) -> Scene:
    """Of the face at `frame` in `photo` [H, W, 3] uint8, beside the faces at `others`. Raises PriorUnavailable."""
    side = int(np.clip(round(frame.size), SIDE, MOST))
    large = crop(photo, frame, side)
    face = crop(photo, frame, SIDE)
    parts = seen_parts(face)
    matte = matte_of(photo, frame, large)
    layers = Layers(np.rint(255 * matte).astype(np.uint8), plate_of(large, matte))
    return Scene(
        face=face,
        points=points_of([face])[0],
        skin=smooth(parts["face"], 0.01),
        others=_faces_in(frame, others),
        clothes=parts["clothes"],
        neck=parts["neck"],
        layers=layers,
        small=layers.seen(lambda m: resized(m, SIDE)),
    )


def _faces_in(frame: Frame, others: Sequence[Frame]) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: the faces at `others`, seen in `frame`."""
    to_crop, found = frame.to_crop(SIDE), np.zeros((SIDE, SIDE), np.float32)
    for other in others:
        centre = to_crop @ (other.centre_x, other.centre_y, 1)
        half = to_crop[:, :2] @ (other.half_x, other.half_y)
        found = np.maximum(found, face_ellipse(Frame(*centre, *half), (0, 0), found.shape))
    return found
