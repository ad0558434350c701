"""A group photo, in every area: the faces are drawn on it, the person's own is chosen, and another one can be."""

import json

import numpy as np
import pytest
from PIL import Image
from serving import parts_prior, people

from .conftest import EXAMPLES, area, drop, picture, saved, slide, until, without
from .served import Served, plant
from .test_everywhere import faults
from .test_photo import RESULT, keep

GROUP = EXAMPLES / "group.jpg"
LEFT, RIGHT = (200, 290), (551, 308)


def weights_of_whom(place):
    """The file of somebody who looks like the face at that place of the group photo."""
    import torch

    from portraitist_workers.faces import image_io
    from portraitist_workers.faces.identity import load_identity
    from portraitist_workers.persona.subject import find

    model = people.model(1)
    shown = find(image_io.decode(GROUP.read_bytes(), GROUP.name), model, GROUP.name, face=place).pixels
    with torch.no_grad():
        mine = load_identity()(shown)
    noise = torch.randn(6, mine.shape[1], generator=torch.Generator().manual_seed(0)).to(mine)
    model.embeddings.copy_(torch.nn.functional.normalize(mine + 0.01 * noise, dim=1))
    return model.to_bytes()


@pytest.fixture(scope="module")
def server(program, tmp_path_factory):
    """It knows bea, who stands on the right, and pia, whose generator has parts, and whom everybody is like."""
    home = tmp_path_factory.mktemp("faces") / "home"
    plant(home, "bea", people, weights=weights_of_whom(RIGHT))
    parts_prior.install(home)
    prior = parts_prior.loaded(home)
    plant(home, "pia", people, weights=parts_prior.weights(prior), prior=prior.reference, reach=parts_prior.REACH)
    server = Served(home)
    yield server
    server.end(worker=True)


@pytest.fixture
def visitor(visit, server):
    return visit(server)


@pytest.fixture
def photo(visitor):
    page = area(visitor.page, "Photo")
    drop(page, page.locator(".drop:visible"), GROUP)
    picture(page, where=RESULT)
    return page


def row(page, name="Which face"):
    return page.get_by_role("group", name=name).locator("visible=true")


def chosen(page, *name):
    return [button.get_attribute("aria-pressed") == "true" for button in row(page, *name).get_by_role("button").all()]


def press(page, place):
    """A click on a place of the photo."""
    box = page.locator("svg.faces:visible").first.bounding_box()
    with Image.open(GROUP) as image:
        width, height = image.size
    page.mouse.click(box["x"] + place[0] * box["width"] / width, box["y"] + place[1] * box["height"] / height)


def smiled(page):
    """The picture that is kept after a smile: the mean change of its left and of its right half."""
    first = picture(page, where=RESULT)
    slide(page.get_by_role("slider", name="smile"), 0.9)
    picture(page, where=RESULT, unlike=[first])
    keep(page)
    return changed(page)


def changed(page):
    """The picture that is saved: the mean change of its left and of its right half."""
    file = saved(page, lambda: page.locator("button:visible", has_text="Save").first.click())
    now, then = (np.asarray(Image.open(f).convert("RGB")).astype(int) for f in (file, GROUP))
    change = np.abs(now - then)
    return change[:, :380].mean(), change[:, 380:].mean()


def test_the_persons_own_face_is_chosen_and_another_can_be(visitor, photo):
    assert photo.locator("svg.faces path").count() == 2 and chosen(photo) == [False, True]
    assert "warning" not in row(photo).inner_html()
    press(photo, LEFT)
    until(photo, lambda: chosen(photo) == [True, False])
    row(photo).get_by_text("This face is not like bea").wait_for()
    left, right = smiled(photo)
    assert left > 0.05 and right == 0
    for size in ("desktop", "phone"):
        visitor.resize(size)
        visitor.shot(f"faces-{size}")
    visitor.resize("desktop")
    assert "the face that was named is not like this person" in photo.locator(".report:visible").inner_text()
    assert faults(photo) == []
    for _ in range(2):  # the smile, and the choice
        photo.keyboard.press("Control+z")
    until(photo, lambda: chosen(photo) == [False, True])
    photo.keyboard.press("Control+Shift+z")
    until(photo, lambda: chosen(photo) == [True, False])


def test_by_the_keyboard(photo):
    first = row(photo).get_by_role("button").first
    first.focus()
    photo.keyboard.press("Enter")
    until(photo, lambda: chosen(photo) == [True, False])
    row(photo).get_by_role("button").last.press("Enter")
    until(photo, lambda: chosen(photo) == [False, True])
    picture(photo, where=RESULT)
    left, right = smiled(photo)
    assert right > 0.05 and left == 0


def test_where_nobody_is_like_the_person_the_face_is_named(visitor):
    page = area(visitor.page, "Photo")
    page.locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "photos" / "bad-another-person.jpg")
    page.get_by_role("alert").get_by_text("none like this person").wait_for()
    assert chosen(page) == [False] and page.get_by_role("slider", name="smile").locator("visible=true").count() == 0
    row(page).get_by_role("button").click()
    page.get_by_role("slider", name="smile").wait_for()
    picture(page, where=RESULT)
    assert page.get_by_role("alert").count() == 0
    page.get_by_role("button", name="Another photo").click()
    page.locator(".drop:visible").wait_for()


