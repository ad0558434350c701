"""Where pixels of an edited face were before."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from portraitist_workers.detail.fields import SIDE, resized, spread, through_points
from portraitist_workers.detail.flow import followed
from portraitist_workers.detail.mesh import LIPS, mesh_motion, points_of
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture(scope="module")
def face():
    photo = read(NEW)
    return crop(photo, ffhq_frame(detect_faces(photo)[0].points), SIDE)


def bent(picture, size):
    """The picture with its middle moved to the right, and where each pixel was (in shares of the side)."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    way = np.zeros((SIDE, SIDE, 2), np.float32)
    way[..., 0] = -size * np.exp(-((x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2) / 2 / (SIDE / 6) ** 2)
    return cv2.remap(picture, x + way[..., 0], y + way[..., 1], cv2.INTER_CUBIC), way / SIDE


def test_flow_is_found_step_by_step(face):
    """Ten px in the middle of a picture of 256."""
    pictures = [bent(face, size)[0] for size in np.linspace(0, 10, 7)]
    found, sure = followed(pictures)
    true = bent(face, 10)[1]
    middle = np.s_[80:176, 80:176]
    off = SIDE * np.linalg.norm(found - true, axis=2)[middle]
    assert np.median(off) < 0.5 and np.median(sure[middle]) > 0.8
    assert (
        np.median(SIDE * np.linalg.norm(true, axis=2)[middle]) > 5
    )  # negative control: no motion at all would be off by this


def test_flow_has_the_same_bits_whatever_the_threads(face):
    pictures, threads = [face, bent(face, 4)[0]], cv2.getNumThreads()
    results = []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            results.append(followed(pictures)[0])
            assert cv2.getNumThreads() == count
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(*results)


def test_the_mesh_moves_as_its_points_do(face):
    before = points_of([face])[0]
    after = before.copy()
    after[:, 0] += 0.02
    motion = mesh_motion(before, after)
    inside = cv2.erode(motion.inside, np.ones((5, 5))) > 0
    assert inside.mean() > 0.1
    assert np.allclose(motion.displacement[inside], (-0.02, 0), atol=1e-4) and motion.shown[inside].mean() > 0.95


def test_what_a_mouth_hid_was_not_shown(face):
    """Points of a mouth that opens: below the upper lip nothing of before is seen. And the teeth of one that shuts are gone."""
    shut = points_of([face])[0]
    opened = shut.copy()
    lower = [324, 318, 402, 317, 14, 87, 178, 88, 95]
    opened[lower, 1] += 0.03
    x, y = (opened[[13, 14], :2].mean(0) * SIDE).astype(int)
    assert mesh_motion(shut, opened).shown[y, x] == 0
    assert mesh_motion(opened, opened).shown[y, x] == 1  # negative control: open before and after
    x, y = (shut[[13, 14], :2].mean(0) * SIDE).astype(int)
    assert mesh_motion(opened, shut).shown[y, x] == 0


def test_fields_carry_on_and_keep_what_is_sure():
    values, sure = np.zeros((SIDE, SIDE, 2), np.float32), np.zeros((SIDE, SIDE), np.float32)
    values[:, :100], sure[:, :100] = 3, 1
    filled = spread(values, sure)
    assert abs(filled[128, 50, 0] - 3) < 0.01 and abs(filled[128, 140, 0] - 3) < 0.3
    points = np.random.default_rng(0).uniform(0.3, 0.7, (200, 2))
    field = through_points(points, np.full((200, 2), 2.0))
    assert abs(field[128, 128, 0] - 2) < 0.05 and abs(field[2, 2, 0]) < 0.5
    assert resized(field, 64).shape[:2] == (64, 64)


def test_lips_that_meet_hide_nothing_however_the_points_err(face):
    """Points err by a px. Lips that meet have no area, so it is not told by shares of it whether they opened or shut."""
    points = points_of([face])[0]
    lips = list(LIPS)
    centre = points[lips, 1].mean()

    def mouth(height):
        """Lips so far apart, px of SIDE."""
        made = points.copy()
        made[lips[1:10], 1], made[lips[11:], 1] = centre - height / 2 / SIDE, centre + height / 2 / SIDE
        made[[lips[0], lips[10]], 1] = centre
        return made

    y, x = round(centre * SIDE), round(points[lips, 0].mean() * SIDE)
    for before, after in ((0.3, 1.2), (1.2, 0.3)):
        assert mesh_motion(mouth(before), mouth(after)).shown[y, x] == 1
    for before, after in ((0.3, 9.0), (9.0, 0.3)):  # negative control: these opened and shut
        assert mesh_motion(mouth(before), mouth(after)).shown[y, x] == 0
