"""Two photos are joined, and portraits stand on one strip."""

import numpy as np
from PIL import Image

from .conftest import EXAMPLES, area, drop, picture, saved, stroke, until, without

NEW, OTHER = EXAMPLES / "new.jpg", EXAMPLES / "photos" / "photo-03.jpg"


def opened(page):
    area(page, "Collage")
    drop(page, page.locator(".place .drop").first, NEW)
    page.get_by_role("img", name=NEW.name).wait_for()
    drop(page, page.locator(".place .drop"), OTHER)
    page.get_by_role("img", name=OTHER.name).wait_for()
    return page


def test_the_best_take_of_two(page):
    opened(page)
    page.get_by_role("button", name="eyes").click()
    page.get_by_role("button", name="Make it").click()
    picture(page, where=".compare:visible img[alt=after]")
    file = saved(page, lambda: page.keyboard.press("s"))
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, NEW))
    assert now.shape == then.shape and 0.001 < (np.abs(now - then).max(2) > 0).mean() < 0.2
    page.keyboard.press("Control+z")
    page.get_by_role("img", name=OTHER.name).wait_for()


def test_what_is_painted_comes_from_the_other_photo(visit):
    visitor = visit()
    page = opened(visitor.page)
    page.get_by_role("button", name="painted").click()
    make = page.get_by_role("button", name="Make it")
    assert make.is_disabled()  # nothing is painted yet
    stroke(page, (0.4, 0.68), (0.55, 0.68))
    for size in ("phone", "desktop"):
        visitor.resize(size)
        visitor.shot(f"collage-painted-{size}")
    make.click()
    picture(page, where=".compare:visible img[alt=after]")
    now, then = (
        np.asarray(Image.open(f).convert("RGB")).astype(int)
        for f in (saved(page, lambda: page.keyboard.press("s")), NEW)
    )
    rows, columns = (np.abs(now - then).max(2) > 0).nonzero()
    height, width = then.shape[:2]
    brush = 0.08 * width / 2 + 2
    assert len(rows) > 200 and 0.68 * height - brush < rows.min() < rows.max() < 0.68 * height + brush
    assert 0.4 * width - brush < columns.min() < columns.max() < 0.55 * width + brush
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Clear").click()
    assert make.is_disabled()


def test_a_blend_and_what_goes_without_photos(page):
    opened(page)
    page.get_by_role("button", name="Blend").click()
    page.get_by_label("The second photo is").select_option("top-bottom")
    page.get_by_role("button", name="Make it").click()
    first = picture(page, where=".stage:visible img.face")
    page.get_by_role("button", name="Strip").click()
    page.get_by_label("Portraits").fill("3")
    page.get_by_label("Portraits").press("Tab")
    page.get_by_role("button", name="Make it").click()
    picture(page, where=".stage:visible img.sheet", unlike=[first])
    assert Image.open(saved(page, lambda: page.keyboard.press("s"))).size == (3 * 128, 128)
    until(page, lambda: page.locator(".history:visible li").count() == 2)
    page.locator(".history:visible button").last.click()
    picture(page, where=".stage:visible img.face", like=first)


def test_a_photo_with_more_around_it(visit):
    visitor = visit()
    page = area(visitor.page, "Collage")
    page.get_by_role("button", name="Wider").click()
    drop(page, page.locator(".place .drop"), NEW)
    page.get_by_role("img", name=NEW.name).wait_for()
    with Image.open(NEW) as photo:
        width, height = photo.size
    until(page, lambda: page.get_by_label("Width, px").input_value() == str(round(1.5 * width)))
    page.get_by_label("Height, px").fill(str(height + 100))
    page.get_by_label("Height, px").press("Tab")
    page.get_by_role("button", name="Make it").click()
    picture(page, where=".stage:visible img.sheet")
    sheet = page.locator(".stage:visible img.sheet")
    until(page, lambda: sheet.bounding_box()["height"] > 500)  # as large as there is room
    wide = np.asarray(Image.open(saved(page, lambda: page.keyboard.press("s"))).convert("RGB"))
    left = (round(1.5 * width) - width) // 2
    assert wide.shape == (height + 100, round(1.5 * width), 3)
    assert (wide[100:, left : left + width] == np.asarray(Image.open(NEW).convert("RGB"))).all()
    for size in ("phone", "desktop"):
        visitor.resize(size)
        visitor.shot(f"collage-wider-{size}")
    page.get_by_label("Width, px").fill("10")  # less than the photo has
    page.get_by_label("Width, px").press("Tab")
    until(page, lambda: page.get_by_label("Width, px").input_value() == str(width))
    page.get_by_role("button", name="Undo").click()
    picture(page, where=".stage:visible img.sheet")


def test_the_tab_is_there_when_the_server_has_the_operations(visit):
    visitor = visit()

    without(visitor.page, "transfer")
    assert visitor.page.get_by_role("navigation").get_by_role("button", name="Collage").count() == 0
