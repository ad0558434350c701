"""The attributes a persona can be controlled by: names, units, ranges and sign conventions.

    yaw         degrees   > 0: the face turns towards the image's right
    pitch       degrees   > 0: the face looks up
    roll        degrees   > 0: clockwise in the image
    smile       [0, 1]    0: the person's neutral mouth, 1: a broad smile
    mouth_open  [0, 1]    0: lips closed, 1: wide open
    eyes_open   [0, 1]    0: eyes closed, 1: wide open

Apps may add attributes of their own ("age", in years, say) by supplying a value with each photo.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """One controllable attribute. `low`/`high` bound what a request may ask of *any* person."""

    name: str
    unit: str  # "deg", "" for [0, 1] scales, or the app's own
    low: float
    high: float


ATTRIBUTES: dict[str, Attribute] = {
    a.name: a
    for a in (
        Attribute("yaw", "deg", -60.0, 60.0),
        Attribute("pitch", "deg", -40.0, 40.0),
        Attribute("roll", "deg", -30.0, 30.0),
        Attribute("smile", "", 0.0, 1.0),
        Attribute("mouth_open", "", 0.0, 1.0),
        Attribute("eyes_open", "", 0.0, 1.0),
    )
}
ESTIMATED = tuple(ATTRIBUTES)  # those the bundled attribute network measures on every picture
DEFAULT_ATTRIBUTES = ("yaw", "pitch", "smile")
