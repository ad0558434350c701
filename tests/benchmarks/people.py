"""The test people: rendered photos of four made-up faces whose pose and expression are known exactly.

tests/people/<name>/ holds labels.json and 24 photos: 16 personalise, 8 are held out. Ada has 24 more to personalise with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import decode, to_tensor

FOLDER = Path(__file__).resolve().parents[1] / "people"
NAMES = ("ada", "bruno", "cora", "dario")


@dataclass(frozen=True)
class Photo:
    """`labels`: yaw, pitch (degrees), smile, mouth_open, eyes_open ([0, 1]) as rendered."""

    name: str
    data: bytes
    labels: dict[str, float]
    held_out: bool


def load(person: str) -> list[Photo]:
    """The photos of `person`, in order."""
    folder = FOLDER / person
    entries = json.loads((folder / "labels.json").read_text())["photos"]
    return [
        Photo(name, (folder / name).read_bytes(), _labels(entry), entry["split"] == "held_out")
        for name, entry in entries.items()
    ]


def _labels(entry: dict) -> dict[str, float]:
    # What can be seen of a smile is the travel of the mouth's corners; that is what the attribute network estimates.
    # Roll is left out: alignment takes it away.
    return {
        "yaw": entry["yaw"],
        "pitch": entry["pitch"],
        "smile": entry["smile_geo"],
        "mouth_open": entry["mouth_open"],
        "eyes_open": entry["eyes_open"],
    }


@dataclass(frozen=True)
class Aligned:
    """A photo's face in the prior's frame: pixels [1, 3, R, R] in [-1, 1], the middle of its mouth in crop px."""

    name: str
    pixels: Tensor
    labels: dict[str, float]
    mouth: tuple[float, float]


def align(photos: list[Photo], side: int) -> list[Aligned]:
    """The largest face of every photo; photos without a detected face are left out."""
    aligned = []
    for photo in photos:
        picture = decode(photo.data, photo.name)
        faces = detect_faces(picture)
        if not faces:
            continue
        points = faces[0].points
        frame = ffhq_frame(points)
        middle = points[3:5].mean(0)
        mouth = frame.to_crop(side) @ np.array([*middle, 1.0])
        pixels = to_tensor(crop(picture, frame, side)[None])
        aligned.append(Aligned(photo.name, pixels, photo.labels, (float(mouth[0]), float(mouth[1]))))
    return aligned


def photographed(data: Path, names: list[str], side: int) -> list[Aligned]:
    """Photos of the London set, `data`/london/NAME: real people, of whom nothing is labelled."""
    return align([Photo(name, (data / "london" / name).read_bytes(), {}, False) for name in names], side)


def stack(aligned: list[Aligned]) -> Tensor:
    """[N, 3, R, R]"""
    return torch.cat([a.pixels for a in aligned])
