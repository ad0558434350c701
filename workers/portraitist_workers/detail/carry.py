"""What an edited face is made of: the photo's own pixels, moved, with what the edit changed; and the generator's where there are none.

The generator's picture need not show the photo exactly. Its mesh is laid onto the photo's, so its motion happens where the photo's
features are. In the face, changes of the picture beyond its motion are added: new shading, new folds. Elsewhere only tone is, since what
flickers in generated hair is no change.
"""

from __future__ import annotations

import numpy as np

from ..faces.edited import EditedFace, Layers, before_background
from ..faces.paste import ramp
from .around import around
from .fields import SIDE, is_grey, resized, sampled, smooth, spread, through_points
from .motion import Motion
from .parts import heads_of
from .scene import Scene

_AGREE = 14.0  # grey levels: a difference of this size between the moved picture and the edited one is no motion
_CHIN = 152  # of the mesh
_BORDER = 0.08  # of the side: over this distance from the frame's border motion begins
_TONE = 0.03  # width of what counts as tone
_ROUNDS = 3
_CAME = 0.015  # of the side: who moved so far came to be elsewhere
_LIGHT = -0.3, 0.4  # change of brightness by a turn, at most: shares of it
_GAP = 0.3  # of a pixel: less is the outline's softness
_CHANGE = 4.0  # grey levels: smaller changes of the picture are its noise


def carried(scene: Scene, motion: Motion, *, light: bool = False) -> EditedFace:
    """The photo's face along `motion`. Where nothing moves nor changes, exactly the photo. With `light`, tone changes as light does: a
    generator's skin also changes its colour as it turns."""
    before, after = (resized(shown.picture, SIDE).astype(np.float32) for shown in (motion.before, motion.after))
    off = sampled(before, motion.displacement) - after
    fine = np.exp(-np.square((off - smooth(off, _TONE)) / _AGREE).mean(2))  # another light is no other thing
    fine = smooth(fine, 0.01) * motion.sure

    # From the photo's frame into the generator's pictures: of after, of before; and from there into the photo again.
    apart = (scene.points - motion.before.points)[:, :2]
    to_after = -through_points(motion.after.points[:, :2] + apart, apart)
    source = sampled(motion.displacement, to_after)
    to_before = to_after + source
    laid_on = through_points(motion.before.points[:, :2] + apart, apart)
    for _ in range(_ROUNDS):  # source = to_before + laid_on(source); without motion exactly zero
        source = to_before + sampled(laid_on, source)
    inner = sampled(motion.face, to_after)
    chin = float((motion.after.points + scene.points - motion.before.points)[_CHIN, 1])
    source = around(scene, source, inner, sampled(motion.sure, to_after), chin) * ramp(SIDE, _BORDER)[..., None]
    photo = scene.face.astype(np.float32)
    there = scene.small.seen(lambda m: sampled(m, source))
    moved = before_background(sampled(photo, source), photo, there, scene.small)
    # Where the face comes to be and the photo has background, it shows nothing of that side. Hair or a hand on the face stays.
    bare = (1 - there.matte.astype(np.float32) / 255) * np.clip(np.linalg.norm(source, axis=2) / _CAME, 0, 1)
    face = inner * (sampled(scene.skin, source) + bare).clip(0, 1)
    fine = sampled(fine, to_after) * (1 - bare)
    trust = (1 - face * (1 - fine)) * (1 - _uncovered(scene, there, motion, to_after))

    new, old = sampled(after, to_after), sampled(before, to_before)
    change, seen = new - old, face * fine
    tone = smooth(change * seen[..., None], _TONE) / (smooth(seen, _TONE)[..., None] + 0.1)
    fold = change - tone
    size = smooth(np.sqrt(np.square(fold).mean(2)), 0.01)
    kept = face * (1 - np.exp(-np.square(size / _CHANGE)))
    change = (_as_light(tone, moved) if light else tone) + kept[..., None] * fold
    plain = new + spread(moved - old, seen)
    if is_grey(photo):
        plain, change = (np.repeat(m.mean(2, keepdims=True), 3, 2) for m in (plain, change))
    return EditedFace(
        plain=plain,
        change=change,
        trust=trust,
        source=source,
        grain=face * sampled(motion.sure, to_after),
        moved=moved,
        layers=scene.layers,
    )


def _uncovered(scene: Scene, there: Layers, motion: Motion, to_after: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: where the photo shows the person and the moved photo no longer does, but the generator's picture still does.
    A turn brought a side of the head into view that the photo does not have."""
    gap = (scene.small.matte.astype(np.float32) - there.matte) / 255
    if gap.max() <= _GAP:
        return np.zeros_like(gap)
    [head] = heads_of([motion.after.picture])
    return smooth(np.clip(2 * gap, 0, 1) * sampled(head, to_after), 0.006)


def _as_light(tone: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """A change of tone [S, S, 3] by as much in brightness, in the colours of the picture `moved`."""
    colours = smooth(moved, _TONE)
    brightness = colours.mean(2, keepdims=True) + 1
    return colours * (tone.mean(2, keepdims=True) / brightness).clip(*_LIGHT)
