"""Optical flow along the generator's path from one latent to another.

Between neighbours on the path little moves, so flow is sure there. Steps are composed forwards and backwards. Where the two ways
disagree, the motion is not sure. Flow is DIS (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from .fields import SIDE, resized, sampled

_ONE_AT_A_TIME = threading.Lock()


def followed(pictures: Sequence[np.ndarray], side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """From the last of `pictures` [R, R, 3] uint8 back to the first: displacement [SIDE, SIDE, 2] and how sure it is, in [0, 1].

    Looked at with `side` px. The same pictures give the same bits.
    """
    grey = [cv2.cvtColor(resized(picture, side), cv2.COLOR_RGB2GRAY) for picture in pictures]
    there = back = np.zeros((side, side, 2), np.float32)
    with _one_thread():
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        dis.setFinestScale(0)
        for before, after in zip(grey[:-1], grey[1:], strict=True):
            step = dis.calc(before, after, np.zeros_like(there)) / side
            there = there + sampled(step, there)
            step = dis.calc(after, before, np.zeros_like(there)) / side
            back = step + sampled(back, step)
    apart = SIDE * (back + sampled(there, back))
    return resized(back, SIDE), resized(np.exp(-np.square(apart).sum(2)), SIDE).clip(0, 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """DIS cuts a picture into as many stripes as OpenCV has threads, and its result depends on the stripes."""
    with _ONE_AT_A_TIME:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(threads)