def test_a_photo_of_one_offers_no_choice(page):
    area(page, "Photo").locator(".drop:visible input[type=file]").set_input_files(EXAMPLES / "new.jpg")
    picture(page, where=RESULT)
    assert row(page).count() == 0 and page.locator("svg.faces").count() == 0


def dropped(page, name, which=0):
    """The group photo lies in an area, and its faces are found."""
    drop(area(page, name), page.locator("section:visible .drop:visible").nth(which), GROUP)
    page.locator("svg.faces:visible path").first.wait_for()
    return page


def stranger(page, *name):
    """Click on the face on the left, who is not bea."""
    until(page, lambda: chosen(page, *name) == [False, True])
    press(page, LEFT)
    until(page, lambda: chosen(page, *name) == [True, False])
    row(page, *name).get_by_text("This face is not like bea").wait_for()


def test_in_restore(visitor):
    page = dropped(visitor.page, "Restore")
    stranger(page)
    assert faults(page) == []
    visitor.shot("faces-restore")
    page.get_by_role("checkbox", name="blurred").check()
    page.get_by_role("button", name="Restore", exact=True).last.click()
    picture(page, where=RESULT)
    recipe = saved(page, lambda: page.get_by_role("button", name="Recipe (JSON)").click())
    assert json.loads(recipe.read_text())["request"]["face"] == pytest.approx(LEFT, abs=3)
    assert "the face that was named is not like this person" in page.locator(".report:visible").inner_text()
    row(page).get_by_role("button").last.click()  # begins anew
    until(page, lambda: chosen(page) == [False, True] and page.locator(RESULT).count() == 0)
    page.keyboard.press("Control+z")
    until(page, lambda: chosen(page) == [True, False] and page.locator(RESULT).count() == 1)


def test_in_styles(visitor):
    page = dropped(visitor.page, "Styles")
    stranger(page)
    page.get_by_label("What of the photo").select_option("face")
    page.get_by_role("button", name="Draw it").click()
    picture(page, where=RESULT)
    left, right = changed(page)
    assert left > 0.5 and right == 0


def test_in_collage_each_photo_has_its_own_choice(visitor):
    page = dropped(visitor.page, "Collage")
    mine, other = "Which face: The photo", "Which face: Take the part from"
    stranger(page, mine)
    assert row(page, other).count() == 0
    drop(page, page.locator(".place .drop:visible"), GROUP)
    until(page, lambda: chosen(page, other) == [False, True])
    visitor.shot("faces-collage")
    assert faults(page) == []
    page.get_by_role("button", name="Make it").click()
    picture(page, where=RESULT)
    left, right = changed(page)
    assert left > 0.05 and right == 0
    page.get_by_role("button", name="Blend").click()
    row(page, "Which face: The second photo").get_by_role("button").first.click()
    page.get_by_role("button", name="Make it").click()
    picture(page, where=".stage:visible img.face")


def test_in_a_wider_photo(visitor):
    area(visitor.page, "Collage").get_by_role("button", name="Wider").click()
    page = dropped(visitor.page, "Collage")
    stranger(page, "Which face: The photo")
    page.get_by_role("button", name="Make it").click()
    picture(page, where=".stage:visible img.sheet")
    assert "the face that was named is not like this person" in page.locator(".report:visible").inner_text()


def test_moved_by_the_transformer(visitor, photo):
    press(photo, LEFT)
    until(photo, lambda: chosen(photo) == [True, False])
    photo.get_by_role("button", name="Pull points").click()
    photo.locator(".landmark").first.wait_for(state="attached")
    first = picture(photo, where=".paint:visible .sheet > img")
    photo.get_by_label("Method").select_option("transformer")
    photo.get_by_label("Add a part of the face").select_option("nose")
    photo.get_by_role("button", name="Point 1:").press("Shift+ArrowRight")
    picture(photo, where=".paint:visible .sheet > img", unlike=[first])
    keep(photo)
    left, right = changed(photo)
    assert left > 0.05 and right == 0


def test_in_parts(visitor):
    page = area(visitor.page, "Parts")
    page.locator(".chooser:visible select").select_option(label="pia")
    page.locator("canvas.partmap").wait_for()  # the area has begun anew with her
    drop(page, page.get_by_text("Drop a photo of the person, to change that"), GROUP)
    until(page, lambda: sorted(chosen(page)) == [False, True])
    first = picture(page, where=".stage:visible .sheet > img")
    number = chosen(page).index(False)
    row(page).get_by_role("button").nth(number).click()
    until(page, lambda: chosen(page)[number])
    page.locator("canvas.partmap").wait_for()
    second = picture(page, where=".stage:visible .sheet > img", unlike=[first])
    page.get_by_role("button", name="The whole photo").click()
    press(page, LEFT if number else RIGHT)
    until(page, lambda: not chosen(page)[number])
    page.keyboard.press("Control+z")
    until(page, lambda: chosen(page)[number])
    page.get_by_role("button", name="The whole photo").click()
    picture(page, where=".stage:visible .sheet > img", like=second)


def test_without_the_operation_the_server_chooses(visitor):
    page = visitor.page
    without(page, "faces")
    drop(area(page, "Restore"), page.locator(".drop:visible"), GROUP)
    page.get_by_role("img", name=GROUP.name).wait_for()
    page.get_by_role("button", name="Restore", exact=True).last.click()
    picture(page, where=RESULT)
    assert row(page).count() == 0
