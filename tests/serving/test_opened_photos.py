"""A photo is opened once; what is asked of it next takes no inversion and no tuning, and comes out bit for bit as in a job of its own."""

from pathlib import Path

import pytest

from portraitist.requests import Edit, Photo
from portraitist_workers import operations
from portraitist_workers.editing import opening
from portraitist_workers.persona import presets, tuning
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id, pixels

pytestmark = pytest.mark.slow  # together they take minutes

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture
def openings(monkeypatch):
    """How many photos were opened; short presets."""
    made, open_photo = [], opening.open_photo
    short = presets.Preset(2, tuning.Schedule(steps=2, batch=2), edit_steps=2, project_steps=2)
    monkeypatch.setattr(opening, "open_photo", lambda *args, **more: made.append(1) or open_photo(*args, **more))
    for name in presets.PRESETS:
        monkeypatch.setitem(presets.PRESETS, name, short)
    PERSONAS.forget(persona_id(1))
    yield made
    PERSONAS.forget(persona_id(1))


@pytest.fixture(params=["fast", "best"])
def preset(request):
    return request.param


def edit(world, **more):
    photo = Photo(name="new.jpg", blob=world.put(NEW.read_bytes()))
    result = operations.run(Edit(persona_id=persona_id(1), photo=photo, **more), world)
    return [pixels(world, picture) for picture in result.pictures]


def test_the_second_edit_of_a_photo_opens_nothing_and_is_the_same(openings, preset):
    world = context(1)
    edit(world, preset=preset, values=[{"smile": 0.5}])
    after = edit(world, preset=preset, values=[{"yaw": 6}])
    assert len(openings) == 1
    PERSONAS.forget(persona_id(1))
    assert (
        edit(world, preset=preset, values=[{"yaw": 6}]) == after and len(openings) == 2
    )  # negative control: forgotten, it is opened anew
    assert (
        edit(world, preset=preset, values=[{"yaw": 6}], seed=1) and len(openings) == 3
    )  # another draw is another opening


def test_opened_photos_count_and_end_with_the_person(openings):
    world = context(1)
    edit(world, values=[{"yaw": 6}])
    person = PERSONAS.load(world.personas[persona_id(1)], world.blob)
    with_one = person.nbytes()
    for seed in range(1, 4):
        edit(world, values=[{"yaw": 6}], seed=seed)
    assert with_one < person.nbytes() < 2.5 * with_one  # two photos stay open, however many there were
    PERSONAS.forget(persona_id(1))
    assert person.nbytes() == 0
