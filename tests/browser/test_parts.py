"""The tab "parts": a part is clicked on, set, taken from another photo, left out; the mask; a person whose faces have no parts."""

import json

import numpy as np
import pytest
from PIL import Image
from serving import parts_prior, people

from .conftest import EXAMPLES, area, drop, picture, saved, slide, until
from .served import Served, plant
from .test_everywhere import faults, tab_to

NEW, OTHER = EXAMPLES / "new.jpg", EXAMPLES / "photos" / "photo-03.jpg"
FACE = ".stage:visible .sheet > img"


@pytest.fixture(scope="module")
def server(program, tmp_path_factory):
    """It knows pia, whose generator has parts, and zoe, whose has none."""
    home = tmp_path_factory.mktemp("parts") / "home"
    parts_prior.install(home)
    prior = parts_prior.loaded(home)
    plant(home, "pia", people, weights=parts_prior.weights(prior), prior=prior.reference, reach=parts_prior.REACH)
    plant(home, "zoe", people)
    server = Served(home)
    yield server
    server.end(worker=True)


@pytest.fixture
def visitor(visit, server):
    return visit(server)


@pytest.fixture
def parts(visitor):
    page = area(visitor.page, "Parts")
    page.locator("canvas.partmap").wait_for()
    picture(page, where=FACE)
    return page


def chips(page):
    return page.get_by_role("group", name="Part", exact=True)


def chosen(page):
    return [
        button.inner_text()
        for button in chips(page).get_by_role("button").all()
        if button.get_attribute("aria-pressed") == "true"
    ]


def make(page):
    page.get_by_role("button", name="Make it").click()
    page.locator(".report:visible").wait_for()


def painted(page):
    """How many pixels of the map are seen, and in how many colours."""
    return page.locator("canvas.partmap").evaluate(
        """(canvas) => { const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
           const pen = copy.getContext('2d', { willReadFrequently: true }); pen.drawImage(canvas, 0, 0);
           const all = pen.getImageData(0, 0, copy.width, copy.height).data, seen = new Set(); let n = 0;
           for (let at = 0; at < all.length; at += 4) if (all[at + 3]) { n++; seen.add([all[at], all[at + 1], all[at + 2]].join()) }
           return [n, seen.size] }"""
    )


def test_a_part_is_clicked_on_and_set(visitor, parts):
    first = picture(parts, where=FACE)
    assert painted(parts)[0] == 0
    parts.locator("canvas.partmap").click(position={"x": 40, "y": 40})
    until(parts, lambda: len(chosen(parts)) == 1)
    until(parts, lambda: painted(parts)[0] > 0 and painted(parts)[1] == 1)  # it is marked
    parts.get_by_role("button", name="Show the parts").click()
    until(parts, lambda: painted(parts)[0] == 128 * 128 and painted(parts)[1] > 2)
    visitor.shot("parts-mask-desktop")
    parts.get_by_role("button", name="Show the parts").click()
    chips(parts).get_by_role("button", name="hair").click()
    slide(parts.get_by_role("slider", name="lightness"), 0.9)
    assert "hair •" in chips(parts).inner_text()
    make(parts)
    second = picture(parts, where=FACE, unlike=[first])
    told = parts.locator(".report:visible").inner_text()
    assert "change near the parts" in told and "how much of each mask stayed" in told
    visitor.shot("parts-desktop")
    recipe = saved(parts, lambda: parts.get_by_role("button", name="Recipe (JSON)").click())
    [part] = json.loads(recipe.read_text())["request"]["changes"]
    assert part["part"] == "hair" and part["values"] == {"hair_lightness": 0.9}
    assert faults(parts) == []
    parts.keyboard.press("Control+z")
    picture(parts, where=FACE, like=first)
    parts.keyboard.press("Control+Shift+z")
    picture(parts, where=FACE, like=second)
    parts.keyboard.press("Control+z")
    picture(parts, where=FACE, like=first)
    parts.get_by_label("Replay a recipe").set_input_files(recipe)
    picture(parts, where=FACE, like=second)
    assert chosen(parts) == ["hair •"]  # what the recipe says is set again
    assert parts.get_by_role("slider", name="lightness").input_value() == "0.9"
    told = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({name: value for name, value in told.items() if name != "recipe"}))
    parts.get_by_label("Replay a recipe").set_input_files(recipe)
    parts.get_by_role("alert").get_by_text("This file is no recipe").wait_for()


