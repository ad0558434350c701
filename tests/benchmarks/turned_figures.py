"""What `bench_turned` says of an edit: how near it is to a render in which the head has turned."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from portraitist_workers.faces.align import Frame, crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import to_tensor

from . import judges, metrics, people, second_opinion
from .turned_renders import Pair

WHOLE = 512  # px at which whole frames are compared
_BAND = 0.03  # of the crop's side, to either side of its border
_BESIDE = 0.08  # of the crop's side: background so near to the head would show a halo
NAMES = ("LPIPS, whole frame", "halo", "gradient at the border", "share of the yaw", "identity", "sharpness: skin")


def figures_of(pair: Pair, picture: bytes | None) -> dict[str, float]:
    """Of one edit; None: of the photo as it is."""
    result = pair.before if picture is None else np.array(Image.open(io.BytesIO(picture)).convert("RGB"))
    frame, known = frame_of(result), _known(pair)
    whole = [to_tensor(cv2.resize(p, (WHOLE, WHOLE), interpolation=cv2.INTER_AREA)) for p in (result, pair.after)]
    return {
        "LPIPS, whole frame": float(judges.lpips(*whole)),
        "halo": float(np.abs(result.astype(np.float32) - pair.after)[known.beside].mean()),
        "gradient at the border": gradient(result, known.frame) / known.gradient,
        "share of the yaw": (yaw_of(result) - known.yaw) / known.turned,
        "identity": likeness(crop(result, frame, 256), known.truth),
        "sharpness: skin": metrics.sharpness_at(result, frame, "skin") / known.sharpness,
    }


@dataclass(frozen=True)
class _Known:
    """Of a pair: the photo's frame, yaw and figures, by how much its head turns, and the face that an edit should show."""

    frame: Frame
    yaw: float
    turned: float
    gradient: float
    sharpness: float
    beside: np.ndarray
    truth: np.ndarray


@functools.cache
def _known(pair: Pair) -> _Known:
    frame, yaw = frame_of(pair.before), yaw_of(pair.before)
    return _Known(
        frame,
        yaw,
        yaw_of(pair.after) - yaw,
        gradient(pair.before, frame),
        metrics.sharpness_at(pair.before, frame, "skin"),
        _beside(pair.matte, frame),
        crop(pair.after, frame_of(pair.after), 256),
    )


def frame_of(photo: np.ndarray) -> Frame:
    return ffhq_frame(detect_faces(photo)[0].points)


def yaw_of(photo: np.ndarray) -> float:
    """Degrees, of the face in a photo, by five points of a detector that never steers (`second_opinion`)."""
    return float(_opinion()(to_tensor(crop(photo, frame_of(photo), 256)))[0, second_opinion.NAMES.index("yaw")])


@functools.cache
def _opinion() -> second_opinion.SecondOpinion:
    """Fitted to the photos of all test people but the last."""
    measured = {name: second_opinion.measure(people.align(people.load(name), 256)) for name in people.NAMES}
    return second_opinion.fit(measured, people.NAMES[-1])


@torch.no_grad()
def likeness(a: np.ndarray, b: np.ndarray) -> float:
    small = [to_tensor(cv2.resize(face, (128, 128), interpolation=cv2.INTER_AREA)) for face in (a, b)]
    one, other = load_identity()(torch.cat(small))
    return float(one @ other)


def _beside(matte: np.ndarray, frame: Frame) -> np.ndarray:
    """[H, W] bool: background near the person, above the shoulders."""
    reach = 2 * round(_BESIDE * frame.size) + 1
    near = cv2.dilate((matte > 8).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    found = (near > 0) & (matte == 0)
    found[round(frame.centre_y + 0.4 * frame.size) :] = False
    return found


def gradient(photo: np.ndarray, frame: Frame) -> float:
    """Mean size of the gradient in a band along the crop's border."""
    grey = photo.astype(np.float32).mean(2)
    size = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    inner, outer = (np.zeros(grey.shape, np.uint8) for _ in range(2))
    for mask, share in ((inner, 1 - 2 * _BAND), (outer, 1 + 2 * _BAND)):
        square = Frame(frame.centre_x, frame.centre_y, share * frame.half_x, share * frame.half_y)
        cv2.fillPoly(mask, [np.round(square.corners).astype(np.int32)], 1)
    return float(size[(outer > 0) & (inner == 0)].mean())


def rows_of(
    pairs: Sequence[Pair], arms: Sequence[str], figures: Sequence[list[dict[str, float]]], show: Callable[[float], str]
) -> list[tuple[Any, ...]]:
    """Medians by arm and by size of the turn."""
    rows = []
    for name, found in zip(arms, figures, strict=True):
        for size in sorted({abs(pair.yaw) for pair in pairs}):
            chosen = [f for pair, f in zip(pairs, found, strict=True) if abs(pair.yaw) == size]
            rows.append((name, f"{size:.0f}", *(show(float(np.nanmedian([f[key] for f in chosen]))) for key in NAMES)))
    return rows
