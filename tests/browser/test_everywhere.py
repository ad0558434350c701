"""What holds in every area: the keyboard, a phone, large text, both languages, light and dark, and who cannot see the page."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import EXAMPLES, SIZES, area, picture, until

AREAS = ("People", "Portrait", "Photo", "Restore", "Collage", "Variations", "Styles", "Parts")
GRAVE = ("serious", "critical")


def filled(page):
    """Every area with something in it."""
    area(page, "Restore").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "damaged" / "hole.jpg")
    page.get_by_role("checkbox", name="a hole").check()
    area(page, "Collage").locator(".drop:visible input[type=file]").first.set_input_files(EXAMPLES / "new.jpg")
    area(page, "Variations").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    page.get_by_role("button", name="Of my own").click()
    page.get_by_role("button", name="Add a box").click()
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    page.get_by_role("button", name="Pull points").click()
    page.get_by_label("Add a part of the face").select_option("nose")
    picture(area(page, "Portrait"))
    area(page, "People")
    return page


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText")


def tab_to(page, name, most=60):
    """Press Tab until something of that name is reached."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if (focused(page) or "").strip().startswith(name):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_all_by_the_keyboard(page):
    page.keyboard.press("2")
    first = picture(page)
    tab_to(page, "Another one")
    page.keyboard.press("Enter")
    second = picture(page, unlike=[first])
    page.keyboard.press("r")
    third = picture(page, unlike=[first, second])
    page.keyboard.press("Control+z")
    picture(page, like=second)
    page.keyboard.press("Control+Shift+z")
    picture(page, like=third)
    page.get_by_role("slider", name="smile").focus()
    page.keyboard.press("ArrowRight")
    until(page, lambda: page.get_by_role("slider", name="smile").get_attribute("aria-valuetext") != "free")
    page.keyboard.press("?")
    assert "undo" in page.get_by_role("dialog", name="Keyboard shortcuts").inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("1")
    page.get_by_role("heading", name="People", level=1).wait_for()
    page.reload()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"


def test_a_dialog_keeps_the_focus_and_gives_it_back(page):
    tab_to(page, "New person")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    until(page, lambda: focused(page) == "New person")


