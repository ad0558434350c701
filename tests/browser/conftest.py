"""The page in a real browser: Chromium as it is installed, before a real server with a real worker.

The person `ana` is planted with a few layers of her own; learning somebody is what `test_people` does. Opening a photo takes a few steps
(`tests/queue/short_operations.py`).
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from serving import people

from .served import PATIENCE_MS, Served, plant

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SIZES = {"phone": (375, 740), "tablet": (820, 1100), "desktop": (1360, 900)}
SHOTS = os.environ.get("PORTRAITIST_TEST_SHOTS")  # a folder: `make screenshots`


@pytest.fixture(scope="session")
def program():
    """Chromium's."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium; install it (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")  # it keeps an event loop running, beside which no other file's tests could run theirs
def chromium(program):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served(program, tmp_path_factory):
    """A server that knows ana."""
    home = tmp_path_factory.mktemp("studio") / "home"
    plant(home, "ana", people)
    server = Served(home)
    yield server
    server.end(worker=True)


class Visitor:
    """One browser's window. What it complained about stands in `faults`."""

    def __init__(self, chromium, address, **more):
        width, height = SIZES["desktop"]
        self.context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", **({"reduced_motion": "reduce"} | more)
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.faults = []
        self.page = self.tab(address)

    def tab(self, address):
        page = self.context.new_page()
        page.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address)
        return page

    def expected(self, text):
        """Forget complaints that were meant to be; how many."""
        mine = [fault for fault in self.faults if text in fault]
        self.faults = [fault for fault in self.faults if text not in fault]
        return len(mine)

    def resize(self, size):
        width, height = SIZES[size]
        self.page.set_viewport_size({"width": width, "height": height})

    def shot(self, name):
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))

    def close(self):
        self.context.close()


@pytest.fixture
def visit(chromium, served):
    """visit() -> Visitor who was let in; its browser must have nothing to complain about."""
    made = []

    def come(server=served, **more):
        made.append(Visitor(chromium, server.address(), **more))
        made[-1].page.get_by_role("navigation").get_by_role("button", name="People").wait_for()
        return made[-1]

    yield come
    faults = [fault for visitor in made for fault in visitor.faults]
    for visitor in made:
        visitor.close()
    assert not faults, faults


@pytest.fixture
def page(visit):
    return visit().page


def area(page, name):
    """Open an area and wait for its heading."""
    page.get_by_role("navigation").get_by_role("button", name=name, exact=True).click()
    page.get_by_role("heading", name=name, level=1).wait_for()
    return page


def stroke(page, *places):
    """Paint along places, as shares of the canvas."""
    canvas = page.locator(".paint canvas:visible")
    until(page, lambda: int(canvas.get_attribute("data-width")) > 1)  # the photo's size is known
    box = canvas.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def without(page, operation):
    """Open the page of a server that has not that operation."""

    def answered(route):
        answer = route.fetch()
        told = answer.json()
        told["operations"] = [one for one in told["operations"] if one["name"] != operation]
        route.fulfill(response=answer, json=told)

    page.route("**/v1", answered)
    page.reload()
    page.locator(".card").first.wait_for()


def until(page, condition):
    """Poll, as whoever looks at the page would; the condition's value."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        if value := condition():
            return value
        page.wait_for_timeout(30)
    said = page.locator("[role=alert]:visible, .busy:visible").all_inner_texts()
    raise AssertionError(f"it did not happen in time; the page says {said}")


def picture(page, *, like=None, unlike=(), where=".stage:visible img:visible"):
    """The pixels of the picture on the stage, once nothing is being made and it is `like` one or `unlike` some."""

    def look():
        image = page.locator(where).first
        if not image.count() or page.locator(".stage[aria-busy=true]:visible").count():
            return None
        seen = pixels(image)
        return seen if seen and (like is None or seen == like) and seen not in unlike else None

    return until(page, look)


def drop(page, where, *paths):
    """Files or folders that are let go of over an element: as the system tells the browser."""
    box = where.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    session.detach()


def pixels(image):
    """What an <img> shows, as text that can be compared; None while it changes."""
    return image.evaluate(
        """async (image) => { try { await image.decode() } catch { return null }
           const c = document.createElement('canvas'); c.width = c.height = 48;
           const pen = c.getContext('2d'); pen.drawImage(image, 0, 0, 48, 48); return [...pen.getImageData(0, 0, 48, 48).data].join() }"""
    )


def saved(page, click):
    """The file that a click saves."""
    with page.expect_download() as waiting:
        click()
    return Path(waiting.value.path())


def slide(slider, value):
    """Move a slider and let it go."""
    slider.fill(str(value))
    slider.dispatch_event("change")
