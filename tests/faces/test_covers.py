"""Objects before a face: dark glasses and masks, drawn on rendered people, are found where they are and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from portraitist_workers.faces.covers import Cover, find_covers
from portraitist_workers.faces.image_io import encode_jpeg, to_uint8
from portraitist_workers.faces.intake import check_photos
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.faces.turning import turned
from portraitist_workers.faces.weighing import weigh

from .conftest import PEOPLE
from .test_weighing import GOOD, INSIDE

JAW = (
    234,
    93,
    132,
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    361,
    323,
    454,
    347,
    197,
    118,
)


@pytest.fixture(scope="module")
def people(faces) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pictures [N, 128, 128, 3] of each person, and their meshes."""
    images, owners, _ = faces
    pictures, points = to_uint8(images), load_mesh()(images).points.detach().double().numpy()
    rows = {name: [i for i, owner in enumerate(owners) if owner == name] for name in PEOPLE}
    return {name: (pictures[i], points[i]) for name, i in rows.items()}


def glasses(mesh: np.ndarray, side: int) -> np.ndarray:
    """[side, side] bool: two dark glasses, a bridge."""
    drawn, at = np.zeros((side, side), np.uint8), mesh[:, :2] * side
    left, right = at[[33, 133]].mean(0), at[[263, 362]].mean(0)
    apart = np.linalg.norm(right - left)
    for eye in (left, right):
        cv2.ellipse(drawn, ((eye[0], eye[1] + 0.06 * apart), (0.85 * apart, 0.65 * apart), 0), 1, -1)
    cv2.line(drawn, *(tuple(eye.astype(int).tolist()) for eye in (left, right)), 1, max(round(0.06 * apart), 1))
    return drawn > 0


def surgical_mask(mesh: np.ndarray, side: int) -> np.ndarray:
    drawn = np.zeros((side, side), np.uint8)
    cv2.fillPoly(drawn, [(mesh[list(JAW), :2] * side).astype(np.int32)], 1)
    return drawn > 0


DRAWN = {"eyes": (glasses, (30, 24, 20)), "mouth": (surgical_mask, (150, 190, 215))}


def painted(picture: np.ndarray, where: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    out = picture.copy()
    out[where] = colour
    return out


def test_faces_that_nothing_covers_are_left_alone(people):
    """They turn, smile, and open their mouths."""
    for pictures, points in people.values():
        assert find_covers(pictures, points) == [None] * len(pictures)


@pytest.mark.parametrize("part", DRAWN)
def test_what_is_before_a_face_is_found_where_it_is(people, part):
    draw, colour = DRAWN[part]
    for name, (pictures, points) in people.items():
        where = [draw(points[n], 128) for n in range(2)]
        covered = np.stack([painted(p, w, colour) for p, w in zip(pictures, where, strict=False)])
        found = find_covers(np.concatenate([covered, pictures[2:]]), points)
        assert [cover and cover.parts for cover in found] == [(part,)] * 2 + [None] * (len(pictures) - 2), name
        for cover, drawn in zip(found, where, strict=False):
            assert isinstance(cover, Cover) and (cover.where & drawn).sum() > 0.85 * drawn.sum()
            assert (cover.where & drawn).sum() > 0.4 * (cover.where | drawn).sum()


def test_where_many_photos_are_covered_nobody_can_tell_what_is_the_person(people):
    pictures, points = people["bruno"][0][:6], people["bruno"][1][:6]
    drawn = [painted(p, glasses(mesh, 128), (30, 24, 20)) for p, mesh in zip(pictures, points, strict=True)]
    for count, found in ((2, 2), (3, 0), (4, 0), (5, 0)):
        mixed = np.stack([*drawn[:count], *pictures[count:]])
        assert sum(cover is not None for cover in find_covers(mixed, points)) == found, count
    assert find_covers(np.stack([drawn[0], pictures[1]]), points[:2]) == [None, None]


def test_what_is_covered_is_not_learnt_from_nor_turned(people):
    pictures, points = people["ada"]
    where = glasses(points[0], 128)
    weighed = weigh(GOOD, INSIDE, [], 1, cover=Cover(("eyes", "mouth"), where))
    assert weighed.known[where].max() == 0 and weighed.known[~where].min() == 1 and weighed.weight == 1
    assert weighed.notes == ["something covers the eyes and the mouth; what it covers is not learnt from"]
    whole, part = (turned(pictures[0], points[0], known=known) for known in (INSIDE, weighed.known))
    assert np.array_equal(whole.known, turned(pictures[0], points[0]).known)
    assert (part.known <= whole.known + 1e-6).all() and part.known.sum() < 0.9 * whole.known.sum()


def test_the_verdict_says_which_part_is_covered(people):
    """The photos are aligned crops with some room around them. Under so dark glasses the face is kept by its name."""
    pictures, points = people["cora"]
    dark = painted(pictures[0], glasses(points[0], 128), (20, 16, 14))
    large = [cv2.copyMakeBorder(p, 40, 40, 40, 40, cv2.BORDER_REFLECT) for p in (dark, *pictures[1:5])]
    files = [(f"{n}.png", encode_jpeg(cv2.resize(p, None, fx=2, fy=2))) for n, p in enumerate(large)]
    intake = check_photos(files, keep=["0.png"])
    said = ["something covers the eyes" in " ".join(verdict.warnings) for verdict in intake.verdicts]
    assert said == [True] + [False] * 4
    assert intake.accepted[0].known[50:65, 45:85].mean() < 0.5 and intake.accepted[1].known[50:65, 45:85].min() == 1
