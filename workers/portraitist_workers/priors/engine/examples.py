"""The people and photos of tests and examples: fixed mixes of held-out people, photographed in natural frames.

None of them shares a person with the training data. Each is a mix of three, none weighing more than 0.7, so nobody of the
London set is shown as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from . import background
from .canvas import Canvas
from .compose import Engine, Portrait
from .frames import draw_frame, with_torso
from .labels import Labels
from .sample import draw_clothes, draw_gaze, draw_light, draw_look
from .view import Frame

TUNE, HELD_OUT = 16, 8  # photos per test person: to personalise, to measure
MORE = {"ada": 24}  # further photos to personalise with: how organisers do with 40


@dataclass(frozen=True)
class Character:
    """A made-up person: ids of the London set with weights and mirroring, whose hair, and its shift in Lab."""

    ids: tuple[str, str, str]
    weights: tuple[float, float, float]
    flips: tuple[bool, bool, bool]
    donor: int
    hair: tuple[float, float, float] = (0.0, 0.0, 0.0)


TEST_PEOPLE = {
    "ada": Character(("030", "094", "064"), (0.65, 0.20, 0.15), (False, True, False), 0),
    "bruno": Character(("104", "132", "142"), (0.62, 0.20, 0.18), (False, False, True), 0, (2.0, 2.0, 5.0)),
    "cora": Character(("099", "064", "094"), (0.68, 0.20, 0.12), (False, True, False), 0),
    "dario": Character(("142", "132", "104"), (0.56, 0.29, 0.15), (True, False, False), 0),
}
DEMO_PERSON = Character(("094", "064", "030"), (0.60, 0.22, 0.18), (False, False, True), 0, (2.0, 3.0, 3.0))
STRANGER = Character(("123", "132", "104"), (0.60, 0.25, 0.15), (False, True, False), 0)


class Photographer:
    """Takes photos of characters."""

    def __init__(self, canvas: Canvas):
        self.canvas = canvas
        self.engine = Engine(canvas, 256)

    def labels(self, rng: np.random.Generator, who: Character, **fixed: Any) -> Labels:
        """Random circumstances (light, background, clothes, camera) for `who`; `fixed` labels replace drawn ones."""
        indices = tuple(self.canvas.ids.index(i) for i in who.ids)
        yaw = fixed.get("yaw", 0.0)
        drawn = {
            **draw_light(rng),
            **draw_look(rng),
            "clothes": draw_clothes(rng),
            "gaze": draw_gaze(rng, yaw),
            "hair": who.hair,
            "roll": float(np.clip(rng.normal(0, 4), -12, 12)),
            "distance": float(np.exp(rng.uniform(np.log(80), np.log(220)))),
            "blur": float(rng.uniform(0.0, 0.25)),
            "grain": float(rng.uniform(0.3, 1.2)),
            "seed": int(rng.integers(2**62)),
        }
        # people choose the photos they give away: no wild colours or exposures
        drawn["tint"] = tuple(1 + 0.6 * (t - 1) for t in drawn["tint"])
        drawn |= {
            "exposure": 0.6 * drawn["exposure"],
            "saturation": 1 + 0.5 * (drawn["saturation"] - 1),
            "gamma": 1 + 0.6 * (drawn["gamma"] - 1),
            "white_balance": tuple(0.6 * v for v in drawn["white_balance"]),
        }
        return Labels(people=indices, flips=who.flips, weights=who.weights, donor=who.donor, **{**drawn, **fixed})

    def take(self, labels: Labels, frame: Frame, behind: np.ndarray | None = None) -> Portrait:
        return self.engine.render(labels, frame, change=with_torso, behind=behind)

    def series(self, rng: np.random.Generator, who: Character, count: int) -> list[tuple[Portrait, Frame]]:
        """`count` photos that spread evenly over yaw -25..25, pitch -12..12 and smile 0..1, in random combinations."""
        yaw, pitch = (rng.permutation(np.linspace(-limit, limit, count)) for limit in (25, 12))
        smile = rng.permutation(np.linspace(0, 1, count))
        out = []
        for i in range(count):
            labels = self.labels(
                rng,
                who,
                yaw=float(yaw[i]),
                pitch=float(pitch[i]),
                smile=float(smile[i]),
                jaw=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.2 else 0.0,
                blink=float(rng.uniform(0.2, 0.6)) if rng.random() < 0.08 else 0.0,
            )
            frame = draw_frame(rng)
            out.append((self.take(labels, frame), frame))
        return out


def render_examples(canvas: Canvas, out: Path, seed: int = 0) -> None:
    """Writes tests/people and examples/ under `out`, the project's root."""
    photographer = Photographer(canvas)
    for number, (name, who) in enumerate(TEST_PEOPLE.items()):
        rng = np.random.default_rng([seed, number])
        shots = photographer.series(rng, who, TUNE) + photographer.series(rng, who, HELD_OUT)
        shots += photographer.series(np.random.default_rng([seed, number, 1]), who, MORE.get(name, 0))
        folder = out / "tests" / "people" / name
        entries = {}
        for i, (picture, frame) in enumerate(shots):
            file = f"{name}-{i:02d}.jpg"
            write_photo(folder / file, picture.image)
            entries[file] = _entry(picture, frame) | {"split": _split(i)}
        _write_labels(folder / "labels.json", who, entries)
    _demo(photographer, out / "examples", np.random.default_rng([seed, 100]))


def _split(index: int) -> str:
    return "personalise" if index < TUNE else "held_out" if index < TUNE + HELD_OUT else "more"


