"""A real photo: sliders, before and after, the report, undo, and a picture that is not of the person."""

import pytest
from PIL import Image

from .conftest import EXAMPLES, area, drop, picture, saved, slide, until

RESULT = ".compare:visible img[alt=after]"


@pytest.fixture
def photo(page):
    """The photo is dropped."""
    area(page, "Photo")
    drop(page, page.locator(".drop:visible"), EXAMPLES / "new.jpg")
    page.get_by_role("img", name="new.jpg").wait_for()
    return page


def test_an_edit_with_before_and_after_and_undo(photo):
    apply = photo.get_by_role("button", name="Apply")
    assert apply.is_disabled()
    slide(photo.get_by_role("slider", name="smile"), 0.9)
    apply.click()
    first = picture(photo, where=RESULT)
    report = photo.locator(".report:visible")
    assert "smile" in report.inner_text() and "change outside the face" in report.inner_text()
    slide(photo.get_by_role("slider", name="turn"), 10)
    apply.click()
    second = picture(photo, where=RESULT, unlike=[first])
    photo.keyboard.press("Control+z")
    picture(photo, where=RESULT, like=first)
    for _ in range(2):  # the slider, the first edit
        photo.keyboard.press("Control+z")
    photo.get_by_role("img", name="new.jpg").wait_for()
    assert photo.get_by_role("slider", name="smile").get_attribute("aria-valuetext") == "0.9"
    for _ in range(3):
        photo.get_by_role("button", name="Redo").click()
    picture(photo, where=RESULT, like=second)
    file = saved(photo, lambda: photo.get_by_role("button", name="Save", exact=True).click())
    assert Image.open(file).size == Image.open(EXAMPLES / "new.jpg").size


def test_before_and_after_by_mouse_and_by_key(photo):
    slide(photo.get_by_role("slider", name="smile"), 0.9)
    photo.get_by_role("button", name="Apply").click()
    picture(photo, where=RESULT)
    above = photo.locator(".compare:visible .above")
    photo.get_by_role("slider", name="Before and after").press("ArrowRight")
    assert "49%" in above.get_attribute("style")
    hold = photo.get_by_role("button", name="Hold to see the photo as it was")
    hold.hover()
    photo.mouse.down()
    until(photo, lambda: "none" in above.get_attribute("style"))
    photo.mouse.up()
    until(photo, lambda: "49%" in above.get_attribute("style"))


def test_a_photo_without_a_face_is_refused_in_words(photo):
    photo.get_by_role("button", name="Another photo").click()
    photo.locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "photos" / "bad-no-face.jpg")
    slide(photo.get_by_role("slider", name="smile"), 0.9)
    photo.get_by_role("button", name="Apply").click()
    photo.get_by_role("alert").get_by_text("no face found. Use a photo in which").wait_for()
    photo.get_by_role("alert").get_by_role("button", name="Close").click()
    photo.get_by_role("alert").wait_for(state="detached")
