"""A report's content without an engine: cut-outs of the example photos stand in for what a persona would make."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image, ImageFilter

from portraitist.results import AttributeReport, PersonaRecord, PhotoVerdict, PictureReport, PointReport, Reach
from portraitist_workers.report import Content, Edited, Restored, Timing
from portraitist_workers.report.content import Lattice

EXAMPLES = Path(__file__).parents[2] / "examples"
ERRORS = {"yaw": 1.1, "pitch": 1.3, "roll": 0.8, "smile": 0.05, "mouth_open": 0.04, "eyes_open": 0.06}
REACH = {"yaw": (-27.0, 26.0), "pitch": (-13.0, 12.5), "smile": (0.0, 1.0)}
_LABELS = json.loads((EXAMPLES / "photos.json").read_text())["photos"]


def face(name: str) -> Image.Image:
    left, top, side = _LABELS[name]["crop"]
    box = (int(left), int(top), int(left + side), int(top + side))
    return Image.open(EXAMPLES / "photos" / name).crop(box).resize((128, 128), Image.Resampling.LANCZOS)


def nearest(**values: float) -> Image.Image:
    def distance(name: str) -> float:
        return sum(abs(_LABELS[name][k] - v) / (REACH[k][1] - REACH[k][0]) for k, v in values.items())

    return face(min(_LABELS, key=distance))


def shown(draw: random.Random, image: Image.Image, before: dict[str, float] | None = None, **asked: float) -> Any:
    attributes = {}
    for name, error in ERRORS.items():
        was = None if before is None else before.get(name, 0.3)
        base = asked.get(name, was if was is not None else 0.3)
        attributes[name] = AttributeReport(
            requested=asked.get(name),
            target=asked.get(name),
            achieved=round(base + draw.gauss(0, error), 3),
            before=was,
            error=error,
        )
    report = PictureReport(
        attributes=attributes,
        identity=0.81,
        identity_percentile=draw.choice([12.5, 40.0, 71.0, 3.0]),
        nearest_photo="photo-03.jpg",
        nearest_photo_distance=0.21,
        leakage={} if before is None else {"pitch": 0.04, "smile": 0.02},
        outside_change=0.31 if before else None,
        seed=1,
        seconds=0.06,
    )
    return SimpleNamespace(image=image, crop=image, report=report)


def content() -> Content:
    draw = random.Random(0)
    files = {p.name: p.read_bytes() for p in sorted((EXAMPLES / "photos").glob("*.jpg"))}
    verdicts = [_verdict(name) for name in files]
    reach = [
        Reach(attribute="yaw", unit="deg", low=-27, high=26),
        Reach(
            attribute="pitch",
            unit="deg",
            low=-13,
            high=12.5,
            holes=[(-3.0, 6.0)],
            advice="add a photo with pitch near 1.5: there is none between -3 and 6",
        ),
        Reach(attribute="smile", unit="", low=0, high=1),
    ]
    record = PersonaRecord(
        persona_id="per_0123456789abcdef",
        name="ana",
        prior="default@0123456789abcdef",
        organizer="regression",
        preset="balanced",
        attributes=["yaw", "pitch", "smile"],
        photos=verdicts,
        reach=reach,
        warnings=[],
        seed=0,
        versions={"portraitist": "0.1.0", "torch": "2.13.0"},
        figures={
            "perceptual": 0.024,
            "psnr": 28.3,
            "identity": 0.82,
            "identity_photos": 0.84,
            "seconds": 98.2,
            "seconds_intake": 4.1,
            "seconds_invert": 22.0,
            "seconds_tune": 66.0,
            "seconds_calibrate": 2.2,
            "seconds_evaluate": 2.6,
            "seconds_package": 1.3,
            "persona_bytes": 1.4e6,
        },
        networks={
            "identity": "dlib-resnet@1a2b3c4d",
            "attributes": "portraitist-attributes+face-mesh",
            "perceptual": "portraitist-perceptual",
        },
    )
    faces = [face(name) for name in _LABELS]
    sheet = Image.new("RGB", (128 * 12, 256))
    for i, picture in enumerate(faces[:12]):
        sheet.paste(picture, (128 * i, 0))
        sheet.paste(picture.filter(ImageFilter.GaussianBlur(0.8)), (128 * i, 128))
    steps = {name: [low + (high - low) * i / 10 for i in range(11)] for name, (low, high) in REACH.items()}
    xs, ys = steps["yaw"][::2][:5], steps["smile"][::2][:5]
    new, group = Image.open(EXAMPLES / "new.jpg"), Image.open(EXAMPLES / "group.jpg")
    was = {"yaw": 9.0, "pitch": 2.0, "roll": 0.4, "smile": 0.15}
    changed = group.copy()
    changed.paste(group.crop((440, 220, 660, 420)).filter(ImageFilter.GaussianBlur(1)), (440, 220))
    return Content(
        record=record,
        photos=files,
        preview=sheet,
        portraits=[shown(draw, f) for f in faces[3:9]],
        asked=[
            (f"ana.synthesize(yaw={y}, smile={s}, seed=7)", shown(draw, nearest(yaw=y, smile=s), yaw=y, smile=s))
            for y, s in ((20, 0.8), (-15, 0.2), (0, 1.0))
        ],
        grid=Lattice(
            ("yaw", xs), ("smile", ys), [shown(draw, nearest(yaw=x, smile=y), yaw=x, smile=y) for y in ys for x in xs]
        ),
        sweeps={n: [shown(draw, nearest(**{n: v}), **{n: v}) for v in values] for n, values in steps.items()},
        edits=[
            Edited(f"ana.edit('new.jpg', {k}={v})", new, shown(draw, new, was, **{k: v}), faces[0], nearest(**{k: v}))
            for k, v in (("yaw", -15), ("smile", 0.9))
        ],
        pulls=[
            Edited("ana.drag('new.jpg', points=[('nose', By(x=8, y=0))])", new, _pulled(draw, new), faces[0], faces[1])
        ],
        group=Edited("ana.edit('group.jpg', smile=0.0)", group, shown(draw, changed, was, smile=0.0)),
        restorations=[
            _restored(draw, n, t)
            for n, t in (
                ("tiny", "Eight times too small"),
                ("hole", "A hole over the mouth"),
                ("blurred", "Out of focus"),
            )
        ],
        timings=[Timing("learn the person", 98.2), Timing("a grid of 25", 2.4, 25), Timing("edit new.jpg", 8.1, 2)],
        machine={"processor": "2 cores"},
        about="Rendered mixes of several people.",
    )


def _pulled(draw: random.Random, image: Image.Image) -> Any:
    made = shown(draw, image)
    made.report.points = [
        PointReport(handle=(242, 398), target=(250, 398), reached=(249.8, 398.1), left=0.22, confidence=0.7),
        PointReport(
            handle=(200, 300),
            target=(300, 300),
            reached=(240, 300),
            left=60,
            confidence=0.2,
            end="stuck",
            reason="no <farther>",
        ),
    ]
    return made


def _verdict(name: str) -> PhotoVerdict:
    figures = {"face_px": 214.0, "blur": 1.1, "identity": 0.86, "brightness": 120.0}
    if name in _LABELS:
        return PhotoVerdict(name=name, accepted=True, figures=figures, attributes={k: _LABELS[name][k] for k in REACH})
    code = {"bad-duplicate.jpg": "duplicate", "bad-no-face.jpg": "no_face"}.get(name, "other_person")
    return PhotoVerdict(
        name=name,
        accepted=False,
        code=code,
        reason="The reason, and what to do about it: a sentence or two.",
        figures=figures,
    )


def _restored(draw: random.Random, name: str, title: str) -> Restored:
    truth = Image.open(EXAMPLES / "damaged" / "truth" / f"{name}.jpg")
    damaged = Image.open(EXAMPLES / "damaged" / f"{name}.jpg")
    made = shown(draw, truth.filter(ImageFilter.GaussianBlur(1)))
    made.report.consistency, made.report.degradation = 36.2, "downsample(factor=8)"
    box = (90, 105, 390, 405)
    scale = damaged.width / truth.width
    close = [
        p.crop(tuple(math.floor(s * v) for v in box)).resize((256, 256))
        for p, s in ((damaged, scale), (made.image, 1), (truth, 1))
    ]
    return Restored(
        title,
        f"ana.enhance('{name}.jpg')",
        damaged,
        made,
        truth,
        (close[0], close[1], close[2]),
        {"PSNR": (24.1, 29.8), "perceptual distance": (0.31, 0.08)},
    )
