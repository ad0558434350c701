"""Makes identity_reference.npz: what dlib itself says of chips of eight of the test people's pictures.

    python tests/faces/make_identity_reference.py dlib_face_recognition_resnet_model_v1.dat

Needs an environment with dlib 20, numpy and OpenCV; nothing of this project. The file lies in the PyPI package face_recognition_models.
"""

import json
import sys
from pathlib import Path

import cv2
import dlib
import numpy as np

HERE = Path(__file__).parent
PICTURES = [f"{name}/{name}-{number:02d}.jpg" for name in ("ada", "bruno", "cora", "dario") for number in (3, 10)]
CHIP = (0.15, 0.25, 0.71)  # left, top and side in shares of the FFHQ frame's: about where dlib's chip lies in it
SIDE = 150


def square(picture: str) -> tuple[int, int, int]:
    """Left, top and side of the chip in px of the picture."""
    folder, name = picture.split("/")
    labels = json.loads((HERE.parent / "people" / folder / "labels.json").read_text())
    left, top, side = labels.get("photos", labels)[name]["crop"]
    return round(left + CHIP[0] * side), round(top + CHIP[1] * side), round(CHIP[2] * side)


def chip(picture: str, place: tuple[int, int, int]) -> np.ndarray:
    """[150, 150, 3] RGB"""
    x, y, size = place
    photo = cv2.imread(str(HERE.parent / "people" / picture))[:, :, ::-1]
    return cv2.resize(
        np.ascontiguousarray(photo[y : y + size, x : x + size]), (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )


def main() -> None:
    model = dlib.face_recognition_model_v1(sys.argv[1])
    squares = [square(picture) for picture in PICTURES]
    chips = [chip(*pair) for pair in zip(PICTURES, squares, strict=True)]
    vectors = np.array([np.array(model.compute_face_descriptor(c)) for c in chips], np.float32)
    np.savez_compressed(HERE / "identity_reference.npz", pictures=PICTURES, squares=squares, vectors=vectors)


if __name__ == "__main__":
    main()
