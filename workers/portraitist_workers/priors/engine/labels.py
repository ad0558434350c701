"""What one picture shows, as numbers: the dataclass `Labels` and its flat vector.

Signs and units are the project's: yaw > 0 turns the face to image right, pitch > 0 looks up, roll > 0 is clockwise in the
image, all in degrees. smile, mouth_open and eyes_open lie in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from .canvas import SHAPES

BACKGROUND_CELLS = 8  # the background's code is its average colour in 8 x 8 cells


@dataclass(frozen=True)
class Labels:
    """Everything that decides a picture. `sample.draw` fills it, `compose.render` adds the measured part.

    Sources are the mixed people: index in the canvas, mirrored or not, weight in the inner face. The source number
    `donor` lends hair, ears, neck and outline.
    """

    seed: int  # of what no label describes: grain and the background's layout
    people: tuple[int, ...]  # [n] n = 2 or 3, index in the canvas
    flips: tuple[bool, ...]  # [n]
    weights: tuple[float, ...]  # [n] sum 1, none above 0.7
    donor: int  # 0..n-1
    shape: tuple[float, ...] = (
        0.0,
    ) * SHAPES  # weights of the model's first identity modes, added to the mixed surface
    yaw: float = 0.0  # degrees
    pitch: float = 0.0  # degrees
    roll: float = 0.0  # degrees
    distance: float = 120.0  # camera to head centre, ICT units (about cm)
    smile: float = 0.0  # 0 neutral .. 1 these people's full smile
    jaw: float = 0.0  # weight of ICT jawOpen, 0..0.6
    blink: float = 0.0  # 0 open .. 1 closed
    brow: float = 0.0  # -1 frown .. 1 raised
    pucker: float = 0.0  # 0..0.7
    gaze: tuple[float, float] = (0.0, 0.0)  # of the eyes in the head, -1..1: image right, up
    sh: tuple[float, ...] = (1.0,) + (0.0,) * 8  # light, basis in light.py
    tint: tuple[float, ...] = (1.0, 1.0, 1.0)  # colour of the light, mean 1
    hair: tuple[float, ...] = (0.0, 0.0, 0.0)  # shift of the hair in Lab
    clothes: tuple[float, ...] = (0.93, 0.93, 0.94)  # RGB factor on the white shirts
    exposure: float = 0.0  # stops
    gamma: float = 1.0
    saturation: float = 1.0
    white_balance: tuple[float, float] = (0.0, 0.0)  # log gain of red and of blue
    shift: tuple[float, float] = (0.0, 0.0)  # of the face from the FFHQ position, share of the crop: right, down
    scale: float = 1.0  # of the face against the FFHQ size
    blur: float = 0.3  # sigma in pixels of a 128 px picture
    grain: float = 1.5  # sigma in grey levels of 255
    scene: str = "gradient"  # kind of background, see background.py
    # Measured by compose.render:
    smile_geo: float = field(default=np.nan)  # travel of the mouth corners by smiling / 1 ICT unit, clipped to [0, 1]
    mouth_open: float = field(default=np.nan)  # gap between the inner lips / 2.5 ICT units, clipped to [0, 1]
    background: np.ndarray | None = field(default=None, compare=False)  # [8, 8, 3] RGB in [0, 1], before the person

    @property
    def eyes_open(self) -> float:
        return 1.0 - self.blink

    def to_vector(self, num_people: int) -> np.ndarray:
        """float32 [WIDTH + 4 * num_people], laid out as `label_fields(num_people)` says.

        Raises ValueError for labels that have not been rendered, since they lack the measured values.
        """
        if self.background is None or np.isnan(self.mouth_open):
            raise ValueError("these labels lack measured values: take those that compose.render returns")
        parts = []
        for name, width in _WIDTHS.items():
            value = np.log(self.distance) if name == "log_distance" else getattr(self, name)
            value = np.asarray(value, np.float32).ravel()
            if value.size != width:
                raise ValueError(f"label {name} has {value.size} numbers, expected {width}")
            parts.append(value)
        id_w, donor = np.zeros((2, num_people), np.float32), np.zeros((2, num_people), np.float32)
        for person, flip, weight in zip(self.people, self.flips, self.weights, strict=True):
            id_w[int(flip), person] += weight
        donor[int(self.flips[self.donor]), self.people[self.donor]] = 1.0
        return np.concatenate([*parts, id_w.ravel(), donor.ravel()])

    def as_json(self) -> dict:
        """Plain numbers for labels.json, without the background."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "background"} | {
            "eyes_open": round(self.eyes_open, 4)
        }


