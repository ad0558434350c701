"""Photos of a made-up person before and after their head turns, by the engine: the same light, clothes and camera, and the body stays.

Only whoever has the engine's canvas (`priors/engine/build.py`) can make them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from portraitist_workers.priors.engine.canvas import Canvas
from portraitist_workers.priors.engine.examples import DEMO_PERSON, STRANGER, TEST_PEOPLE, Photographer
from portraitist_workers.priors.engine.frames import with_torso
from portraitist_workers.priors.engine.mix import Mix
from portraitist_workers.priors.engine.view import Frame

PEOPLE = TEST_PEOPLE | {"demo": DEMO_PERSON, "stranger": STRANGER}
FRAME = Frame(768, 768, 166.0, 190.0, 436.0)  # a whole photo; the face's crop is 436 px
YAWS = (-20.0, -10.0, 10.0, 20.0)
_AXIS_Z = 0.5  # of the turn, ICT units before the middle of the head: between the ears
_NECK = -9.5, -5.0  # ICT units: height where the body ends and the head begins, at the ears' depth ...
_LEAN = 0.35  # ... and lower per unit of depth: the chin is head


@dataclass(frozen=True, eq=False)
class Pair:
    """Photos [H, W, 3] uint8 of one person; `photo` names that before."""

    person: str
    photo: str
    yaw: float
    before: np.ndarray
    after: np.ndarray
    matte: np.ndarray  # [H, W] uint8 of `after`


def turned(yaw: float) -> Callable[[Mix], Mix]:
    """With a torso, and with the head turned by `yaw` degrees on it."""

    def change(mix: Mix) -> Mix:
        whole = with_torso(mix)
        pos = whole.pos
        height = pos[..., 1] + _LEAN * (pos[..., 2] - _AXIS_Z)
        share = np.clip((height - _NECK[0]) / (_NECK[1] - _NECK[0]), 0, 1)
        angle = np.radians(yaw) * share * share * (3 - 2 * share)
        c, s = np.cos(angle), np.sin(angle)
        x, z = pos[..., 0], pos[..., 2] - _AXIS_Z
        return replace(
            whole, pos=np.stack([c * x + s * z, pos[..., 1], c * z - s * x + _AXIS_Z], -1).astype(np.float32)
        )

    return change


def pairs(canvas: Path, people: Collection[str] = tuple(PEOPLE), seed: int = 0, per_person: int = 1) -> list[Pair]:
    """For each of `people` and each of YAWS; people look about straight ahead before."""
    photographer, found = Photographer(Canvas.load(canvas)), []
    for number, (name, who) in enumerate(PEOPLE.items()):
        for k in range(per_person if name in people else 0):
            rng = np.random.default_rng([seed, number, k])
            labels = photographer.labels(rng, who, yaw=0.0, pitch=float(rng.uniform(-4, 4)), smile=float(rng.random()))
            labels = replace(labels, gaze=(0.0, 0.0), roll=0.0)
            before = photographer.engine.render(labels, FRAME, change=with_torso).image
            for yaw in YAWS:
                truth = photographer.engine.render(labels, FRAME, change=turned(yaw))
                found.append(Pair(name, f"{name}-{k}", yaw, before, truth.image, truth.alpha))
    return found
