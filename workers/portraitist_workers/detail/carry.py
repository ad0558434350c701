"""What an edited face is made of: the photo's own pixels, moved, with what the edit changed; and the generator's where there are none.

In the face, changes of the picture beyond its motion are added: new shading, new folds. When the head turns, only at eyes and mouth:
elsewhere what comes into view is the photo's, stretched. In hair only tone is added, since what flickers in generated hair is no change.
"""

from __future__ import annotations

import numpy as np

from ..faces.edited import EditedFace, before_background
from .fields import SIDE, is_grey, resized, sampled, smooth, spread
from .laying import CHANGING, Way, laid_on, near
from .mesh import lips_of
from .motion import Motion
from .mouth import came_into_view
from .scene import Scene

_AGREE = 14.0  # grey levels: a difference of this size between the moved picture and the edited one is no motion
_AT, _ABOUT = (
    0.02,
    0.06,
)  # of the side around eyes and mouth: so far a turned head is the generator's, and has its folds
_LIP = 0.004  # of the side over which lips begin
_TONE = 0.03  # width of what counts as tone
_CAME = 0.015  # of the side: who moved so far came to be elsewhere
_LIGHT = -0.15, 0.15  # change of brightness by a turn, at most: shares of it
_CHANGE = 4.0  # grey levels: smaller changes of the picture are its noise


def carried(scene: Scene, motion: Motion, *, light: bool = False) -> EditedFace:
    """The photo's face along `motion`. Where nothing moves nor changes, exactly the photo. With `light`, tone changes as light does: a
    generator's skin also changes its colour as it turns."""
    before, after = (resized(shown.picture, SIDE).astype(np.float32) for shown in (motion.before, motion.after))
    way, photo = laid_on(scene, motion), scene.face.astype(np.float32)
    there = scene.small.seen(lambda m: sampled(m, way.source))
    moved = before_background(sampled(photo, way.source), photo, there, scene.small)
    # Where the face comes to be and the photo has background, it shows nothing of that side. Hair or a hand on the face stays.
    bare = (1 - there.matte.astype(np.float32) / 255) * np.clip(np.linalg.norm(way.source, axis=2) / _CAME, 0, 1)
    face = way.inner * (sampled(scene.skin, way.source) + bare).clip(0, 1)
    # Lips keep their own pixels, however they move. The generator's are blurred, and where no photo smiles they are half teeth.
    lips = smooth(lips_of(way.points), _LIP)
    if not came_into_view(scene.points, way.points):
        lips = lips * way.sure  # teeth that are gone may not stay between them
    fine = np.maximum(sampled(_explained(motion, before, after), way.to_after), lips) * (1 - bare)
    seen = face * fine
    at, about = (1 + way.turned * (near(way.points, CHANGING, beyond) - 1) for beyond in (_AT, _ABOUT))
    new = sampled(after, way.to_after)
    tone, fold = _changes(new - sampled(before, way.to_before), seen, face * about * (1 - lips), way)
    change = (_as_light(tone, moved) if light else tone) + fold
    plain = new + spread(moved - sampled(before, way.to_before), seen)
    if is_grey(photo):
        plain, change = (np.repeat(m.mean(2, keepdims=True), 3, 2) for m in (plain, change))
    return EditedFace(
        plain=plain,
        change=change,
        trust=1 - face * (1 - fine) * at,
        source=way.source,
        grain=face * way.sure,
        moved=moved,
        layers=scene.layers,
    )


def _explained(motion: Motion, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: where the motion explains what the generator's picture `after` shows. Another light is no other thing."""
    off = sampled(before, motion.displacement) - after
    return smooth(np.exp(-np.square((off - smooth(off, _TONE)) / _AGREE).mean(2)), 0.01) * motion.sure


def _changes(change: np.ndarray, seen: np.ndarray, where: np.ndarray, way: Way) -> tuple[np.ndarray, np.ndarray]:
    """A change [SIDE, SIDE, 3] of the generator's picture beyond its motion: its tone where it is `seen`, and its folds `where` they
    belong."""
    tone = smooth(change * seen[..., None], _TONE) / (smooth(seen, _TONE)[..., None] + 0.1)
    fold = change - tone
    size = smooth(np.sqrt(np.square(fold).mean(2)), 0.01)
    kept = where * way.sure * (1 - np.exp(-np.square(size / _CHANGE)))
    return tone, kept[..., None] * fold


def _as_light(tone: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """A change of tone [S, S, 3] by as much in brightness, in the colours of the picture `moved`."""
    colours = smooth(moved, _TONE)
    brightness = colours.mean(2, keepdims=True) + 1
    return colours * (tone.mean(2, keepdims=True) / brightness).clip(*_LIGHT)
