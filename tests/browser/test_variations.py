"""Variations of a photo: patches that are drawn, and boxes that are painted or set in numbers."""

import json

import numpy as np
from PIL import Image

from .conftest import EXAMPLES, area, drop, picture, saved, slide, stroke, until, without
from .test_everywhere import faults, tab_to

NEW = EXAMPLES / "new.jpg"
RESULT = ".compare:visible img[alt=after]"


def opened(page):
    area(page, "Variations")
    drop(page, page.locator(".drop:visible"), NEW)
    page.get_by_role("img", name=NEW.name).wait_for()
    return page


def variants(page):
    return page.get_by_role("list", name="Variations").get_by_role("button")


def count(page, number):
    page.get_by_label("Pictures", exact=True).fill(str(number))
    page.get_by_label("Pictures", exact=True).press("Tab")


def test_several_are_drawn_looked_at_and_saved(visit):
    visitor = visit()
    page = opened(visitor.page)
    count(page, 3)
    slide(page.get_by_role("slider", name="strength"), 1)
    page.get_by_role("button", name="Make it").click()
    first = picture(page, where=RESULT)
    until(page, lambda: variants(page).count() == 3)
    for size in ("desktop", "phone"):
        visitor.resize(size)
        visitor.shot(f"variations-{size}")
    visitor.resize("desktop")
    variants(page).nth(2).click()
    third = picture(page, where=RESULT, unlike=[first])
    assert variants(page).nth(2).get_attribute("aria-pressed") == "true"
    assert "likeness" in page.locator(".report:visible").inner_text() and faults(page) == []
    file = saved(page, lambda: page.keyboard.press("s"))
    assert b"c2pa" in file.read_bytes()
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, NEW))
    assert now.shape == then.shape and 0.001 < (np.abs(now - then).max(2) > 3).mean() < 0.5
    page.keyboard.press("Control+z")
    picture(page, where=RESULT, like=first)
    recipe = saved(page, lambda: page.get_by_role("button", name="Recipe (JSON)").click())
    assert json.loads(recipe.read_text())["request"]["strength"] == 1
    page.keyboard.press("r")  # another seed
    picture(page, where=RESULT, unlike=[first, third])
    page.get_by_label("Replay a recipe").set_input_files(recipe)
    picture(page, where=RESULT, like=first)
    until(page, lambda: page.locator(".history:visible li").count() == 3)


def test_a_box_is_painted_and_sent_on_its_way(page):
    opened(page)
    page.get_by_role("button", name="Of my own").click()
    assert page.get_by_role("button", name="Make it").is_disabled()
    canvas = page.locator(".paint canvas:visible")
    stroke(page, (0.4, 0.6), (0.6, 0.6))  # the mouth
    box = page.get_by_role("group", name="Box 1")
    box.wait_for()
    painted = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
    until(page, lambda: not canvas.evaluate(painted))
    assert page.locator("svg.patches path").count() == 3
    slide(box.get_by_role("slider", name="down"), 12)
    with Image.open(NEW) as photo:
        width, height = photo.size
    edges = {name: int(box.get_by_label(name, exact=True).input_value()) for name in ("left", "top", "right", "bottom")}
    assert abs(edges["left"] - (0.4 - 0.03) * width) < 0.02 * width and edges["right"] > edges["left"]
    count(page, 2)
    page.get_by_role("button", name="Make it").click()
    first = picture(page, where=RESULT)
    recipe = saved(page, lambda: page.get_by_role("button", name="Recipe (JSON)").click())
    assert json.loads(recipe.read_text())["request"]["patches"] == [{"box": list(edges.values()), "by": [0, 12]}]
    variants(page).nth(1).click()
    picture(page, where=RESULT, unlike=[first])
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="before", exact=True).first.click()
    page.get_by_role("button", name="Remove box 1").click()
    until(page, lambda: page.locator("svg.patches path").count() == 0)
    page.keyboard.press("Control+z")
    box.wait_for()


def test_by_the_keyboard(page):
    opened(page)
    tab_to(page, "Of my own")
    page.keyboard.press("Enter")
    until(page, lambda: page.get_by_role("button", name="Add a box").is_enabled())
    tab_to(page, "Add a box")
    page.keyboard.press("Enter")
    box = page.get_by_role("group", name="Box 1")
    box.get_by_role("slider", name="to the right").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    until(page, lambda: "5 px" in box.inner_text())
    assert faults(page) == []
    count(page, 1)
    page.get_by_role("button", name="Make it").press("Enter")
    picture(page, where=RESULT)
    assert variants(page).count() == 0


def test_the_tab_is_there_when_the_server_has_the_operation(page):
    navigation = page.get_by_role("navigation")
    navigation.get_by_role("button", name="Variations").wait_for()

    without(page, "variations")
    assert navigation.get_by_role("button", name="Variations").count() == 0
