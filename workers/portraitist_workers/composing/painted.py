"""Parts off the face that were changed, in a photo.

The photo's pixels follow an edit by their motion. In the face, what changed beyond motion is added. Off the face it is not: another
person's hair would only bend the old hair. So a part of another shape is painted, with the generator's pixels. A part of the old shape is
dyed: its own pixels take on the change of tone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from torch import Tensor

from ..detail.fields import SIDE, resized, smooth
from ..detail.scene import Scene
from ..faces.edited import EditedFace
from ..generator.parts import Made, PartsConfig
from .composed import around

HAIR, BACKGROUND = "hair", "background"
OFF_THE_FACE = (HAIR, "neck", "clothes", BACKGROUND)
SOFT = 0.008  # of the side: width of the way from the photo's pixels to others
TONE = 0.015  # of the side: width of what counts as tone
EDGE, MUCH = 0.04, 0.1  # of the side: a border of the square; and the share of it that a part may take
STRANDS, FAINT = 0.04, 0.02  # of the side: how far hair reaches in strands; share of a pixel that can be seen
_TINY = 1e-6
REACHES_OUT = "the photo's own {} goes beyond the face's square, and stays as it is there; the picture's `crop` shows the square alone"


def painted(
    face: EditedFace,
    scene: Scene,
    config: PartsConfig,
    before: Made,
    after: Made,
    names: Sequence[str],
    amount: float = 1.0,
) -> EditedFace:
    """`face`, with the generator's pixels where the parts `names` were in `before` or are in `after`, as far as they lie off the face.
    Where nothing but background is left, it is the photo's own, without the person. `amount`: how much of all that."""
    names = [name for name in names if name in OFF_THE_FACE]
    if not names:
        return face
    anew = amount * _region(scene, config, before, after, names)
    stays = face.trust * (1 - anew)  # of the photo
    share = anew / np.maximum(1 - stays, _TINY)  # of what is not the photo's: nothing else comes between old and new
    plain = face.plain
    if BACKGROUND not in names:
        bare = smooth(_map(after.classes == config.part(BACKGROUND)), SOFT)
        behind = scene.small.behind[..., :3].astype(np.float32)
        plain = plain + (share * bare)[..., None] * (behind - plain)
    return replace(face, plain=plain, trust=stays, grain=face.grain * (1 - share))


def dyed(
    face: EditedFace, scene: Scene, config: PartsConfig, before: Made, after: Made, names: Sequence[str]
) -> EditedFace:
    """`face`, whose parts `names` take on the tone that they have in `after`, as far as they lie off the face."""
    names = [name for name in names if name in OFF_THE_FACE]
    if not names:
        return face
    old, new = (127.5 * made.image[0].clamp(-1, 1).permute(1, 2, 0).cpu().numpy() for made in (before, after))
    tone = smooth(resized(new - old, len(face.trust)), TONE)
    own = np.max([_own(scene, name) for name in names], axis=0)
    return replace(face, change=face.change + own[..., None] * tone)


def cautions(scene: Scene, names: Sequence[str]) -> list[str]:
    """What to say of a photo in which the parts `names` are changed."""
    return [REACHES_OUT.format(name) for name in names if name in OFF_THE_FACE and _at_border(_own(scene, name)) > MUCH]


def _at_border(part: np.ndarray) -> float:
    """The largest share of one of the four borders of a map [S, S]."""
    width = max(round(EDGE * len(part)), 1)
    return max(float(np.rot90(part, quarter)[:width].mean()) for quarter in range(4))


def _region(scene: Scene, config: PartsConfig, before: Made, after: Made, names: Sequence[str]) -> np.ndarray:
    """[S, S] in [0, 1]: where the parts are or were. The photo's own hair may reach farther than the generator's picture of it."""
    region = _map(around(before, after, [config.part(name) for name in names])[:, 0])
    if HAIR in names:
        region = np.max([region, _own(scene, HAIR), _strands(scene)], axis=0)
    return smooth(region, SOFT).clip(0, 1)


def _strands(scene: Scene) -> np.ndarray:
    """[S, S] in {0, 1}: where the photo's hair ends in strands before the background. Little of such a pixel is hair's, but if it stayed
    there, it would draw the outline of hair that is gone."""
    person = scene.small.matte.astype(np.float32) / 255
    others = np.max([scene.skin, scene.neck, scene.clothes], axis=0)
    hair, beside = (_grown(m > 0.5, STRANDS) for m in (_own(scene, HAIR), others))
    return _grown((person > FAINT) & hair & ~beside, 2 * SOFT).astype(np.float32)


def _grown(where: np.ndarray, reach: float) -> np.ndarray:
    """[S, S] bool, by so much of the side."""
    width = 2 * round(reach * len(where)) + 1
    return cv2.dilate(where.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))) > 0


def _map(mask: Tensor) -> np.ndarray:
    """[1, R, R] -> [S, S]"""
    return resized(mask[0].float().cpu().numpy(), SIDE)


def _own(scene: Scene, name: str) -> np.ndarray:
    """[S, S] in [0, 1]: a part off the face as the photo shows it. Hair is what of the person is neither face nor neck nor clothes."""
    person = scene.small.matte.astype(np.float32) / 255
    known = {"neck": scene.neck, "clothes": scene.clothes, BACKGROUND: 1 - person}
    if name in known:
        return known[name]
    return person * (1 - np.clip(scene.skin + scene.neck + scene.clothes, 0, 1))
