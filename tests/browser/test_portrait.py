"""Portraits: sliders with the person's reach, seeds, several draws, a grid, the history, saving, and the same again from its recipe."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from .conftest import area, picture, saved, slide, until
from .test_everywhere import faults, wider


@pytest.fixture
def portrait(page):
    area(page, "Portrait")
    picture(page)
    return page


def test_a_slider_moves_the_face_and_undo_takes_it_back(portrait):
    first = picture(portrait)
    slider = portrait.get_by_role("slider", name="smile")
    assert slider.get_attribute("aria-valuetext") == "free"
    slide(slider, 0.9)
    second = picture(portrait, unlike=[first])
    row = portrait.locator(".report:visible tr", has=portrait.locator("th", has_text="smile"))
    until(portrait, lambda: row.count() and row.locator("td").first.inner_text() == "0.9")
    _, target, achieved, error = (float(text) for text in row.locator("td").all_inner_texts())
    assert target == 0.9 and abs(achieved - 0.9) < 0.2 and 0 < error < 0.5
    report = portrait.locator(".report:visible").inner_text()
    assert re.search(r"more alike than \d+ % of the own photos", report) and "nearest photo" in report, report
    portrait.keyboard.press("Control+z")
    picture(portrait, like=first)
    assert slider.get_attribute("aria-valuetext") == "free"
    portrait.keyboard.press("Control+Shift+z")
    picture(portrait, like=second)


def test_the_face_follows_while_the_slider_moves(portrait):
    """Frames of a live session, and the sharp picture when it is let go: the same that a job draws."""
    slider, seen = portrait.get_by_role("slider", name="smile"), set()

    def moved():
        slider.fill(str(round(0.2 + 0.01 * (len(seen) + moved.count % 50), 2)))
        moved.count += 1
        portrait.wait_for_timeout(60)
        frame = portrait.locator(".stage img.following")
        if frame.count():
            seen.add(frame.get_attribute("src"))
        return len(seen) > 3

    moved.count = 0
    until(portrait, moved)
    slide(slider, 0.85)
    portrait.locator(".stage img.following").wait_for(state="detached")
    last = picture(portrait)
    portrait.reload()
    area(portrait, "Portrait")
    first = picture(portrait)
    assert first != last
    slide(portrait.get_by_role("slider", name="smile"), 0.85)
    picture(portrait, like=last)


def test_beyond_the_reach_it_says_what_is_shown(portrait):
    slider = portrait.get_by_role("slider", name="turn")
    assert "-25° … 25°" in portrait.locator(".slider", has=slider).inner_text()
    slide(slider, 30)
    portrait.get_by_text("beyond what ana can do: shown is 25°").wait_for()
    portrait.locator(".report:visible tr.clamped").wait_for()
    portrait.get_by_role("button", name="turn: Let it be drawn at random").click()
    until(portrait, lambda: slider.get_attribute("aria-valuetext") == "free")


def test_the_reach_is_drawn_with_what_photos_show_and_their_holes(portrait):
    shown = {"photos_low": -20.0, "photos_high": 15.0, "holes": [[-5.0, 5.0]]}

    def answered(route):
        answer = route.fetch()
        told = answer.json()
        for reach in (reach for person in told["items"] for reach in person["reach"] if reach["attribute"] == "yaw"):
            reach |= shown
        route.fulfill(response=answer, json=told)

    portrait.route("**/v1/personas?**", answered)
    portrait.reload()
    area(portrait, "Portrait")
    slider = portrait.get_by_role("slider", name="turn")
    track = portrait.locator(".slider", has=slider).locator(".marks")
    low, high = (float(slider.get_attribute(name)) for name in ("min", "max"))

    def drawn(name):
        whole, part = track.bounding_box(), track.locator(f".{name}").bounding_box()
        ends = part["x"], part["x"] + part["width"]
        return [low + (high - low) * (x - whole["x"]) / whole["width"] for x in ends]

    assert drawn("reach") == pytest.approx([-25, 25], abs=0.5)
    assert drawn("photos") == pytest.approx([-20, 15], abs=0.5) and drawn("hole") == pytest.approx([-5, 5], abs=0.5)


def test_another_one_and_back_by_the_history(portrait):
    first = picture(portrait)
    portrait.get_by_role("button", name="Another one").click()
    picture(portrait, unlike=[first])
    assert portrait.get_by_label("Seed").input_value() != "1"
    until(portrait, lambda: portrait.locator(".history li").count() == 2)
    portrait.locator(".history button").last.click()
    picture(portrait, like=first)
    assert portrait.get_by_label("Seed").input_value() == "1"


def test_a_seed_that_is_typed(portrait):
    first = picture(portrait)
    portrait.get_by_label("Seed").fill("77")
    portrait.get_by_label("Seed").press("Tab")
    second = picture(portrait, unlike=[first])
    portrait.get_by_label("Seed").fill("1")
    portrait.get_by_label("Seed").press("Tab")
    picture(portrait, like=first, unlike=[second])


def several(page, count):
    """The draws, as soon as all are there."""
    page.get_by_text("Contact sheet", exact=True).click()
    page.locator("details:visible").get_by_label("Pictures").select_option(f"{count}")
    page.get_by_role("button", name="Draw several").click()
    draws = page.get_by_role("list", name="Contact sheet").get_by_role("button")
    until(page, lambda: draws.count() == count and not page.get_by_role("status", name="Contact sheet").count())
    return draws


def test_several_draws_and_one_is_chosen(portrait):
    first = picture(portrait)
    slide(portrait.get_by_role("slider", name="smile"), 0.6)
    smiling = picture(portrait, unlike=[first])
    draws = several(portrait, 4)
    names = draws.all_inner_texts()
    assert [re.match(r"Seed (\d+), likeness -?0\.\d\d", name)[1] for name in names] == ["1", "2", "3", "4"], names
    shown = [picture(portrait, where=f".draws li:nth-child({n}) img") for n in (1, 2, 3, 4)]
    assert len(set(shown)) == 4 and shown[0] == smiling
    draws.nth(2).click()
    third = picture(portrait, like=shown[2])
    assert portrait.get_by_label("Seed").input_value() == "3" and portrait.locator(".draws").count() == 0
    recipe = json.loads(
        saved(portrait, lambda: portrait.get_by_role("button", name="Recipe (JSON)").click()).read_text()
    )
    assert (recipe["request"]["seed"], recipe["request"]["values"]) == (3, [{"smile": 0.6}])
    until(portrait, lambda: portrait.locator(".history li").count() == 3)
    portrait.keyboard.press("Control+z")
    until(portrait, lambda: draws.count() == 4)
    portrait.keyboard.press("Control+z")
    picture(portrait, like=smiling)
    portrait.keyboard.press("Control+Shift+z")
    portrait.keyboard.press("Control+Shift+z")
    picture(portrait, like=third)


def test_a_saved_sheet_has_the_files_as_they_were_delivered(portrait):
    draws = several(portrait, 4)
    by_key = saved(portrait, lambda: portrait.keyboard.press("s")).read_text()
    sheet = saved(portrait, lambda: portrait.get_by_role("button", name="Save the sheet").click()).read_text()
    files = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', sheet)]
    assert sheet == by_key and len(files) == 4 and all(b"c2pa" in file for file in files)
    assert len({Image.open(io.BytesIO(file)).tobytes() for file in files}) == 4
    assert all(name in sheet for name in draws.all_inner_texts()) and "<h1>ana: Contact sheet</h1>" in sheet


def test_a_draw_is_chosen_by_the_keyboard(portrait):
    draws = several(portrait, 4)
    draws.first.focus()
    portrait.keyboard.press("Tab")
    portrait.keyboard.press("Enter")
    picture(portrait)
    assert portrait.get_by_label("Seed").input_value() == "2"


def test_a_draw_is_chosen_by_touch(visit):
    visitor = visit(has_touch=True, is_mobile=True)
    visitor.resize("phone")
    page = area(visitor.page, "Portrait")
    picture(page)
    draws = several(page, 9)
    for size in ("phone", "tablet", "desktop"):
        visitor.resize(size)
        visitor.shot(f"portrait-sheet-{size}")
        assert wider(page) <= 0 and faults(page) == []
    visitor.resize("phone")
    assert draws.first.bounding_box()["width"] > 80
    draws.nth(3).scroll_into_view_if_needed()
    draws.nth(3).tap()
    picture(page)
    assert page.get_by_label("Seed").input_value() == "4"


def test_a_sheet_is_stopped_on_its_way(portrait):
    held = []

    def passed(route):
        held.append(route)
        if len(held) < 4:
            route.continue_()

    portrait.route("**/synthesize", passed)
    portrait.get_by_text("Contact sheet", exact=True).click()
    portrait.get_by_role("button", name="Draw several").click()
    draws = portrait.get_by_role("list", name="Contact sheet").get_by_role("button")
    until(portrait, lambda: len(held) == 4 and draws.count() == 3)
    portrait.get_by_role("status", name="Contact sheet").get_by_role("button", name="Stop").click()
    portrait.get_by_role("status", name="Contact sheet").wait_for(state="detached")
    held[3].continue_()
    portrait.unroute("**/synthesize")
    draws.last.click()
    picture(portrait)
    assert portrait.get_by_label("Seed").input_value() == "3"


def test_a_grid(portrait):
    first = picture(portrait)
    portrait.get_by_text("Grid", exact=True).click()
    portrait.get_by_label("across").select_option("yaw")
    portrait.get_by_label("down").select_option("smile")
    portrait.get_by_role("button", name="Make a grid").click()
    portrait.locator(".stage img.sheet").wait_for()
    until(portrait, lambda: portrait.locator(".stage img.sheet").bounding_box()["height"] > 500)
    until(portrait, lambda: portrait.locator(".history li").count() == 2)
    sheet = Image.open(saved(portrait, lambda: portrait.get_by_role("button", name="Save", exact=True).click()))
    assert min(sheet.size) > 500
    recipe = saved(portrait, lambda: portrait.get_by_role("button", name="Recipe (JSON)").click())
    grid = picture(portrait, unlike=[first])
    portrait.keyboard.press("Control+z")
    picture(portrait, like=first)
    portrait.keyboard.press("Control+Shift+z")
    picture(portrait, like=grid)
    portrait.get_by_role("button", name="Back to the start").click()
    picture(portrait, like=first)
    portrait.get_by_label("Replay a recipe").set_input_files(recipe)
    picture(portrait, like=grid)


def test_what_is_saved_is_signed_and_its_recipe_gives_it_again(portrait):
    first = picture(portrait)
    portrait.get_by_role("button", name="Another one").click()
    made = picture(portrait, unlike=[first])
    until(portrait, lambda: portrait.locator(".history li").count() == 2)
    file = saved(portrait, lambda: portrait.keyboard.press("s"))
    assert b"c2pa" in file.read_bytes() and Image.open(file).format == "PNG"
    recipe = saved(portrait, lambda: portrait.get_by_role("button", name="Recipe (JSON)").click())
    assert json.loads(recipe.read_text())["request"]["operation"] == "synthesize"
    portrait.get_by_role("button", name="Back to the start").click()
    picture(portrait, like=first)
    portrait.get_by_label("Replay a recipe").set_input_files(recipe)
    picture(portrait, like=made)
    other = {"name": "other.json", "mimeType": "application/json", "buffer": b"{}"}
    portrait.get_by_label("Replay a recipe").set_input_files(other)
    portrait.get_by_role("alert").get_by_text("This file is no recipe").wait_for()
