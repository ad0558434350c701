"""What happens in between: the server or a worker is killed, two tabs are open, the address was used already."""

import os
import signal

import pytest
from ports import free_port
from serving import people

from portraitist.backend import embedded
from portraitist.http.access.secret import create_key

from .conftest import EXAMPLES, PATIENCE_MS, Visitor, area, picture, slide, until
from .served import Served, plant


@pytest.fixture
def restarted(chromium, tmp_path):
    home = tmp_path / "home"
    plant(home, "ana", people)
    server = Served(home, port=free_port())  # it comes back there
    server.key = create_key(embedded(home), "default", "a browser", "admin", rate=1e6)[1]
    yield server
    server.end(worker=True)


def enter(page, key):
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open", exact=True).click()
    page.locator(".card", has_text="ana").wait_for()


def test_a_server_that_is_killed_and_comes_back(chromium, restarted):
    visitor = Visitor(chromium, restarted.url)
    page = visitor.page
    enter(page, restarted.key)
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    slider, shown = page.get_by_role("slider", name="smile"), ".compare:visible img[alt=after]"
    first = picture(page, where=shown)
    slide(slider, 0.8)
    second = picture(page, where=shown, unlike=[first])
    restarted.kill()
    page.get_by_role("alert").get_by_text("Is it still running?").wait_for()
    slide(slider, 0.2)
    restarted.start()
    third = picture(page, where=shown, unlike=[first, second])  # the photo was held open meanwhile
    page.get_by_role("button", name="Keep this picture").click()
    page.locator(".report:visible").wait_for()
    page.keyboard.press("Control+z")
    picture(page, where=shown, unlike=[third])
    assert page.get_by_role("alert").count() == 0
    visitor.close()


def doing(home, operation):
    """The process that does a job of that kind now, or None."""
    rows = embedded(home).of("default").ledger.jobs(status="running")
    return next((int(row.worker.rpartition("/")[2]) for row in rows if row.operation == operation and row.worker), None)


def test_a_worker_that_is_killed_while_a_photo_is_open(chromium, restarted):
    visitor = Visitor(chromium, restarted.url)
    page = visitor.page
    enter(page, restarted.key)
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    slider, shown = page.get_by_role("slider", name="smile"), ".compare:visible img[alt=after]"
    first = picture(page, where=shown)
    slide(slider, 0.8)
    second = picture(page, where=shown, unlike=[first])
    os.kill(doing(restarted.home, "open"), signal.SIGKILL)
    slide(slider, 0.2)
    picture(page, where=shown, unlike=[first, second])
    for seen in (second, first):  # nothing of the history is lost
        page.keyboard.press("Control+z")
        picture(page, where=shown, like=seen)
    assert page.get_by_role("alert").count() == 0 and visitor.expected("401") == 1 and not visitor.faults
    visitor.close()


def test_a_worker_that_is_killed_while_it_draws(chromium, restarted):
    visitor = Visitor(chromium, restarted.url)
    page = visitor.page
    enter(page, restarted.key)
    area(page, "Variations").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    page.get_by_label("Pictures", exact=True).fill("12")
    page.get_by_label("Pictures", exact=True).press("Tab")
    page.get_by_role("button", name="Make it").click()
    os.kill(until(page, lambda: doing(restarted.home, "variations")), signal.SIGKILL)
    variants = page.get_by_role("list", name="Variations").get_by_role("button")
    until(page, lambda: variants.count() == 12)
    [row] = [one for one in embedded(restarted.home).of("default").ledger.jobs() if one.operation == "variations"]
    assert row.attempts == 2 and page.get_by_role("alert").count() == 0
    assert visitor.expected("401") == 1 and not visitor.faults  # before the key was entered
    visitor.close()


def test_learning_is_followed_again_when_the_server_is_back(chromium, restarted):
    """The worker goes on meanwhile, and the page finds the person learnt, or being learnt."""
    visitor = Visitor(chromium, restarted.url)
    page = visitor.page
    enter(page, restarted.key)
    page.get_by_role("button", name="New person").click()
    photos = sorted((EXAMPLES / "photos").glob("photo-*.jpg"))[:3]
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(photos)
    page.get_by_role("textbox", name="Name").fill("mila")
    page.get_by_role("checkbox", name="The person in these photos agrees").check()
    page.get_by_label("Who agreed").fill("mila")
    page.get_by_role("radio", name="fast").check()
    page.get_by_role("button", name="Learn this person").click()
    bar = page.get_by_role("status", name="Learning mila")
    until(page, lambda: bar.locator(".verdicts li").count())
    restarted.kill()
    restarted.start()
    page.locator(".card", has_text="mila").wait_for(timeout=2 * PATIENCE_MS)
    visitor.close()


def test_two_tabs_see_the_same_people(visit):
    visitor = visit()
    first = area(visitor.page, "Portrait")
    second = visitor.tab(first.url.partition("#")[0])  # the key is the browser's
    second.locator(".card", has_text="ana").wait_for()
    area(second, "Portrait")
    a, b = picture(first), picture(second)
    assert a == b
    first.get_by_role("button", name="Another one").click()
    second.get_by_role("button", name="Another one").click()
    picture(first, unlike=[a])
    picture(second, unlike=[a])


def test_the_page_opens_on_a_person(chromium, tmp_path):
    """As `make demo` says in its last line."""
    home = tmp_path / "home"
    for name in ("ana", "mila"):
        plant(home, name, people)
    server = Served(home, "--person", "mila")
    visitor = Visitor(chromium, server.address())
    picture(visitor.page)
    assert visitor.page.get_by_label("Person").locator("option:checked").inner_text() == "mila"
    assert visitor.page.url == f"{server.url}/#portrait" and not visitor.faults
    visitor.close()
    server.end(worker=True)


def test_an_address_works_once(chromium, served):
    address = served.address()
    first = Visitor(chromium, address)
    first.page.locator(".card", has_text="ana").wait_for()
    assert "token" not in first.page.url and not first.faults
    second = Visitor(chromium, address)
    second.page.get_by_role("heading", name="Open the studio").wait_for()
    assert second.page.locator(".card").count() == 0
    first.page.keyboard.press("?")
    first.page.get_by_role("button", name="Leave: forget the key in this browser").click()
    first.page.get_by_role("heading", name="Open the studio").wait_for()
    assert first.page.evaluate("localStorage.getItem('portraitist.key')") is None
    for visitor in (first, second):
        visitor.close()
