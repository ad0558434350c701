"""Points are pulled by mouse, touch and keys, and the face follows; a mask; the way it ended."""

import json
import re
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError

from .conftest import EXAMPLES, area, picture, pixels, saved, slide, until
from .test_photo import keep
from .test_restore import painted

NEW = EXAMPLES / "new.jpg"
SHOWN = ".paint:visible .sheet > img"
MOUTH = (220, 428)  # its left corner in the photo, px


def opened(page):
    """The photo, once the parts of the face are known."""
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(NEW)
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


def test_the_face_follows_the_pointer(pulling):
    first = picture(pulling, where=SHOWN)
    pulling.mouse.move(*where(pulling, MOUTH))
    pulling.mouse.down()
    pulling.mouse.move(*where(pulling, (214, 424)), steps=4)
    bar = pulling.get_by_role("status", name="Pull points")
    bar.get_by_text("px left").wait_for()  # frames come while the button is down
    assert pulling.locator(".reached").count() == 1
    pulling.mouse.move(*where(pulling, (212, 420)), steps=4)
    pulling.mouse.up()
    second = picture(pulling, where=SHOWN, unlike=[first])
    text = pulling.locator(".pointlist li").inner_text()
    assert re.match(r"mouth, left: held\n(arrived|goes no farther|lost|stopped)", text), text
    pull(pulling, (242, 398), (246, 398))  # another point; the first one is held where it was pulled to
    third = picture(pulling, where=SHOWN, unlike=[first, second])
    assert len(listed(pulling)) == 2
    pulling.keyboard.press("Control+z")
    picture(pulling, where=SHOWN, like=second)
    until(pulling, lambda: len(listed(pulling)) == 1)
    pulling.keyboard.press("Control+z")
    picture(pulling, where=SHOWN, like=first)
    until(pulling, lambda: listed(pulling) == [])
    for _ in range(2):
        pulling.keyboard.press("Control+Shift+z")
    picture(pulling, where=SHOWN, like=third)


def spoken(page):
    """What the page and its live session say to each other from now on: both as lists of objects."""
    said, heard = [], []

    def listen(socket):
        socket.on("framesent", lambda text: said.append(json.loads(text)))
        socket.on("framereceived", lambda text: heard.append(json.loads(text)) if isinstance(text, str) else None)

    page.on("websocket", listen)
    return said, heard


def test_a_preview_until_the_pointer_lets_go_leaves_no_trace(page):
    """It lands where a pull without a preview does, bit for bit, as one step."""
    said, heard = spoken(page)
    opened(page)
    first = picture(page, where=SHOWN)
    page.mouse.move(*where(page, MOUTH))
    page.mouse.down()
    page.mouse.move(*where(page, (212, 420)), steps=4)
    bar = page.get_by_role("status", name="Pull points")
    bar.get_by_text("A preview, by the latent transformer").wait_for()
    shown = pixels(page.locator(SHOWN))
    page.mouse.move(*where(page, (217, 424)), steps=2)
    until(page, lambda: pixels(page.locator(SHOWN)) not in (None, shown, first))
    page.wait_for_timeout(800)  # a drag that nobody holds lands sooner
    assert not [message for message in heard if message["is"] == "landed"]
    page.mouse.up()
    second = picture(page, where=SHOWN, unlike=[first])
    assert len([message for message in heard if message["is"] == "landed"]) == 1
    pulls = [command for command in said if command["do"] in ("drag", "aim")]
    assert (
        pulls[0]["do"] == "drag" and pulls[0]["method"] == "draggan" and [p["do"] for p in pulls[1:]].count("drag") == 0
    )
    assert [bool(command.get("held")) for command in pulls] == [True] * (len(pulls) - 1) + [False]
    page.keyboard.press("Control+z")
    picture(page, where=SHOWN, like=first)
    until(page, lambda: listed(page) == [])
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.get_by_role("checkbox", name="Pull while the pointer moves").uncheck()
    pull(page, MOUTH, (217, 424))
    page.get_by_role("button", name="Pull", exact=True).click()
    picture(page, where=SHOWN, like=second)
    keep(page)
    recipe = saved(page, lambda: page.get_by_role("button", name="Recipe (JSON)").click())
    [step] = json.loads(recipe.read_text())["request"]["steps"]
    assert step["method"] == "draggan" and "held" not in step


