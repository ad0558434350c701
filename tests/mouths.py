"""Faces of a test person by how far their mouths are open."""

import json
from pathlib import Path

import numpy as np

from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read

CORA = Path(__file__).parent / "people" / "cora"
SIDE = 512


def faces_of_cora(*places: int) -> list[np.ndarray]:
    """Faces [SIDE, SIDE, 3] uint8 that look ahead, by their places in that order: 0 is the most shut one, -1 the widest open one."""
    entries = json.loads((CORA / "labels.json").read_text())["photos"]
    names = sorted(entries, key=lambda name: entries[name]["mouth_open"])
    near = [name for name in names if abs(entries[name]["yaw"]) < 15]
    photos = [read(CORA / near[place]) for place in places]
    return [crop(photo, ffhq_frame(detect_faces(photo)[0].points), SIDE) for photo in photos]
