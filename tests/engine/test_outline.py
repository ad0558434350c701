"""Outlines: no studio wall is left on them, loose hairs only add to hair, the neck hides behind the head."""

import cv2
import numpy as np
import pytest

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.priors.engine import strands
from portraitist_workers.priors.engine.neck import Neck
from portraitist_workers.priors.engine.outline import over_neck, without_rims
from portraitist_workers.priors.engine.regions import Regions

from .conftest import SKINS, WALL

W = 256


@pytest.fixture(scope="module")
def regions(layout):
    return Regions.of(layout, W)


def test_the_wall_disappears_from_the_outline_of_skin(canvas, regions):
    """A line of wall along the neck and the jaw, as matting leaves it."""
    small = lambda picture: cv2.resize(picture, (W, W), interpolation=cv2.INTER_AREA)  # noqa: E731
    alpha, skin, tex = (np.stack([small(a)]) for a in (canvas.alpha[0, 0], canvas.skin[0], canvas.tex[0, 0]))
    bare = (alpha[0] > 250) & (skin[0] > 250)
    line = bare & (cv2.erode((alpha[0] > 250).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)
    assert line.sum() > 200
    before = tex[0].copy()
    before[line] = 0.5 * before[line] + 0.5 * WALL
    after = without_rims(before[None, None], alpha[None], skin, regions, np.asarray(canvas.pos[0, 0], np.float32))[0, 0]
    wrong = [np.abs(picture[line].astype(float) - SKINS[0]).mean() for picture in (before, after)]
    assert wrong[1] < 0.35 * wrong[0]
    inside = cv2.erode((alpha[0] > 250).astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert (
        np.abs(after[inside].astype(int) - before[inside])[regions.face[inside] < 0.01].max() <= 2
    )  # and nothing else changes


def test_loose_hairs_only_add_to_hair(canvas, regions):
    alpha = cv2.resize(canvas.alpha[0, 0], (W, W), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    skin = cv2.resize(canvas.skin[0], (W, W), interpolation=cv2.INTER_AREA).astype(np.float32)
    strokes = strands.patterns(W)
    assert len(strokes) == strands.PATTERNS and np.array_equal(strokes, strands.patterns(W))
    frayed = strands.fray(alpha, skin, strokes[0], 1.0, regions)
    assert (frayed >= alpha).all() and frayed.max() <= 1 and (frayed - alpha).sum() > 20
    changed = frayed > alpha + 0.02
    assert not changed[regions.neck > 0.99].any()
    far = cv2.distanceTransform((alpha < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    assert far[changed].max() < 0.06 * W
    assert np.array_equal(strands.fray(alpha, skin, strokes[0], 0.0, regions), alpha)


def test_sharp_outlines_have_no_loose_hair(canvas, regions):
    sharp = cv2.resize(canvas.alpha[0, 0], (W, W), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(sharp, (0, 0), 2)
    assert strands.looseness(sharp, regions) < 0.5 < strands.looseness(soft, regions)


def test_from_the_front_the_head_hides_the_neck():
    points = np.array([[-5.9, -9.0, 1.0], [5.8, -9.0, 1.2]])
    neck = Neck.between(points, np.array([[-7.5, 0.9, 1.7], [7.3, 0.9, 2.6]]), SKINS[:2].astype(float))
    pos, normals = neck.surface()
    above = pos[pos[..., 1] > -9.0]
    assert above[:, 0].min() > points[0, 0] and above[:, 0].max() < points[1, 0]
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1)
    assert np.allclose(neck.colours()[len(normals) // 2], SKINS[:2].mean(0))


def test_bare_outlines_pass_into_the_neck_and_dark_ones_do_not(canvas, regions):
    alpha = cv2.resize(canvas.alpha[0, 0], (W, W), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    bare = np.broadcast_to(SKINS[0].astype(np.float32), (W, W, 3))
    hides = over_neck(alpha, bare, SKINS[0].astype(float), regions)
    outline = (alpha > 0.9) & (cv2.erode(alpha, np.ones((3, 3))) < 0.5)
    assert hides[outline & (regions.neck > 0.99)].mean() < 0.2
    assert hides[outline & (regions.neck == 0)].min() > 0.99  # ears and hair
    inside = cv2.erode(alpha, np.ones((21, 21))) > 0.99
    assert hides[inside].min() > 0.9
    assert over_neck(alpha, bare / 4, SKINS[0].astype(float), regions).min() == 1
