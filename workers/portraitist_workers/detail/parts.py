"""Where aligned pictures show face, and where head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faces.image_io import to_tensor
from ..faces.parser import load_parser
from .fields import SIDE, resized

FACE = ("skin", "brows", "eyes", "nose", "lips", "mouth")


def heads_of(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """All of the person in pictures [R, R, 3] uint8 of any sizes: probabilities [B, SIDE, SIDE]. Raises PriorUnavailable."""
    return 1 - parts_of(pictures)["background"]


def parts_of(pictures: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Every part of the parser in pictures [R, R, 3] uint8 of any sizes: probabilities [B, SIDE, SIDE] by name."""
    parser = load_parser()
    seen = parser(to_tensor(np.stack([resized(picture, SIDE) for picture in pictures]))).cpu().numpy()
    return {name: seen[:, index] for index, name in enumerate(parser.names)}


def seen_parts(picture: np.ndarray) -> dict[str, np.ndarray]:
    """Every part of the parser, and `face`, in a picture [R, R, 3] uint8: probabilities [SIDE, SIDE] by name."""
    parts = {name: seen[0] for name, seen in parts_of([picture]).items()}
    return parts | {"face": np.clip(sum(parts[name] for name in FACE), 0, 1)}