def _demo(photographer: Photographer, out: Path, rng: np.random.Generator) -> None:
    shots = photographer.series(rng, DEMO_PERSON, 16)
    entries = {}
    for i, (picture, frame) in enumerate(shots):
        write_photo(out / "photos" / f"photo-{i:02d}.jpg", picture.image)
        entries[f"photo-{i:02d}.jpg"] = _entry(picture, frame)
    _bad_photos(photographer, out / "photos", rng, shots[4][0].image)
    _write_labels(out / "photos.json", DEMO_PERSON, entries)  # beside the folder, which holds nothing but photos

    further = photographer.labels(rng, DEMO_PERSON, yaw=9.0, pitch=2.0, smile=0.15, scene="room", exposure=0.0)
    write_photo(out / "new.jpg", photographer.take(further, draw_frame(rng, (480, 560), 260)).image)
    _group_photo(photographer, out / "group.jpg", rng)
    _damaged(photographer, out / "damaged", rng)


def _bad_photos(photographer: Photographer, folder: Path, rng: np.random.Generator, good: np.ndarray) -> None:
    """Four that photo intake must refuse or set aside."""
    picture = photographer.take(
        photographer.labels(rng, DEMO_PERSON, yaw=-6.0, smile=0.5), draw_frame(rng, (480, 560), 240)
    )
    write_photo(folder / "bad-blurred.jpg", cv2.GaussianBlur(picture.image, (0, 0), 9))
    picture = photographer.take(
        photographer.labels(rng, STRANGER, yaw=7.0, smile=0.7), draw_frame(rng, (480, 560), 270)
    )
    write_photo(folder / "bad-another-person.jpg", picture.image)
    smaller = cv2.resize(good, None, fx=0.93, fy=0.93, interpolation=cv2.INTER_AREA)
    write_photo(folder / "bad-duplicate.jpg", smaller, quality=80)
    empty = background.enlarge(background.paint("room", rng, 2.0, 2.6, focus=0.02), 480, 640)
    write_photo(folder / "bad-no-face.jpg", np.rint(255 * empty).astype(np.uint8))


def _group_photo(photographer: Photographer, path: Path, rng: np.random.Generator) -> None:
    """The stranger behind, the demo person in front, in one light."""
    plain = {
        "exposure": 0.0,
        "gamma": 1.0,
        "saturation": 1.0,
        "white_balance": (0.0, 0.0),
        "blur": 0.0,
        "grain": 0.0,
        "roll": 0.0,
        "distance": 150.0,
    }
    back = photographer.labels(
        rng, STRANGER, **plain, yaw=12.0, pitch=-1.0, smile=0.8, gaze=(-0.3, 0.0), scene="outdoors"
    )
    front = photographer.labels(
        rng,
        DEMO_PERSON,
        **{**plain, "grain": 0.8},
        yaw=-10.0,
        pitch=2.0,
        smile=0.6,
        gaze=(0.3, 0.0),
        sh=back.sh,
        tint=back.tint,
    )
    first = photographer.take(back, Frame(480, 760, 70.0, 160.0, 260.0))
    write_photo(path, photographer.take(front, Frame(480, 760, 420.0, 178.0, 260.0), behind=first.image).image)


def _damaged(photographer: Photographer, folder: Path, rng: np.random.Generator) -> None:
    """Three further photos, degraded: 8 times smaller, a hole over the mouth (with its mask), blurred."""
    views = {"tiny": (5.0, 0.9), "hole": (-8.0, 0.0), "blurred": (12.0, 0.4)}
    for name, (yaw, smile) in views.items():
        labels = photographer.labels(rng, DEMO_PERSON, yaw=yaw, pitch=0.0, smile=smile, roll=0.0, blink=0.0)
        frame = Frame(480, 480, 90.0, 105.0, 300.0)
        truth = photographer.take(labels, frame).image
        write_photo(folder / "truth" / f"{name}.jpg", truth, quality=93)
        if name == "tiny":
            small = 26  # px: the face crop of 300 px becomes 16 px, an eighth of the prior's 128
            write_photo(
                folder / "tiny.jpg", cv2.resize(truth, (small, small), interpolation=cv2.INTER_AREA), quality=95
            )
        elif name == "blurred":
            write_photo(folder / "blurred.jpg", cv2.GaussianBlur(truth, (0, 0), 3 * 300 / 128), quality=93)
        else:
            mask = np.zeros(truth.shape[:2], np.uint8)
            x = int(frame.left + (0.5 + 0.35 * np.sin(np.radians(yaw)) * 0.5) * frame.side)
            y = int(frame.top + 0.70 * frame.side)
            mask[y - 36 : y + 36, x - 56 : x + 56] = 255
            write_photo(folder / "hole.jpg", np.where(mask[..., None] > 0, np.uint8(128), truth), quality=93)
            cv2.imwrite(str(folder / "hole-mask.png"), mask)  # white: missing (portraitist.Mask)


def write_photo(path: Path, image: np.ndarray, quality: int = 88) -> None:
    """RGB uint8 -> JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def _entry(picture: Portrait, frame: Frame) -> dict:
    known = picture.labels.as_json()
    names = ("yaw", "pitch", "roll", "smile", "smile_geo", "mouth_open", "eyes_open", "brow", "gaze", "distance")
    return {name: known[name] for name in names} | {"crop": [round(v, 1) for v in (frame.left, frame.top, frame.side)]}


def _write_labels(path: Path, who: Character, entries: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "sources": dict(zip(who.ids, who.weights, strict=True)),
        "hair": who.ids[who.donor],
        "note": "Rendered mix of held-out people of the Face Research Lab London Set (CC-BY 4.0). Degrees; yaw > 0 to "
        "image right, pitch > 0 up, roll > 0 clockwise. crop = left, top, side of the FFHQ crop before roll.",
    }
    path.write_text(json.dumps(about | {"photos": entries}, indent=1) + "\n")
