"""Restoring: a painted hole, what happened to a photo, and what the page makes of both."""

import numpy as np
from PIL import Image

from .conftest import EXAMPLES, area, drop, picture, saved, stroke, until

RESULT = ".compare:visible img[alt=after]"
HOLE = EXAMPLES / "damaged" / "hole.jpg"


def opened(page, file):
    area(page, "Restore")
    drop(page, page.locator(".drop:visible"), file)
    page.get_by_role("img", name=file.name).wait_for()
    return page


def painted(page):
    """How many pixels of the mask are painted."""
    return page.locator(".paint canvas:visible").evaluate(
        """c => { const seen = document.createElement('canvas'); [seen.width, seen.height] = [c.width, c.height];
                  const pen = seen.getContext('2d', { willReadFrequently: true }); pen.drawImage(c, 0, 0);
                  return pen.getImageData(0, 0, c.width, c.height).data.filter((alpha, i) => i % 4 === 3 && alpha > 99).length }"""
    )


def test_a_hole_is_painted_and_filled(page):
    opened(page, HOLE)
    page.get_by_role("checkbox", name="a hole").check()
    page.get_by_label("Size").fill("60")
    stroke(page, (0.35, 0.655), (0.62, 0.655))
    wide = painted(page)
    assert wide > 1000
    page.get_by_role("button", name="Eraser").click()
    page.get_by_label("Size").fill("20")
    stroke(page, (0.5, 0.6), (0.5, 0.72))
    assert 0 < painted(page) < wide
    page.get_by_role("button", name="Brush").click()
    stroke(page, (0.35, 0.655), (0.62, 0.655))
    page.get_by_role("button", name="Restore", exact=True).last.click()
    picture(page, where=RESULT)
    file = saved(page, lambda: page.get_by_role("button", name="Save", exact=True).click())
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, HOLE))
    change = np.abs(now - then).mean(2)
    height, width = change.shape
    hole = np.s_[int(0.6 * height) : int(0.7 * height), int(0.4 * width) : int(0.58 * width)]
    assert change[hole].mean() > 10 * max(change[: int(0.4 * height)].mean(), 0.3)


def test_what_happened_is_found_out_and_another_guess_is_another(page):
    opened(page, EXAMPLES / "damaged" / "tiny.jpg")
    page.get_by_role("button", name="Restore", exact=True).last.click()
    picture(page, where=RESULT)
    address = lambda: page.locator(RESULT).first.get_attribute("src")  # noqa: E731
    first = address()  # two guesses may differ too little to be told apart on a small picture
    report = page.locator(".report:visible").inner_text()
    assert "damage assumed" in report and "agrees with the photo" in report
    page.get_by_role("button", name="Another one").click()
    until(page, lambda: page.locator(".history:visible li").count() == 2 and address() != first)
    page.keyboard.press("Control+z")
    until(page, lambda: address() == first)
