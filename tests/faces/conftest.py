"""Photos for the face tests: renders of mixes of held-out people, with exact labels beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read, to_tensor

ROOT = Path(__file__).parents[2]
PEOPLE = ("ada", "bruno", "cora", "dario")


@pytest.fixture(scope="session")
def photos() -> Path:
    """The example person: photo-NN.jpg, and four bad-*.jpg."""
    return ROOT / "examples" / "photos"


def person_photos(name: str) -> list[Path]:
    return sorted((ROOT / "tests" / "people" / name).glob("*.jpg"))


def person_labels(name: str) -> dict[str, dict]:
    """File name -> labels."""
    data = json.loads((ROOT / "tests" / "people" / name / "labels.json").read_text())
    return data["photos"] if "photos" in data else data


@pytest.fixture(scope="session")
def faces() -> tuple[torch.Tensor, list[str], list[dict]]:
    """30 aligned faces [N, 3, 128, 128] of four people, whose they are, and their labels."""
    pictures, owners, labels = [], [], []
    for name in PEOPLE:
        for path in person_photos(name)[::4]:
            photo = read(path)
            pictures.append(crop(photo, ffhq_frame(detect_faces(photo)[0].points), 128))
            owners.append(name)
            labels.append(person_labels(name)[path.name])
    return to_tensor(np.stack(pictures)), owners, labels
