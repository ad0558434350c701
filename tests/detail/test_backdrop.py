"""Portraits before a plain backdrop."""

import cv2
import numpy as np
import pytest

from portraitist_workers.detail import backdrop
from portraitist_workers.detail.backdrop import before_backdrop
from portraitist_workers.detail.parts import heads_of
from portraitist_workers.faces.image_io import to_uint8
from portraitist_workers.persona.rendering import render

SIDE = 512


@pytest.fixture(scope="module")
def drawn():
    """A generator's picture [128, 128, 3], the same enlarged, and its person [SIDE, SIDE] in [0, 1]."""
    from serving.people import model

    known = model(1)
    small = to_uint8(render(known.generator, known.anchors[:1]))[0]
    person = cv2.resize(heads_of([small])[0], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return small, cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), person


def painted(small, person, colours):
    """`small` with the background `colours` [R, R, 3]."""
    share = cv2.resize(person, small.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None]
    return (colours + share * (small - colours.astype(np.float32))).clip(0, 255).astype(np.uint8)


def grown(person, share):
    """bool: the person, and so far around them."""
    reach = 2 * round(share * SIDE) + 1
    return cv2.dilate(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0.1


def unevenness(picture, where):
    """What is no broad shade in a picture, grey levels: root mean square of a band of 1 to 8 % of its side."""
    known = where[..., None].astype(np.float32)

    def mean(width):
        return cv2.GaussianBlur(picture * known, (0, 0), width * SIDE) / (
            cv2.GaussianBlur(known, (0, 0), width * SIDE)[..., None] + 1e-6
        )

    return float(np.sqrt(np.square(mean(0.01) - mean(0.08))[where].mean()))


def test_mottles_and_pillars_go_and_the_person_stays(drawn):
    small, _, person = drawn
    rng = np.random.default_rng(0)
    mottles = cv2.GaussianBlur(rng.normal(0, 1, (128, 128, 3)).astype(np.float32), (0, 0), 3) * 60
    colours = np.full((128, 128, 3), (170, 160, 140), np.float32) + mottles
    colours[:, 110:] -= 40  # a pillar
    uneven = painted(small, person, colours.clip(0, 255))
    portrait = cv2.resize(uneven, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    made, beside = before_backdrop(portrait, uneven), ~grown(person, 0.03)
    assert unevenness(portrait, beside) > 6  # negative control
    assert unevenness(made, beside) < 1.5
    assert np.abs(made[beside].mean(0) - portrait[beside].mean(0)).max() < 12  # its colour is the old one's
    inside = cv2.erode((person > 0.9).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert np.abs(made[inside].astype(int) - portrait[inside]).mean() < 0.1  # the detail of photos, too
    assert np.array_equal(made, before_backdrop(portrait, uneven))


def test_a_glow_around_the_head_goes(drawn):
    small, _, person = drawn
    dark = np.full((128, 128, 3), 60, np.float32)
    glow = cv2.resize(grown(person, 0.03).astype(np.float32), (128, 128))
    haloed = painted(small, person, dark + 80 * cv2.GaussianBlur(glow, (0, 0), 3)[..., None])
    portrait = cv2.resize(haloed, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    made = before_backdrop(portrait, haloed)
    beside = grown(person, 0.025) & ~grown(person, 0.01)
    beside[SIDE * 3 // 4 :] = False  # neck and clothes end as the networks see them
    far = ~grown(person, 0.08)
    before, after = (picture[beside].mean() - picture[far].mean() for picture in (portrait, made))
    assert before > 40 and abs(after) < 12  # negative control: it was there


def test_a_portrait_has_the_size_that_it_came_with(drawn):
    small, portrait, _ = drawn
    assert before_backdrop(small, small).shape == small.shape
    assert before_backdrop(portrait, small).shape == portrait.shape


def test_a_face_that_fills_the_picture_has_no_backdrop(drawn, monkeypatch):
    small, portrait, _ = drawn
    monkeypatch.setattr(backdrop, "person_of", lambda picture, head: np.ones((256, 256), np.float32))
    assert np.array_equal(before_backdrop(portrait, small), portrait)