_WIDTHS = {
    "yaw": 1,
    "pitch": 1,
    "roll": 1,
    "log_distance": 1,
    "smile": 1,
    "smile_geo": 1,
    "mouth_open": 1,
    "eyes_open": 1,
    "jaw": 1,
    "brow": 1,
    "pucker": 1,
    "gaze": 2,
    "sh": 9,
    "tint": 3,
    "hair": 3,
    "clothes": 3,
    "exposure": 1,
    "gamma": 1,
    "saturation": 1,
    "white_balance": 2,
    "shift": 2,
    "scale": 1,
    "blur": 1,
    "grain": 1,
    "background": 3 * BACKGROUND_CELLS**2,
    "shape": SHAPES,
}


def _slices() -> dict[str, slice]:
    out, start = {}, 0
    for name, width in _WIDTHS.items():
        out[name] = slice(start, start + width)
        start += width
    return out


# Where each label lies in the vector (raw units of `Labels`; log_distance is the natural logarithm).
LABEL_FIELDS: dict[str, slice] = _slices()
WIDTH = sum(_WIDTHS.values())


def label_fields(num_people: int) -> dict[str, slice]:
    """LABEL_FIELDS plus the two that depend on the number of people in the canvas.

    * `id_w` [2 * num_people]: weight in the inner face of each person as photographed, then of each mirrored person.
    * `donor` [2 * num_people]: one-hot in the same order, whose hair, ears and neck are shown.
    """
    return LABEL_FIELDS | {
        "id_w": slice(WIDTH, WIDTH + 2 * num_people),
        "donor": slice(WIDTH + 2 * num_people, WIDTH + 4 * num_people),
    }


# Mean and spread for a network's input, by design of sample.py; (value - mean) / spread is about unit size.
_TYPICAL = {
    "yaw": (0, 13),
    "pitch": (0, 6),
    "roll": (0, 3),
    "log_distance": (4.9, 0.37),
    "smile": (0.5, 0.4),
    "smile_geo": (0.4, 0.35),
    "mouth_open": (0.15, 0.2),
    "eyes_open": (0.9, 0.3),
    "jaw": (0.07, 0.14),
    "brow": (0, 0.4),
    "pucker": (0.03, 0.12),
    "gaze": (0, 0.3),
    "sh": (0, 0.5),
    "tint": (1, 0.06),
    "hair": (0, 6),
    "clothes": (0.5, 0.3),
    "exposure": (0, 0.2),
    "gamma": (1, 0.1),
    "saturation": (1, 0.15),
    "white_balance": (0, 0.04),
    "shift": (0, 0.008),
    "scale": (1, 0.012),
    "blur": (0.3, 0.2),
    "grain": (1.5, 1),
    "background": (0.5, 0.25),
    "shape": (0, 0.5),
}


def normalisation() -> tuple[np.ndarray, np.ndarray]:
    """(mean, spread), float32 [WIDTH] each, for the part of the vector before `id_w`."""
    mean, spread = np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32)
    for name, where in LABEL_FIELDS.items():
        mean[where], spread[where] = _TYPICAL[name]
    return mean, spread


def _plain(value):
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    return round(float(value), 4) if isinstance(value, (float, np.floating)) else value
