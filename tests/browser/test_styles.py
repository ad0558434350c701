"""The tab "styles": a photo and a portrait in a style, a region of it; a style of one's own, learnt, worn and removed."""

import re

import numpy as np
import pytest
from PIL import Image

from .conftest import EXAMPLES, PATIENCE_MS, area, drop, picture, saved, until
from .test_everywhere import faults, focused, tab_to

NEW = EXAMPLES / "new.jpg"
FACE, BOTH = ".stage:visible img.face", ".compare:visible img[alt=after]"


@pytest.fixture
def visitor(visit):
    return visit()


@pytest.fixture
def styles(visitor):
    page = visitor.page
    area(page, "Styles").get_by_role("button", name="cartoon").wait_for()
    return page


def draw(page):
    page.get_by_role("button", name="Draw it").click()


def test_a_photo_in_a_style(styles):
    drop(styles, styles.locator(".drop:visible").first, NEW)
    styles.get_by_role("img", name=NEW.name).wait_for()
    styles.get_by_role("button", name="pencil").click()
    draw(styles)
    whole = picture(styles, where=FACE)
    assert Image.open(saved(styles, lambda: styles.keyboard.press("s"))).size == (256, 256)
    assert "likeness" in styles.locator(".report:visible").inner_text()
    styles.get_by_label("What of the photo").select_option("hair")
    draw(styles)
    picture(styles, where=BOTH)
    now, then = (
        np.asarray(Image.open(f).convert("RGB")).astype(int)
        for f in (saved(styles, lambda: styles.keyboard.press("s")), NEW)
    )
    changed = np.abs(now - then).max(2) > 0
    assert now.shape == then.shape and 0.01 < changed.mean() < 0.5
    assert not changed[470:490, 200:260].any()  # the chin
    for _ in range(2):
        styles.keyboard.press("Control+z")
    picture(styles, where=FACE, like=whole)
    assert faults(styles) == []


def test_a_portrait_half_way_by_the_keyboard(styles):
    tab_to(styles, "clay")
    styles.keyboard.press("Enter")
    tab_to(styles, "Draw it")
    styles.keyboard.press("Enter")
    full = picture(styles, where=FACE)
    styles.get_by_label(re.compile("^strength")).focus()
    for _ in range(10):
        styles.keyboard.press("ArrowLeft")
    until(styles, lambda: "50 %" in styles.locator(".controls:visible").inner_text())
    styles.get_by_role("button", name="Draw it").press("Enter")
    half = picture(styles, where=FACE, unlike=[full])
    styles.locator("h1").first.evaluate("document.activeElement.blur()")
    styles.keyboard.press("r")
    picture(styles, where=FACE, unlike=[full, half])
    assert focused(styles) is not None


def test_a_style_of_ones_own_is_learnt_worn_and_removed(styles):
    styles.get_by_text("Learn a style of your own").click()
    zone, go = styles.locator(".learn .drop"), styles.get_by_role("button", name="Learn this style")
    photos = [EXAMPLES / "photos" / f"photo-{n:02d}.jpg" for n in range(6)]
    drop(styles, zone, *photos[:3])
    styles.get_by_text("A style needs at least 5 pictures.").wait_for()
    styles.get_by_label("Name").fill("mine")
    assert go.is_disabled()
    drop(styles, zone, *photos[3:], EXAMPLES / "photos" / "bad-no-face.jpg")
    go.click()
    styles.get_by_role("status", name="Learning a style mine").get_by_text("learning to draw").wait_for()
    learnt = styles.get_by_role("status", name="The style mine is learnt.")
    learnt.wait_for(timeout=2 * PATIENCE_MS)
    assert "Learnt from 6 pictures in 4 steps" in learnt.inner_text() and "bad-no-face.jpg" in learnt.inner_text()
    mine = styles.get_by_role("button", name="mine", exact=True)
    until(styles, lambda: mine.get_attribute("aria-pressed") == "true")
    draw(styles)
    picture(styles, where=FACE)
    assert faults(styles) == []
    styles.get_by_role("button", name="Remove the style mine").click()
    styles.get_by_role("button", name="Remove it").click()
    until(styles, lambda: mine.count() == 0)
    styles.reload()
    styles.get_by_role("button", name="cartoon").wait_for()
    assert mine.count() == 0


def test_learning_is_stopped_and_what_is_wrong_is_said(visitor, styles):
    styles.get_by_text("Learn a style of your own").click()
    chooser = styles.locator(".learn input[type=file]").first
    photos = [EXAMPLES / "photos" / f"photo-{n:02d}.jpg" for n in range(6)]
    chooser.set_input_files(photos)
    styles.get_by_label("Name").fill("toon")
    styles.get_by_role("button", name="Learn this style").click()
    styles.get_by_role("alert").get_by_text("there is a style 'toon' already").wait_for()
    assert visitor.expected("409") == 1
    styles.get_by_label("Name").fill("other")
    styles.get_by_role("button", name="Learn this style").click()
    bar = styles.get_by_role("status", name="Learning a style other")
    bar.get_by_role("button", name="Cancel").click()
    bar.wait_for(state="detached")
    assert styles.get_by_role("button", name="other", exact=True).count() == 0
