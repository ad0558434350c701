"""A real photo is held open: sliders with frames while they move, undo, before and after, keeping it, and its recipe."""

import itertools
import json
import re

import pytest
from PIL import Image

from .conftest import EXAMPLES, area, drop, picture, saved, slide, until

NEW = EXAMPLES / "new.jpg"
RESULT = ".compare:visible img[alt=after]"


@pytest.fixture
def photo(page):
    """The photo is dropped, and open."""
    area(page, "Photo")
    drop(page, page.locator(".drop:visible"), NEW)
    picture(page, where=RESULT)
    return page


def keep(page):
    """Keep the picture, and wait for what is known of it."""
    page.get_by_role("button", name="Keep this picture").click()
    page.locator(".report:visible").wait_for()


def test_sliders_wait_until_the_photo_is_open(page):
    """What was asked before would come after the picture had already been called ready."""
    held = []
    page.route("**/open", lambda route: held.append(route))
    drop(area(page, "Photo"), page.locator(".drop:visible"), NEW)
    slider = page.get_by_role("slider", name="smile")
    slider.wait_for()
    until(page, lambda: held)
    assert slider.is_disabled()
    held[0].continue_()
    until(page, slider.is_enabled)


def test_the_face_follows_a_slider(photo):
    """Frames come before the slider is let go."""
    first = picture(photo, where=RESULT)
    slider, seen, steps = photo.get_by_role("slider", name="smile"), set(), itertools.count()

    def moved():
        slider.fill(str(0.5 + 0.05 * (next(steps) % 8)))
        photo.wait_for_timeout(150)
        seen.add(photo.locator(RESULT).get_attribute("src"))
        return len(seen) > 2

    until(photo, moved)  # a busy machine shows fewer
    last = picture(photo, where=RESULT, unlike=[first])
    photo.keyboard.press("Control+z")  # however often it moved, it is one step
    picture(photo, where=RESULT, like=first)
    until(photo, lambda: slider.get_attribute("aria-valuetext") == "free")
    photo.get_by_role("button", name="Redo").click()
    picture(photo, where=RESULT, like=last)


def test_what_is_kept_has_its_report_and_its_recipe(photo):
    first = picture(photo, where=RESULT)
    slide(photo.get_by_role("slider", name="smile"), 0.9)
    picture(photo, where=RESULT, unlike=[first])
    slide(photo.get_by_role("slider", name="turn"), 10)
    keep(photo)
    report = photo.locator(".report:visible").inner_text()
    assert "0.9" in report and "10°" in report and "change outside the face" in report
    file = saved(photo, lambda: photo.get_by_role("button", name="Save", exact=True).click())
    assert Image.open(file).size == Image.open(NEW).size and b"c2pa" in file.read_bytes()
    recipe = saved(photo, lambda: photo.get_by_role("button", name="Recipe (JSON)").click())
    steps = json.loads(recipe.read_text())["request"]["steps"]
    assert [list(step["values"]) for step in steps] == [["smile"], ["yaw"]]
    photo.get_by_role("button", name="Back to the open photo").or_(
        photo.get_by_role("button", name="Another photo")
    ).first.click()
    photo.get_by_label("Replay a recipe").set_input_files(recipe)
    until(photo, lambda: photo.locator("section:visible .report").count())
    again = saved(photo, lambda: photo.get_by_role("button", name="Save", exact=True).click())
    assert Image.open(again).tobytes() == Image.open(file).tobytes()


def test_pictures_of_the_history_are_looked_at_again(photo):
    slide(photo.get_by_role("slider", name="smile"), 0.9)
    keep(photo)
    assert re.search(r"moved beside it\s+turn \d+ %", photo.locator(".report:visible").inner_text())
    slide(photo.get_by_role("slider", name="smile"), 0.1)
    now = picture(photo, where=RESULT)
    keep(photo)
    until(photo, lambda: photo.locator(".history:visible li").count() == 2)
    photo.locator(".history:visible button").last.click()
    picture(photo, where=RESULT, unlike=[now])
    photo.get_by_role("button", name="Back to the open photo").click()
    picture(photo, where=RESULT, like=now)


def test_before_and_after_by_mouse_and_by_key(photo):
    above = photo.locator(".compare:visible .above")
    photo.get_by_role("slider", name="Before and after").press("ArrowRight")
    until(photo, lambda: "99%" in above.get_attribute("style"))
    hold = photo.get_by_role("button", name="Hold to see the photo as it was")
    hold.hover()
    photo.mouse.down()
    until(photo, lambda: "none" in above.get_attribute("style"))
    photo.mouse.up()
    until(photo, lambda: "99%" in above.get_attribute("style"))


def test_a_photo_without_a_face_is_refused_in_words(page):
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(
        EXAMPLES / "photos" / "bad-no-face.jpg"
    )
    page.get_by_role("alert").get_by_text("no face found. Use a photo in which").wait_for()
    page.locator(".drop:visible input[type=file]").set_input_files(NEW)
    picture(page, where=RESULT)
    assert page.get_by_role("alert").count() == 0
