"""Photos for the face tests: renders of mixes of held-out people, with exact labels beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # small networks: a second thread gains little, and loses a lot on a busy machine

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
