"""Somebody is learnt from photos that are dropped, with a verdict on each; more photos; a learning that is cancelled; the end."""

import json
import re
import shutil

import pytest

import portraitist
from portraitist.jobs import Cancelled

from .conftest import EXAMPLES, drop, picture, saved, until
from .served import Served

PHOTOS = [f"photo-0{number}.jpg" for number in range(4)] + ["bad-no-face.jpg"]


@pytest.fixture
def alone(chromium, tmp_path):
    """A server where nobody was learnt yet."""
    server = Served(tmp_path / "home")
    yield server
    server.end(worker=True)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "holiday"
    made.mkdir()
    for name in PHOTOS:
        shutil.copy(EXAMPLES / "photos" / name, made)
    (made / "notes.txt").write_text("not a photo")
    return made


def consent(page, name):
    page.get_by_label("Name", exact=False).first.fill(name)
    learn = page.get_by_role("button", name="Learn this person")
    assert learn.is_disabled()
    page.get_by_role("checkbox", name="The person in these photos agrees").check()
    page.get_by_label("Who agreed").fill(name)
    page.get_by_role("radio", name="fast").check()
    return learn


def test_learning_says_how_long_it_takes_and_is_cancelled(visit, alone, folder):
    page = visit(alone).page
    drop(page, page.locator(".drop"), folder)
    learn = consent(page, "mila")
    page.get_by_role("radio", name="best").check()
    learn.click()
    learning = page.get_by_role("status", name="Learning mila")
    learning.get_by_text(re.compile(r"about \d+ (s|min) left")).wait_for()
    learning.get_by_role("button", name="Cancel").click()
    page.get_by_text("Nobody yet.").wait_for()
    assert page.locator(".progress, .card, [role=alert]").count() == 0
    [job] = portraitist.connect(home=alone.home).jobs.list()
    assert isinstance(job.status, Cancelled)


@pytest.mark.slow
def test_from_photos_to_a_receipt(visit, alone, folder):
    visitor = visit(alone)
    page = visitor.page
    drop(page, page.locator(".drop"), folder)
    page.get_by_text(f"{len(PHOTOS)} photos chosen").wait_for()
    page.get_by_role("button", name="Leave out photo-03.jpg").click()
    page.get_by_text(f"{len(PHOTOS) - 1} photos chosen").wait_for()
    visitor.shot("people-new")
    learn = consent(page, "mila")
    page.get_by_role("checkbox", name="nod").uncheck()
    learn.click()

    learning = page.get_by_role("status", name="Learning mila")
    learning.locator(".verdicts li.refused", has_text="bad-no-face.jpg").wait_for()
    assert learning.locator(".verdicts li.refused small").inner_text()  # why, and what to do
    bar = learning.get_by_role("progressbar")
    early = until(page, lambda: float(bar.get_attribute("value")) or None)
    learning.get_by_text("tuning the generator").wait_for()
    until(page, lambda: float(bar.get_attribute("value")) > early)
    visitor.shot("people-learning")

    card = page.locator(".card", has_text="mila")
    card.wait_for()
    assert "3 of 4 photos used" in card.inner_text() and page.locator(".progress").count() == 0
    record = portraitist.connect(home=alone.home).personas.get("mila").record
    assert {reach.attribute for reach in record.reach} == {"yaw", "smile"}
    picture(page, where=".card img")
    card.get_by_role("button", name="Photos").click()
    assert card.locator(".verdicts li.refused", has_text="bad-no-face.jpg").count() == 1
    assert "What would help" in card.inner_text()
    visitor.shot("people-card")

    card.locator("input[type=file]:not([webkitdirectory])").set_input_files(EXAMPLES / "photos" / "photo-03.jpg")
    page.get_by_role("status", name="Adding photos to mila").get_by_role("button", name="Cancel").click()
    page.get_by_role("status", name="Adding photos to mila").wait_for(state="detached")
    assert "3 of 4 photos used" in card.inner_text()
    card.locator("input[type=file]:not([webkitdirectory])").set_input_files(EXAMPLES / "photos" / "photo-03.jpg")
    until(page, lambda: "4 of 5 photos used" in card.inner_text())

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert card.count() == 1
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog", name="mila is deleted.").wait_for()
    receipt = json.loads(saved(page, lambda: page.get_by_role("button", name="Save the receipt").click()).read_text())
    assert receipt["signature"] and receipt["persona_id"].startswith("per_")
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    page.get_by_text("Nobody yet.").wait_for()


def test_photos_that_cannot_do_are_each_explained(page):
    page.get_by_role("button", name="New person").click()
    bad = [EXAMPLES / "photos" / name for name in ("bad-no-face.jpg", "photo-00.jpg")]
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(bad)
    consent(page, "nobody").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert alert.locator("li.refused", has_text="bad-no-face.jpg").count() == 1
    alert.get_by_role("button", name="Close").click()
    assert page.locator(".card", has_text="nobody").count() == 0


def test_a_name_that_is_taken_is_said_in_the_form(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("button", name="New person").click()
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(EXAMPLES / "new.jpg")
    consent(page, "ana").click()
    page.get_by_role("dialog").get_by_role("alert").wait_for()
    assert visitor.expected("409")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