def test_a_key_that_is_let_go_ends_the_preview_and_so_does_leaving_it(page):
    said, heard = spoken(page)
    opened(page)
    page.get_by_label("Add a part of the face").select_option("nose")
    point = page.get_by_role("button", name=re.compile("^Point 1"))
    for leave in (lambda: page.keyboard.up("ArrowRight"), lambda: page.get_by_role("button", name="Brush").focus()):
        picture(page, where=SHOWN)
        point.focus()
        page.keyboard.down("ArrowRight")
        until(page, lambda: said[-1].get("held"))
        leave()
        until(page, lambda: said[-1]["do"] == "aim" and not said[-1].get("held"))
        page.keyboard.up("ArrowRight")
        picture(page, where=SHOWN)
    assert len([message for message in heard if message["is"] == "landed"]) == 2


def test_a_drag_that_is_taken_up_again_while_it_lands(page):
    """The word that it has landed comes while a key is down again: that key's end must still let go."""
    said, heard, late = [], [], []

    def changed(socket):
        server = socket.connect_to_server()

        def forth(told):
            said.append(json.loads(told))
            server.send(told)

        def back(told):
            if isinstance(told, str) and json.loads(told)["is"] == "landed" and not heard:
                heard.append(told)
                return late.append(lambda: socket.send(told))  # held back
            socket.send(told)

        socket.on_message(forth)
        server.on_message(back)

    page.route_web_socket("**/live", changed)
    opened(page)
    page.get_by_label("Add a part of the face").select_option("nose")
    first = picture(page, where=SHOWN)
    page.get_by_role("button", name=re.compile("^Point 1")).focus()
    page.keyboard.press("Shift+ArrowRight")
    until(page, lambda: late)
    page.keyboard.down("ArrowUp")
    until(page, lambda: said[-1].get("held"))
    late[0]()
    page.wait_for_timeout(300)  # it has come
    page.keyboard.up("ArrowUp")
    until(page, lambda: said[-1]["do"] == "aim" and not said[-1].get("held"))
    picture(page, where=SHOWN, unlike=[first])
    assert [command["do"] for command in said].count("drag") == 1


def test_a_place_that_is_pressed_is_held(pulling):
    pulling.get_by_role("checkbox", name="Pull while the pointer moves").uncheck()
    first = picture(pulling, where=SHOWN)
    pull(pulling, (242, 398), (250, 398))
    pulling.mouse.move(*where(pulling, (242, 470)))
    pulling.mouse.down()
    pulling.mouse.up()
    assert re.match(r".*: held", listed(pulling)[1]), listed(pulling)
    pulling.get_by_role("button", name="Pull", exact=True).click()
    anchored = picture(pulling, where=SHOWN, unlike=[first])
    keep(pulling)
    recipe = saved(pulling, lambda: pulling.get_by_role("button", name="Recipe (JSON)").click())
    [step] = json.loads(recipe.read_text())["request"]["steps"]
    assert len(step["points"]) == 2
    left = re.search(r"point 2\s+\w[^,]*, (\d+\.\d) px left", pulling.locator(".report:visible").inner_text())
    assert float(left[1]) < 5
    pulling.get_by_role("button", name="Undo").click()
    picture(pulling, where=SHOWN, like=first)
    until(pulling, lambda: len(listed(pulling)) == 2)
    pulling.get_by_role("button", name="Remove point 2").click()
    pulling.get_by_role("button", name="Pull", exact=True).click()
    picture(pulling, where=SHOWN, unlike=[first, anchored])  # without it the face goes elsewhere


def test_a_point_that_is_lost_is_said_to_be(page):
    """The server's word is put in, since no drag of a test is sure to be lost."""

    def changed(socket):
        server = socket.connect_to_server()
        server.on_message(
            lambda told: socket.send(re.sub(r'"end": ?"\w+"', '"end": "lost"', told) if isinstance(told, str) else told)
        )

    page.route_web_socket("**/live", changed)
    opened(page)
    pull(page, MOUTH, (212, 420))
    page.locator(".pointlist .end.lost").get_by_text(re.compile(r"^lost, .*match \d+ %$")).wait_for()


