"""Hair of portraits: the photo's own strands, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from portraitist_workers.detail.mesh import seen
from portraitist_workers.detail.motion import motion
from portraitist_workers.detail.parts import seen_parts
from portraitist_workers.detail.portrait import detail_of, with_detail
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"
SIDE, GENERATED = 512, 128


@pytest.fixture(scope="module")
def face():
    photo = read(NEW)
    return crop(photo, ffhq_frame(detect_faces(photo)[0].points), SIDE)


@pytest.fixture(scope="module")
def parts(face):
    """Well inside each part of the face, [SIDE, SIDE] bool."""
    sure = {name: (part > 0.9).astype(np.uint8) for name, part in seen_parts(face).items()}
    inner = {name: cv2.erode(part, np.ones((13, 13), np.uint8)) for name, part in sure.items()}
    return {name: cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0 for name, part in inner.items()}


def small(picture):
    return cv2.resize(picture, (GENERATED, GENERATED), interpolation=cv2.INTER_AREA)


def flickered(picture, where):
    """`picture` [128, 128, 3] with other strands `where` [SIDE, SIDE]: as a generator draws them a step further on."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, picture.shape[:2]).astype(np.float32), (0, 0), 1.5)
    share = cv2.resize(where.astype(np.float32), (GENERATED, GENERATED), interpolation=cv2.INTER_AREA)
    return (picture + 15 / noise.std() * (noise * share)[..., None]).clip(0, 255).astype(np.uint8)


def portrait(photo, before, after):
    """The portrait that shows `after` [128, 128, 3], by a photo that the generator shows as `before`; nothing moved."""
    was, now = seen([before, after])
    now = replace(now, points=was.points)
    return with_detail(after, [detail_of(photo, replace(motion(was, was), after=now))], SIDE)


def fine(picture, where):
    grey = picture.astype(np.float32).mean(2)
    return float(np.sqrt(np.square(grey - cv2.blur(grey, (3, 3)))[where].mean()))


def coarse(picture):
    """What is broader than a strand."""
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.03 * SIDE)


def test_hair_has_the_photos_strands_though_the_generators_are_other_ones(face, parts):
    after = flickered(small(face), parts["hair"])
    made = portrait(face, small(face), after)
    enlarged = cv2.resize(after, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    assert fine(made, parts["hair"]) > 0.85 * fine(face, parts["hair"])
    assert fine(enlarged, parts["hair"]) < 0.5 * fine(face, parts["hair"])  # negative control
    same = portrait(face, small(face), small(face))
    assert np.abs(made.astype(int) - same)[parts["skin"]].mean() < 0.5  # no strands on skin
    # Its own strands are gone, not doubled; its tone is left.
    off = np.abs(made.astype(int) - face)[parts["hair"]].mean()
    assert off < 0.5 * np.abs(enlarged.astype(int) - face)[parts["hair"]].mean()
    assert np.abs(coarse(made) - coarse(enlarged))[parts["hair"]].mean() < 2


def test_no_strands_where_the_portrait_shows_no_hair(face, parts):
    shown = cv2.resize(seen_parts(face)["hair"], (GENERATED, GENERATED), interpolation=cv2.INTER_AREA) > 0.2
    covered = cv2.dilate(shown.astype(np.uint8), np.ones((3, 3), np.uint8))[..., None] > 0
    made = portrait(face, small(face), np.where(covered, face[:9, :9].mean((0, 1)).astype(np.uint8), small(face)))
    assert fine(made, parts["hair"]) < 0.1 * fine(face, parts["hair"])


def test_what_stands_behind_the_photos_hair_stays_there(face, parts):
    stripes = face + (60 * np.sin(np.arange(SIDE) * 1.1))[None, :, None] * parts["background"][..., None]
    made = portrait(stripes.clip(0, 255).astype(np.uint8), small(face), small(face))
    assert fine(stripes, parts["background"]) > 10 > 1 > fine(made, parts["background"])


def test_background_that_is_seen_between_locks_does_not_sparkle(face, parts):
    dots = np.zeros((SIDE, SIDE), bool)
    dots[::12, ::12] = True
    dots = cv2.dilate(dots.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & parts["hair"]
    plain = portrait(face, small(face), small(face)).astype(int)

    def arrives(change):
        """How much of a change of the photo's dots the portrait shows."""
        dotted = np.where(dots[..., None], face.astype(int) + change, face).clip(0, 255).astype(np.uint8)
        made = portrait(dotted, small(face), small(face))
        return (made - plain)[dots].mean() / (dotted.astype(int) - face)[dots].mean()

    assert arrives(150) < 0.3 < 0.6 < arrives(15)  # negative control: a strand
