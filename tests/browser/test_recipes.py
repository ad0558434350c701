"""Recipes in a page that has no photo: the server has it, or it is asked for by its name. What comes of it can be undone."""

import json

import numpy as np
import pytest
from PIL import Image

from portraitist import recipes

from .conftest import EXAMPLES, area, drop, picture, saved, until
from .test_collage import opened as two_photos
from .test_everywhere import faults

NEW, OTHER = EXAMPLES / "new.jpg", EXAMPLES / "photos" / "photo-03.jpg"
SHOWN, BOTH = ".stage:visible img:visible", ".compare:visible img[alt=after]"


def one_photo(page, name):
    drop(area(page, name), page.locator("section:visible .drop:visible").first, NEW)
    page.get_by_role("img", name=NEW.name).wait_for()


def restored(page):
    one_photo(page, "Restore")
    page.get_by_role("checkbox", name="blurred").check()
    page.get_by_role("button", name="Restore", exact=True).last.click()


def blended(page):
    two_photos(page)
    page.get_by_role("button", name="Blend").click()
    page.get_by_label("The second photo is").select_option("top-bottom")
    page.get_by_role("button", name="Make it").click()


def taken(page):
    two_photos(page)
    page.get_by_role("button", name="eyes").click()
    page.get_by_role("button", name="Make it").click()


def widened(page):
    one_photo(page, "Collage")
    page.get_by_role("button", name="Wider").click()
    page.get_by_label("Width, px").fill("900")
    page.get_by_label("Width, px").press("Tab")
    page.get_by_role("button", name="Make it").click()


def varied(page):
    one_photo(page, "Variations")
    page.get_by_label("Pictures", exact=True).fill("2")
    page.get_by_label("Pictures", exact=True).press("Tab")
    page.get_by_role("button", name="Make it").click()


def styled(page):
    one_photo(page, "Styles")
    page.get_by_role("button", name="pencil").click()
    page.get_by_label("What of the photo").select_option("hair")
    page.get_by_role("button", name="Draw it").click()


# The area, what is done there, and what its controls say of the recipe.
MADE = {
    "restore": ("Restore", restored, lambda page: page.get_by_role("checkbox", name="blurred").is_checked()),
    "blend": ("Collage", blended, lambda page: page.get_by_label("The second photo is").input_value() == "top-bottom"),
    "transfer": ("Collage", taken, lambda page: pressed(page, "eyes")),
    "extend": ("Collage", widened, lambda page: pressed(page, "Wider")),
    "variations": ("Variations", varied, lambda page: page.get_by_label("Pictures", exact=True).input_value() == "2"),
    "styles": ("Styles", styled, lambda page: pressed(page, "pencil")),
}


def pressed(page, name):
    return page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"


def recipe_of(page):
    page.locator(".report:visible").wait_for()
    file = saved(page, lambda: page.get_by_role("button", name="Recipe (JSON)").click())
    kept = file.with_suffix(".json")
    kept.write_bytes(file.read_bytes())
    return kept


def replay(page, file):
    page.get_by_label("Replay a recipe").set_input_files(file)


def pixels(page):
    with Image.open(saved(page, lambda: page.keyboard.press("s"))) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("made", MADE)
def test_it_is_made_again_and_undone(page, made):
    name, make, says = MADE[made]
    make(page)
    recipe, first = recipe_of(page), pixels(page)
    page.reload()
    area(page, name)
    assert page.locator(".report:visible").count() == 0  # nothing is left of it
    replay(page, recipe)
    page.locator(".report:visible").wait_for()
    shown = picture(page, where=SHOWN)
    assert (pixels(page) == first).all() and says(page)
    assert page.locator(".compare:visible").count() == 0  # there is nothing to compare it with
    assert page.locator(".history:visible li").count() == 1
    page.keyboard.press("Control+z")
    page.locator(".report:visible").wait_for(state="detached")
    assert not page.locator(".stage:visible img[alt=after]").count()
    page.keyboard.press("Control+Shift+z")
    picture(page, where=SHOWN, like=shown)
    assert faults(page) == []


@pytest.mark.parametrize("made", ["restore", "styles"])
def test_a_photo_that_lies_here_is_shown_beside_it(page, made):
    name, make, _ = MADE[made]
    make(page)
    first = picture(page, where=BOTH)
    recipe = recipe_of(page)
    page.get_by_role("button", name="Another photo").click()
    page.get_by_role("img", name=NEW.name).wait_for(state="detached")
    replay(page, recipe)
    picture(page, where=BOTH, like=first)


def forgotten(file):
    """The recipe, whose files the store has no more."""
    told = json.loads(file.read_text())
    text = json.dumps({name: value for name, value in told.items() if name != "checksum"})
    for number, blob in enumerate(told["files"]):
        text = text.replace(blob, f"{number:064x}")
    body = json.loads(text)
    file.write_text(json.dumps({**body, "checksum": recipes._checksum(body)}))
    return file


def test_photos_that_are_kept_no_more_are_asked_for(visit):
    visitor = visit()
    page = visitor.page
    taken(page)
    recipe = forgotten(recipe_of(page))
    first = pixels(page)
    page.reload()
    area(page, "Collage")
    replay(page, recipe)
    dialog = page.get_by_role("dialog", name="A photo is missing")
    dialog.get_by_text("new.jpg").wait_for()
    for size in ("desktop", "phone"):
        visitor.resize(size)
        visitor.shot(f"recipe-missing-{size}")
    visitor.resize("desktop")
    assert faults(page) == []
    dialog.locator("input[type=file]").set_input_files(OTHER)  # another one
    dialog.get_by_role("alert").get_by_text("this is not the photo").wait_for()
    dialog.locator("input[type=file]").set_input_files(NEW)
    dialog.get_by_text("photo-03.jpg").wait_for()
    dialog.locator("input[type=file]").set_input_files(OTHER)
    picture(page, where=BOTH)  # beside the photo, which lies here now
    assert dialog.count() == 0 and (pixels(page) == first).all()
    assert visitor.expected("404") == 2 and visitor.expected("422") == 1
    until(page, lambda: page.get_by_role("alert").count() == 0)
