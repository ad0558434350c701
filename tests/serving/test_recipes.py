"""A recipe of any operation gives the same pixels again, of several pictures all of them."""

from pathlib import Path

import numpy as np
import pytest

from portraitist import recipes
from portraitist.degradations import GaussianBlur, Mask
from portraitist.requests import (
    Blend,
    Edit,
    Enhance,
    Extend,
    Photo,
    Restyle,
    Strip,
    Synthesize,
    Transfer,
    Variations,
)
from portraitist_workers import operations
from portraitist_workers.persona.presets import PRESETS, Preset
from portraitist_workers.persona.tuning import Schedule
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id, raw
from .test_drag import NEW, png, upright

OTHER = Path(__file__).parents[2] / "examples" / "photos" / "photo-03.jpg"
PERSON = {"persona_id": persona_id(1)}


def mask():
    """The mouth."""
    white = np.zeros(upright().shape, np.uint8)
    white[400:450, 190:290] = 255
    return png(white)


# By operation: what is asked for, given the photo, another one, and a mask's blob.
ASKED = {
    "synthesize": lambda photo, other, mask: Synthesize(
        **PERSON,
        values=[{"yaw": 3.0, "smile": 0.1}, {"yaw": 9.0, "smile": 0.1}],
        columns=2,
        same_person_state=True,
        seed=3,
    ),
    "edit": lambda photo, other, mask: Edit(**PERSON, photo=photo, values=[{"smile": 0.8}], pinned=["mouth_open"]),
    "transfer": lambda photo, other, mask: Transfer(**PERSON, photo=photo, like=other, region=None, mask=mask),
    "blend": lambda photo, other, mask: Blend(**PERSON, photo=photo, other=other, mask=0.5),
    "variations": lambda photo, other, mask: Variations(**PERSON, photo=photo, n=2, seed=5),
    "restyle": lambda photo, other, mask: Restyle(**PERSON, photo=photo, style="toon", region="hair"),
    "extend": lambda photo, other, mask: Extend(**PERSON, photo=photo, size=(700, 700)),
    "strip": lambda photo, other, mask: Strip(**PERSON, values=[{"yaw": -5.0}, {"yaw": 5.0}]),
    "enhance": lambda photo, other, mask: Enhance(
        **PERSON, photo=photo, degradation=[GaussianBlur(2.0), Mask(mask)], seed=2
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("operation", ASKED)
def test_the_same_pixels(operation, monkeypatch):
    monkeypatch.setitem(PRESETS, "fast", Preset(3, Schedule(steps=10), edit_steps=5, project_steps=6))
    world = context(1)
    photo, other = (Photo(name=file.name, blob=world.put(file.read_bytes())) for file in (NEW, OTHER))
    request = ASKED[operation](photo, other, world.put(mask()))
    made = operations.run(request, world).pictures
    recipe = recipes.read(made[0].report.recipe)
    assert recipes.request_of(recipe) == request and set(recipe["files"]) == set(recipes.blobs_of(request))
    PERSONAS.forget(persona_id(1))
    again = operations.run(recipes.request_of(recipe), world).pictures
    assert [raw(world, picture) for picture in again] == [raw(world, picture) for picture in made]
    assert again[0].report.recipe == recipe and not any(picture.report.recipe for picture in made[1:])


def test_of_somebody_who_learns_meanwhile(monkeypatch):
    """It is of before, so that it is refused, and never of after."""
    world = context(1)
    before = world.personas[persona_id(1)]
    put_picture = world.put_picture

    def learnt(*picture):
        world.personas[persona_id(1)] = before.model_copy(update={"weights": "0" * 64})
        return put_picture(*picture)

    monkeypatch.setattr(world, "put_picture", learnt)
    request = Synthesize(**PERSON, values=[{}])
    assert operations.run(request, world).pictures[0].report.recipe["weights"] == before.weights
