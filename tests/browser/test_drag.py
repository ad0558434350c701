"""Points are pulled by mouse, touch and keys; a mask; the way it ended; and the same again from its recipe."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from .conftest import EXAMPLES, area, picture, saved, slide, until

NEW = EXAMPLES / "new.jpg"
RESULT = ".compare:visible .sheet img[alt=after]"
MOUTH = (220, 428)  # its left corner in the photo, px


def opened(page):
    """The photo, once the parts of the face are known."""
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(NEW)
    page.get_by_role("img", name="new.jpg").wait_for()
    page.get_by_role("button", name="Pull points").click()
    page.locator(".landmark").first.wait_for(state="attached")
    return page


@pytest.fixture
def pulling(page):
    return opened(page)


def where(page, place):
    """On the screen."""
    box = page.locator("svg.points").bounding_box()
    width, height = Image.open(NEW).size
    return box["x"] + place[0] * box["width"] / width, box["y"] + place[1] * box["height"] / height


def pull(page, start, end):
    """Press, move, release."""
    page.mouse.move(*where(page, start))
    page.mouse.down()
    page.mouse.move(*where(page, end), steps=5)
    page.mouse.up()


def listed(page):
    return [text.split("\n")[0] for text in page.locator(".pointlist li > span").all_inner_texts()]


def test_points_are_made_moved_and_taken_away_and_all_is_undone(pulling):
    pull(pulling, (150, 470), (160, 480))
    assert listed(pulling) == ["150, 470 → 160, 480"]
    pull(pulling, MOUTH, (214, 420))  # near to a part of the face: the part itself
    assert listed(pulling)[1] == "mouth, left → 214, 420"
    pull(pulling, (214, 420), (210, 424))
    assert listed(pulling)[1] == "mouth, left → 210, 424"
    pull(pulling, (150, 470), (155, 465))  # the handle
    assert listed(pulling)[0] == "155, 465 → 160, 480"
    pulling.get_by_role("button", name="Remove point 1").click()
    assert listed(pulling) == ["mouth, left → 210, 424"]
    for expected in (2, 2, 2, 1, 0):
        pulling.keyboard.press("Control+z")
        until(pulling, lambda expected=expected: len(listed(pulling)) == expected)
    pulling.keyboard.press("Control+Shift+z")
    until(pulling, lambda: listed(pulling) == ["150, 470 → 160, 480"])


def test_a_pull_with_a_mask_its_report_and_its_recipe(pulling):
    pull(pulling, MOUTH, (MOUTH[0] - 3, MOUTH[1] - 4))
    pulling.get_by_role("button", name="Brush").click()
    pulling.get_by_label("Size").fill("200")
    pull(pulling, (190, 430), (300, 430))
    pulling.get_by_role("button", name="Pull", exact=True).click()
    pulling.get_by_role("status", name="Working…").wait_for()
    first = picture(pulling, where=RESULT)
    assert (
        "px left" in pulling.locator(".pointlist").inner_text()
        or "arrived" in pulling.locator(".pointlist").inner_text()
    )
    report = pulling.locator(".report:visible").inner_text()
    assert "steps" in report and "change where nothing may move" in report
    file = saved(pulling, lambda: pulling.get_by_role("button", name="Save", exact=True).click())
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, NEW))
    assert np.abs(now - then)[:350].max() == 0 and np.abs(now - then)[400:460, 180:320].max() > 20
    recipe = saved(pulling, lambda: pulling.get_by_role("button", name="Recipe (JSON)").click())
    assert json.loads(recipe.read_text())["request"]["points"][0]["handle"] == "mouth_left"
    pulling.get_by_role("button", name="Show the points").click()
    assert pulling.locator(".reached").count() == 1
    pulling.get_by_role("button", name="Another photo").click()
    pulling.locator(".drop:visible input[type=file]").set_input_files(NEW)
    pulling.get_by_label("Replay a recipe").set_input_files(recipe)
    picture(pulling, where=RESULT, like=first)


def test_by_the_keyboard_alone(pulling):
    pulling.get_by_label("Add a part of the face").select_option("nose")
    point = pulling.get_by_role("button", name=re.compile("^Point 1"))
    start = point.get_attribute("aria-label")
    point.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "ArrowLeft"):
        pulling.keyboard.press(key)
    x, y = (int(part) for part in start.rpartition("to ")[2].split(", "))
    until(pulling, lambda: point.get_attribute("aria-label") == start.replace(f"to {x}, {y}", f"to {x + 1}, {y + 10}"))
    pulling.keyboard.press("Alt+ArrowUp")  # the handle, which is no longer the nose
    until(pulling, lambda: "nose" not in point.get_attribute("aria-label"))
    pulling.keyboard.press("Delete")
    until(pulling, lambda: listed(pulling) == [])
    pulling.keyboard.press("Control+z")
    until(pulling, lambda: len(listed(pulling)) == 1)


def test_by_touch_and_near_the_face(visit):
    visitor = visit(has_touch=True, is_mobile=True)
    visitor.resize("phone")
    page = opened(visitor.page)
    page.get_by_role("button", name="Near the face").tap()
    box = page.locator("svg.points").bounding_box()
    assert box["width"] > 500  # larger than the window
    session = page.context.new_cdp_session(page)
    (x, y), (to_x, to_y) = where(page, (222, 456)), where(page, (232, 462))
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": to_x, "y": to_y}]),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    until(page, lambda: len(listed(page)) == 1)
    handle, target = (tuple(int(v) for v in part.split(", ")) for part in listed(page)[0].split(" → "))
    assert np.hypot(handle[0] - 222, handle[1] - 456) < 2 and np.hypot(target[0] - 232, target[1] - 462) < 2
    visitor.shot("drag-phone")


def test_a_pull_is_stopped(pulling):
    pull(pulling, MOUTH, (MOUTH[0] + 30, MOUTH[1] - 30))
    pulling.get_by_role("button", name="Pull", exact=True).click()
    pulling.get_by_role("status", name="Working…").get_by_role("button", name="Cancel").click()
    until(pulling, lambda: pulling.get_by_role("button", name="Pull", exact=True).is_enabled())


def test_going_on_from_what_was_made(pulling):
    pulling.get_by_role("button", name="Sliders").click()
    slide(pulling.get_by_role("slider", name="smile"), 0.9)
    pulling.get_by_role("button", name="Apply").click()
    picture(pulling, where=RESULT)
    pulling.get_by_role("button", name="Go on from here").click()
    until(pulling, lambda: pulling.get_by_role("slider", name="smile").get_attribute("aria-valuetext") == "free")
    pulling.get_by_role("button", name="Pull points").click()
    pulling.locator(".landmark").first.wait_for(state="attached")
    pull(pulling, (242, 400), (246, 400))
    pulling.get_by_role("button", name="Pull", exact=True).click()
    picture(pulling, where=RESULT)
    assert pulling.locator(".history:visible li").count() == 2