def test_a_part_without_labels_is_set(parts):
    first = picture(parts, where=FACE)
    chips(parts).get_by_role("button", name="nose").click()
    assert not parts.get_by_role("slider", name="texture 1").is_visible()
    parts.get_by_text("More, in standard deviations").click()
    slide(parts.get_by_role("slider", name="texture 1"), 2.5)
    make(parts)
    picture(parts, where=FACE, unlike=[first])


def test_a_part_of_another_photo_in_a_photo(parts):
    drop(parts, parts.get_by_text("Drop a photo of the person, to change that"), NEW)
    parts.get_by_role("button", name="The whole photo").wait_for()
    first = picture(parts, where=FACE)
    chips(parts).get_by_role("button", name="skin").click()
    drop(parts, parts.get_by_text("Take the skin from another photo"), OTHER)
    parts.get_by_label("What of it").select_option("texture")
    make(parts)
    picture(parts, where=FACE, unlike=[first])
    parts.get_by_role("button", name="The whole photo").click()
    picture(parts, where=".compare:visible img[alt=after]")
    file = saved(parts, lambda: parts.keyboard.press("s"))
    assert Image.open(file).size == Image.open(NEW).size and b"c2pa" in file.read_bytes()
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, NEW))
    assert np.abs(now - then).max() > 10
    recipe = saved(parts, lambda: parts.get_by_role("button", name="Recipe (JSON)").click())
    parts.get_by_role("button", name="A new portrait").click()  # neither photo lies in the page any more
    parts.get_by_role("button", name="The whole photo").wait_for(state="detached")
    parts.get_by_label("Replay a recipe").set_input_files(recipe)
    parts.locator(".report:visible").wait_for()
    assert chosen(parts) == ["skin •"] and parts.get_by_label("What of it").input_value() == "texture"
    assert parts.locator(f'.taken:visible img[alt="{OTHER.name}"]').count() == 1
    again = saved(parts, lambda: parts.keyboard.press("s"))
    assert (np.asarray(Image.open(again).convert("RGB")) == now).all()


def test_by_the_keyboard_a_part_is_drawn_moved_and_left_out(parts):
    first = picture(parts, where=FACE)
    tab_to(parts, "nose")
    parts.keyboard.press("Enter")
    tab_to(parts, "One that nobody has")
    parts.keyboard.press("Enter")
    parts.get_by_role("slider", name="to the right").focus()
    for _ in range(4):
        parts.keyboard.press("ArrowRight")
    until(parts, lambda: "4 px" in parts.locator(".partform").inner_text())
    parts.get_by_role("button", name="Make it").press("Enter")
    second = picture(parts, where=FACE, unlike=[first])
    parts.get_by_role("button", name="As it was").press("Enter")
    picture(parts, where=FACE, like=first)
    parts.get_by_role("checkbox", name="Leave it out").press("Space")
    parts.get_by_role("button", name="Make it").press("Enter")
    picture(parts, where=FACE, unlike=[first, second])
    parts.get_by_role("button", name="Another one").press("Enter")
    picture(parts, where=FACE, unlike=[first, second])


def test_a_person_whose_faces_have_no_parts_is_told_what_to_do(parts):
    parts.locator(".chooser:visible select").select_option(label="zoe")
    parts.get_by_text("Learn the person anew from a generator with parts (default-parts, tiny-parts)").wait_for()
    parts.locator("section:visible").get_by_role("button", name="People").click()
    parts.get_by_role("button", name="New person").click()
    assert parts.get_by_label("Generator").locator("option").last.text_content() == "tiny-parts: with parts"


def test_the_tab_is_there_since_a_bundled_generator_has_parts(page):
    page.get_by_role("navigation").get_by_role("button", name="Parts").wait_for()