def test_points_are_made_moved_and_taken_away_before_they_are_pulled(pulling):
    pulling.get_by_role("checkbox", name="Pull while the pointer moves").uncheck()
    first = picture(pulling, where=SHOWN)
    pull(pulling, (170, 450), (180, 460))
    assert listed(pulling) == ["170, 450 → 180, 460"]
    pull(pulling, MOUTH, (214, 420))  # near to a part of the face: the part itself
    assert listed(pulling)[1] == "mouth, left → 214, 420"
    pull(pulling, (214, 420), (210, 424))
    assert listed(pulling)[1] == "mouth, left → 210, 424"
    pull(pulling, (170, 450), (175, 445))  # the handle
    assert listed(pulling)[0] == "175, 445 → 180, 460"
    pull(pulling, (20, 20), (60, 60))  # not in the face's square
    assert len(listed(pulling)) == 2
    pulling.get_by_role("button", name="Remove point 1").click()
    assert listed(pulling) == ["mouth, left → 210, 424"]
    for expected in (2, 2, 2, 1, 0):
        pulling.keyboard.press("Control+z")
        until(pulling, lambda expected=expected: len(listed(pulling)) == expected)
    for _ in range(5):
        pulling.keyboard.press("Control+Shift+z")
    until(pulling, lambda: listed(pulling) == ["mouth, left → 210, 424"])
    assert picture(pulling, where=SHOWN) == first
    pulling.get_by_role("button", name="Pull", exact=True).click()
    picture(pulling, where=SHOWN, unlike=[first])


def test_a_mask_holds_the_rest(pulling):
    first = picture(pulling, where=SHOWN)
    pulling.get_by_role("button", name="Brush").click()
    pulling.get_by_label("Size").fill("200")
    pull(pulling, (190, 430), (300, 430))
    pull(pulling, (300, 300), (330, 300))
    wide = painted(pulling)
    pulling.get_by_role("button", name="Eraser").click()
    pulling.get_by_label("Size").fill("250")
    pull(pulling, (290, 300), (340, 300))
    assert 0 < painted(pulling) < wide
    pulling.get_by_role("button", name="Points", exact=True).click()
    pull(pulling, MOUTH, (MOUTH[0] - 3, MOUTH[1] - 4))
    picture(pulling, where=SHOWN, unlike=[first])
    keep(pulling)
    assert "change where nothing may move" in pulling.locator(".report:visible").inner_text()
    file = saved(pulling, lambda: pulling.get_by_role("button", name="Save", exact=True).click())
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, NEW))
    assert np.abs(now - then)[:350].max() == 0 and np.abs(now - then)[400:460, 180:320].max() > 20


def test_the_method_the_guard_and_how_far_is_left(pulling):
    first = picture(pulling, where=SHOWN)
    pulling.get_by_label("Method").select_option("freedrag")
    pulling.get_by_role("checkbox", name="Stop where it would no longer be ana").uncheck()
    pulling.mouse.move(*where(pulling, MOUTH))
    pulling.mouse.down()
    pulling.mouse.move(*where(pulling, (212, 420)), steps=4)
    until(pulling, lambda: re.search(r"\d px left, match \d+ %", pulling.locator(".pointlist li").inner_text()))
    pulling.get_by_role("status", name="Pull points").get_by_text(re.compile(r"step \d+, \d+\.?\d* px left")).wait_for()
    pulling.mouse.up()
    picture(pulling, where=SHOWN, unlike=[first])
    keep(pulling)
    report = pulling.locator(".report:visible").inner_text()
    assert "FreeDrag" in report and "steps" in report and re.search(r"point 1\s+\w.*px left", report), report
    recipe = saved(pulling, lambda: pulling.get_by_role("button", name="Recipe (JSON)").click())
    [step] = json.loads(recipe.read_text())["request"]["steps"]
    assert (step["method"], step["guarded"]) == ("freedrag", False)


def test_by_the_keyboard_alone(pulling):
    first = picture(pulling, where=SHOWN)
    pulling.get_by_label("Add a part of the face").select_option("nose")
    point = pulling.get_by_role("button", name=re.compile("^Point 1"))
    x, y = (int(part) for part in point.get_attribute("aria-label").rpartition("to ")[2].split(", "))
    point.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowUp"):
        pulling.keyboard.press(key)
    until(pulling, lambda: f"to {x + 12}, {y - 1}" in point.get_attribute("aria-label"))
    picture(pulling, where=SHOWN, unlike=[first])
    point.focus()
    pulling.keyboard.press("Delete")
    until(pulling, lambda: listed(pulling) == [])
    pulling.keyboard.press("Control+z")
    until(pulling, lambda: len(listed(pulling)) == 1)


