"""What an edit of a photo cannot do justice to, in sentences for its report. Known as soon as the photo is open."""

from __future__ import annotations

import numpy as np

from ..detail.scene import Scene
from ..faces.hands import load_hands
from ..persona.subject import Subject

_CUT = 0.04  # of the mesh's points: so many may lie beyond the photo's edge
_FINGERS = 0.5  # of a palm's box: fingers reach so far around it
_TOUCH = 0.55  # of the two frames' mean size: heads whose middles are nearer than that touch


def cautions(subject: Subject, scene: Scene) -> tuple[str, ...]:
    """Of an opened photo. Raises PriorUnavailable."""
    found = subject.stranger
    if subject.largest:
        found.append(
            f"{1 + len(subject.others)} faces were found, and the largest is changed; a place in another one (`face`) changes that"
        )
    if _hand_before(subject, scene):
        found.append(
            "a hand is in front of the face: it moves with the face, and what it hides is not known; use a photo without it"
        )
    if _beyond(subject, scene) > _CUT:
        found.append(
            "the photo's edge cuts the face off: what lies beyond it is made up; use a photo with the whole head"
        )
    if _touching(subject):
        found.append("another head touches this one: it stays as it is, and the border between the two may show")
    return tuple(found)


def _hand_before(subject: Subject, scene: Scene) -> bool:
    for palm in load_hands()(subject.pixels)[0]:
        low, high = np.array(palm.box[:2]), np.array(palm.box[2:])
        reach = _FINGERS * (high - low)
        points = scene.points[:, :2]
        if ((points > low - reach) & (points < high + reach)).all(1).any():
            return True
    return False


def _beyond(subject: Subject, scene: Scene) -> float:
    """Share of the face that lies beyond the photo's edge."""
    to_photo = subject.frame.to_photo(1)
    points = scene.points[:, :2] @ to_photo[:, :2].T + to_photo[:, 2]
    return float(((points < 0) | (points > subject.photo.shape[1::-1])).any(1).mean())


def _touching(subject: Subject) -> bool:
    mine = subject.frame
    return any(
        np.hypot(mine.centre_x - other.centre_x, mine.centre_y - other.centre_y) < _TOUCH * (mine.size + other.size) / 2
        for other in subject.others
    )