def wider(page):
    """How many px the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_stands_out_of_the_window(visit, size):
    visitor = visit()
    page = filled(visitor.page)
    visitor.resize(size)
    for name in AREAS:
        area(page, name)
        visitor.shot(f"{name.lower()}-{size}")
        assert wider(page) <= 0, name
    page.get_by_role("navigation").get_by_role("button", name="People").click()
    page.get_by_role("button", name="New person").click()
    assert wider(page) <= 0


def test_at_twice_the_size(visit):
    """200 % zoom is half the window with twice the pixels."""
    width, height = SIZES["desktop"]
    visitor = visit(device_scale_factor=2)
    visitor.page.set_viewport_size({"width": width // 2, "height": height // 2})
    page = filled(visitor.page)
    for name in AREAS:
        area(page, name)
        visitor.shot(f"{name.lower()}-zoomed")
        assert wider(page) <= 0, name
        for button in page.locator(".controls:visible button.primary:visible").all():
            button.scroll_into_view_if_needed()
            assert button.is_visible()


def test_by_touch_on_a_phone(visit):
    width, height = SIZES["phone"]
    visitor = visit(has_touch=True, is_mobile=True)
    visitor.resize("phone")
    page = area(visitor.page, "Portrait")
    first = picture(page)
    button = page.get_by_role("button", name="Another one")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box["height"] >= 38
    button.tap()
    picture(page, unlike=[first])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_for_who_cannot_see_it(visit, theme):
    visitor = visit(color_scheme=theme)
    page = filled(visitor.page)
    for name in AREAS:
        area(page, name)
        visitor.shot(f"{name.lower()}-{theme}")
        assert faults(page) == [], name
    area(page, "People")
    page.get_by_role("button", name="New person").click()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert faults(page) == []


def test_a_serious_fault_would_be_found(page):
    """Negative control."""
    page.evaluate("document.querySelector('nav button').replaceChildren()")
    assert "button-name" in [rule for rule, _ in faults(page)]


def faults(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found if v["impact"] in GRAVE]


def test_in_chinese_and_after_the_page_is_loaded_again(visit):
    visitor = visit()
    page = filled(visitor.page)
    page.get_by_role("button", name="Language").click()
    for english, name in zip(AREAS, ("人物", "肖像", "照片", "修复", "拼合", "变体", "风格", "部件"), strict=True):
        area(page, name)
        for size in ("phone", "desktop"):
            visitor.resize(size)
            visitor.shot(f"{english.lower()}-chinese-{size}")
            assert wider(page) <= 0, (name, size)
    page.get_by_role("navigation").get_by_role("button", name="肖像").click()
    page.reload()
    page.get_by_role("heading", name="肖像").wait_for()
    picture(page)
    body = page.locator("main").inner_text()
    assert "微笑" in body and page.locator("html").get_attribute("lang") == "zh"
    assert not [word for word in ("smile", "seed", "Another", "Save") if word in body]
    page.get_by_role("button", name="浅色或深色").click()
    dark = page.locator("html").get_attribute("data-theme")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == dark


def test_errors_in_chinese_with_the_servers_words_below(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("button", name="Language").click()
    area(page, "照片").locator(".drop:visible input[type=file]").set_input_files(
        EXAMPLES / "photos" / "bad-no-face.jpg"
    )
    alert = page.get_by_role("alert")
    alert.get_by_text("照片中没有找到此人的脸").wait_for()
    assert "no face found" in alert.locator("small[lang=en]").inner_text()
    area(page, "人物")
    page.get_by_role("button", name="新人物").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").first.set_input_files(EXAMPLES / "new.jpg")
    dialog.get_by_role("textbox", name="名字").fill("ana")
    dialog.get_by_role("checkbox", name="照片中的人同意").check()
    dialog.get_by_label("同意人").fill("ana")
    dialog.get_by_role("button", name="学习此人").click()
    dialog.get_by_role("alert").get_by_text("名字已被占用").wait_for()
    assert "ana" in dialog.get_by_role("alert").locator("small[lang=en]").inner_text()
    for size in ("phone", "desktop"):
        visitor.resize(size)
        visitor.shot(f"trouble-chinese-{size}")
        assert wider(page) <= 0
    assert faults(page) == [] and visitor.expected("409") == 1


def test_a_slow_network_shows_that_something_is_going_on(visit):
    page = visit().page
    area(page, "Photo")
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 400, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    page.locator(".busy:visible").wait_for()
    assert page.get_by_role("button", name="Keep this picture").is_disabled()
    picture(page, where=".compare:visible img[alt=after]")
    page.get_by_role("button", name="Keep this picture").click()
    page.get_by_role("status", name="Working…").wait_for()
    page.locator(".report:visible").wait_for()


@pytest.mark.parametrize("name, slider", [("Portrait", "turn"), ("Photo", "smile"), ("Styles", "strength")])
def test_on_a_phone_the_picture_and_a_slider_are_seen_together(visit, name, slider):
    visitor = visit(has_touch=True, is_mobile=True)
    visitor.resize("phone")
    page = area(visitor.page, name)
    if name == "Photo":
        page.locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    if name == "Styles":
        page.get_by_role("button", name="Draw it").click()
    shown = {"Photo": ".compare:visible", "Styles": ".stage:visible img.face"}.get(name, ".stage:visible img")
    picture(page, where=f"{shown} img" if name == "Photo" else shown)
    page.locator(".controls:visible input[type=range]").last.scroll_into_view_if_needed()
    box = page.locator(shown).first.bounding_box()
    at = page.get_by_role("slider", name=slider).locator("visible=true").first
    at.scroll_into_view_if_needed()
    touch = at.bounding_box()
    assert box["y"] >= 0 and box["height"] > 200 and box["y"] + box["height"] <= touch["y"] < SIZES["phone"][1]