def test_by_touch_and_near_the_face(visit):
    visitor = visit(has_touch=True, is_mobile=True)
    visitor.resize("phone")
    page = opened(visitor.page)
    wide = page.locator("svg.points").bounding_box()["width"]
    page.get_by_role("button", name="Near the face").tap()
    until(page, lambda: page.locator("svg.points").bounding_box()["width"] > 1.4 * wide)
    page.get_by_role("checkbox", name="Pull while the pointer moves").uncheck()
    page.locator("svg.points").scroll_into_view_if_needed()
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


def test_a_pull_is_stopped_on_its_way(pulling):
    """It ends where it is: at once, that is where it began."""
    first = picture(pulling, where=SHOWN)
    stop = pulling.get_by_role("status", name="Pull points").get_by_role("button", name="Stop")
    for _ in range(10):  # a drag may land before the button is reached
        pull(pulling, (242, 398), (200, 380))
        with suppress(TimeoutError):
            stop.click(timeout=3000)
        until(pulling, lambda: not stop.count())
        x = int(listed(pulling)[0].split(", ")[0]) if "nose" not in listed(pulling)[0] else None
        if x is None or x > 200:
            break
        pulling.keyboard.press("Control+z")
        picture(pulling, where=SHOWN, like=first)
    assert x is None or x > 200


def test_how_far_a_pull_goes_is_changed_afterwards_and_undone(visit):
    visitor = visit()
    pulling = opened(visitor.page)
    first = picture(pulling, where=SHOWN)
    pull(pulling, (242, 398), (250, 398))
    full = picture(pulling, where=SHOWN, unlike=[first])
    slide(pulling.get_by_role("slider", name="How far the last pull goes"), 0.4)
    some = picture(pulling, where=SHOWN, unlike=[first, full])
    for size in ("phone", "desktop"):
        visitor.resize(size)
        visitor.shot(f"drag-strength-{size}")
    pulling.keyboard.press("Control+z")
    picture(pulling, where=SHOWN, like=full)
    pulling.keyboard.press("Control+Shift+z")
    picture(pulling, where=SHOWN, like=some)
    pull(pulling, MOUTH, (MOUTH[0] - 4, MOUTH[1] - 5))  # another one, and back over both
    picture(pulling, where=SHOWN, unlike=[first, full, some])
    for seen in (some, full, first):
        pulling.keyboard.press("Control+z")
        picture(pulling, where=SHOWN, like=seen)
    assert pulling.get_by_role("slider", name="How far the last pull goes").count() == 0


def test_what_lies_around_a_point_grows_by_the_wheel_a_slider_and_a_key(pulling):
    pulling.get_by_role("checkbox", name="Pull while the pointer moves").uncheck()
    first = picture(pulling, where=SHOWN)
    pulling.mouse.move(*where(pulling, (242, 430)))
    pulling.mouse.down()
    pulling.mouse.up()
    slider = pulling.get_by_role("slider", name="Bigger or smaller around it (1)")
    for expected in ("0.05", "0.1"):
        pulling.mouse.wheel(0, -100)
        until(pulling, lambda expected=expected: slider.input_value() == expected)
    pulling.get_by_role("button", name=re.compile("^Point 1")).press("+")
    until(pulling, lambda: slider.input_value() == "0.15")
    pulling.get_by_role("button", name="Pull", exact=True).click()
    bigger = picture(pulling, where=SHOWN, unlike=[first])
    keep(pulling)
    recipe = saved(pulling, lambda: pulling.get_by_role("button", name="Recipe (JSON)").click())
    [step] = json.loads(recipe.read_text())["request"]["steps"]
    assert step["points"][0]["grow"] == 0.15
    slide(slider, -0.2)
    pulling.get_by_role("button", name="Pull", exact=True).click()
    picture(pulling, where=SHOWN, unlike=[first, bigger])


def test_by_the_latent_transformer(pulling):
    first = picture(pulling, where=SHOWN)
    pulling.get_by_label("Method").select_option("transformer")
    pulling.mouse.move(*where(pulling, MOUTH))
    pulling.mouse.down()
    pulling.mouse.move(*where(pulling, (MOUTH[0] - 3, MOUTH[1] - 4)), steps=4)
    pulling.get_by_role("status", name="Pull points").get_by_text("px left").wait_for()  # it is seen meanwhile
    pulling.mouse.up()
    picture(pulling, where=SHOWN, unlike=[first])
    keep(pulling)
    assert "latent transformer" in pulling.locator(".report:visible").inner_text()
