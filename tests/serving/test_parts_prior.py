"""A prior says which parts it has, and a composition is made from end to end with a small one."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import portraitist
from portraitist import recipes
from portraitist.errors import (
    FaceNotFound,
    InvalidImage,
    InvalidRequest,
    OutOfRange,
    PriorUnavailable,
    UnknownAttribute,
)
from portraitist.http import shown
from portraitist.priors.folder_home import FolderHome
from portraitist.priors.parts import UNLABELLED
from portraitist.requests import Blend, Compose, Drag, PartChange, Photo, Pull, Strip, Transfer, Variations
from portraitist.segmentation import Segmentation
from portraitist_workers import operations
from portraitist_workers.composing import sources
from portraitist_workers.operations import MemoryContext, compose

from . import parts_prior, people
from .test_named_faces import GROUP


@pytest.fixture
def home(tmp_path, monkeypatch):
    parts_prior.install(tmp_path)
    monkeypatch.setenv("PORTRAITIST_HOME", str(tmp_path))
    return tmp_path


def test_a_prior_says_which_parts_it_has(home):
    priors = portraitist.connect(home=home).priors
    tiny = priors.get(parts_prior.NAME)
    assert list(tiny.parts) == list(parts_prior.PARTS)
    unlabelled = dict.fromkeys(UNLABELLED, (-3, 3))
    assert tiny.parts["eyes"] == {"eyes_open": (0, 1), "smile": (0, 1)} | unlabelled
    assert tiny.parts["background"] == unlabelled
    assert priors.get("default").parts == {}
    assert shown.prior(tiny).parts["hair"] == {"hair_lightness": (0, 1)} | unlabelled


def test_a_damaged_prior_is_listed_without_its_parts(home):
    tiny = portraitist.connect(home=home).priors.get(parts_prior.NAME)
    file = home / "priors" / parts_prior.NAME / "generator.safetensors"
    file.write_bytes(b"\xff" * 100)
    with pytest.raises(PriorUnavailable):
        _ = tiny.parts
    assert shown.prior(tiny).parts == {}


@pytest.fixture
def world(home):
    """It knows one person, whose generator has parts."""
    prior, made = parts_prior.loaded(home), MemoryContext()
    weights = parts_prior.weights(prior)
    made.put(weights)
    record = {"prior": prior.reference, "weights": parts_prior.digest(weights), "reach": parts_prior.REACH}
    made.personas[people.persona_id(1)] = people.record(1).model_copy(update=record)
    return made


def test_a_composition_from_end_to_end(world):
    photo = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))

    def made(**asked):
        return operations.run(Compose(persona_id=people.persona_id(1), **asked), world).pictures[0]

    plain, changed = made(only=list(parts_prior.PARTS)), made(changes=[PartChange(part="hair", draw=3)])
    assert people.pixels(world, plain) != people.pixels(world, changed)
    assert changed.report.inside_parts > changed.report.outside_parts
    without = made(changes=[PartChange(part="hair", values={"texture_1": 2.0})])
    assert people.pixels(world, plain) != people.pixels(world, without)
    edited = made(photo=photo, changes=[PartChange(part="skin", like=0)], like=[photo])
    assert edited.crop and Segmentation(edited.classes).names == parts_prior.PARTS
    recipe = recipes.read(json.loads(json.dumps(edited.report.recipe)))
    recipes.check_persona(recipe, world.personas[people.persona_id(1)])
    again = operations.run(recipes.request_of(recipe), world).pictures[0]
    assert people.pixels(world, again) == people.pixels(world, edited) and again.report.recipe == edited.report.recipe


def pictures(world, **asked):
    """Of a composition: the last one, then those of the way, [H, W, 3] each, and their reports."""
    made = operations.run(Compose(persona_id=people.persona_id(1), **asked), world).pictures
    shown = []
    for one in made:
        with Image.open(io.BytesIO(world.blob(one.blob))) as image:
            shown.append(np.asarray(image.convert("RGB"), float))
    return shown, [one.report for one in made]


def apart(one, other):
    return np.abs(one - other).mean()


def test_a_way_leads_from_the_face_as_it_was_to_the_composition(world):
    changes = [PartChange(part="hair", draw=3), PartChange(part="nose", dx=12), PartChange(part="eyes", leave_out=True)]
    (last, *way), reports = pictures(world, changes=changes, frames=4)
    ((alone,), _), ((start,), _) = pictures(world, changes=changes), pictures(world, only=list(parts_prior.PARTS))
    assert len(way) == 4 and apart(last, alone) == 0 and apart(way[0], start) < 0.5  # the mark alone
    gone = [apart(one, start) for one in (*way, last)]
    assert gone == sorted(gone) and gone[-1] > 3
    assert reports[0].recipe["request"]["frames"] == 4 and reports[1].recipe is None
    assert reports[1].inside_parts == 0 < reports[2].inside_parts < reports[0].inside_parts


def test_a_way_from_seed_to_seed_changes_the_chosen_part_alone(world):
    hair = PartChange(part="hair", draw=[3, 5, 8])
    (last, *way), reports = pictures(world, changes=[hair], frames=4)
    for here, seed in ((way[0], 3), (way[2], 5), (last, 8)):
        (alone,), _ = pictures(world, changes=[PartChange(part="hair", draw=seed)])
        assert apart(here, alone) < 0.5
    assert apart(way[1], way[0]) > 0.5 < apart(way[1], way[2])
    near = [report.inside_parts for report in reports]
    assert all(inside > 3 * report.outside_parts for inside, report in zip(near, reports, strict=True))


def test_a_way_in_a_photo_begins_with_the_photo(world):
    photo = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))
    (last, first, middle), _ = pictures(world, photo=photo, changes=[PartChange(part="hair", draw=3)], frames=2)
    with Image.open(GROUP) as file:
        before = np.asarray(file.convert("RGB"), float)
    assert apart(first, before) < 0.5 < apart(middle, before) < apart(last, before)


@pytest.mark.parametrize(
    ("error", "said", "asked"),
    [
        (InvalidRequest, "no part 'ears'; there are background, skin, eyes", {"changes": [PartChange(part="ears")]}),
        (InvalidRequest, "no part 'lips'", {"only": ["skin", "lips"]}),  # which another prior has
        (UnknownAttribute, "eyes has no 'pucker'; it has eyes_open", {"changes": [PartChange(part="eyes", values={"pucker": 1})]}),
        (OutOfRange, "eyes_open=4 is beyond", {"changes": [PartChange(part="eyes", values={"eyes_open": 4})]}),
        (InvalidRequest, "nothing is to be changed", {}),
        (InvalidRequest, "no part would be left", {"changes": [PartChange(part=p, leave_out=True) for p in parts_prior.PARTS]}),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(world, error, said, asked):
    with pytest.raises(error, match=said):
        operations.run(Compose(persona_id=people.persona_id(1), **asked), world)
    assert not world.pictures


def test_a_photo_that_hides_a_part_and_one_without_a_face_are_refused(world, monkeypatch):
    hair = [PartChange(part="hair", like=0)]
    file = io.BytesIO()
    Image.new("RGB", (200, 200), "green").save(file, "PNG")
    meadow = Photo(name="meadow.png", blob=world.put(file.getvalue()))
    with pytest.raises(FaceNotFound, match="meadow.png: no face found to take a part from"):
        pictures(world, changes=hair, like=[meadow])
    monkeypatch.setattr(sources, "LEAST", 1.0)  # no part is a whole picture
    group = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))
    with pytest.raises(InvalidImage, match="group.jpg: its hair cannot be seen"):
        pictures(world, changes=hair, like=[group])


def test_a_person_without_parts_is_told_what_to_do():
    with pytest.raises(InvalidRequest, match="has no parts; create it with prior='default-parts'"):
        operations.run(
            Compose(persona_id=people.persona_id(1), changes=[PartChange(part="hair", draw=1)]), people.context(1)
        )


def test_what_needs_a_generator_of_another_kind_says_so(world):
    one = Photo(name="group.jpg", blob=world.put(GROUP.read_bytes()))
    known = {"persona_id": people.persona_id(1)}
    for request, said in (
        (Drag(**known, pulls=[Pull(handle=(16, 16), by=(1, 0))]), "points cannot be pulled"),
        (Strip(**known, values=[{"yaw": 1.0}, {"yaw": 2.0}]), "strips cannot be made"),
        (Variations(**known, photo=one), "variations cannot be made"),
        (Transfer(**known, photo=one, like=one, region="eyes"), "photos cannot be joined"),
        (Blend(**known, photo=one, other=one, mask="left-right"), "photos cannot be joined"),
    ):
        with pytest.raises(InvalidRequest, match=f"{said} with a prior of the kind 'parts'; take the prior 'default'"):
            operations.run(request, world)


def test_a_prior_without_labels_has_directions_all_the_same(home):
    """As one of `portraitist train parts` is."""
    folder = home / "priors" / parts_prior.NAME
    about = json.loads((folder / "manifest.json").read_text())
    del about["assets"]["parts"]
    (folder / "manifest.json").write_text(json.dumps(about))
    own = portraitist.connect(home=home).priors.get(parts_prior.NAME)
    assert own.parts["eyes"] == own.parts["hair"] == dict.fromkeys(UNLABELLED, (-3, 3))
    prior = parts_prior.loaded(home)
    world = SimpleNamespace(priors=FolderHome(folder.parent))
    assert compose._controls(prior, prior.generator, world).of("eyes") == list(UNLABELLED)
