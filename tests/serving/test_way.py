"""Pictures of the way to an edit."""

import numpy as np
from PIL import Image

from portraitist.requests import Edit, Move, Photo
from portraitist_workers import operations
from portraitist_workers.operations.edit import way

from .people import context, persona_id, raw
from .test_named_faces import GROUP

NEW = GROUP.parent / "new.jpg"


def change(world, picture):
    """From the photo, mean in grey levels."""
    with Image.open(NEW) as before:
        pixels = np.frombuffer(raw(world, picture), np.uint8).reshape(before.height, before.width, 3).astype(int)
        return np.abs(pixels - np.asarray(before.convert("RGB"))).mean()


def test_an_edit_shows_its_way():
    world = context(1)
    photo = Photo(name="new.jpg", blob=world.put(NEW.read_bytes()))
    asked = {"persona_id": persona_id(1), "photo": photo}
    last, first, middle = operations.run(Edit(**asked, values=[{"yaw": 12}], frames=2), world).pictures
    assert change(world, first) < change(world, middle) < change(world, last)
    before, target = last.report.attributes["yaw"].before, last.report.attributes["yaw"].target
    assert abs(first.report.attributes["yaw"].target - before) < 0.01
    assert abs(middle.report.attributes["yaw"].target - (before + target) / 2) < 0.01
    alone = operations.run(Edit(**asked, values=[{"yaw": 12}]), world).pictures[0]
    assert raw(world, alone) == raw(world, last)  # its own pixels are the same


def test_a_move_shows_its_way():
    world = context(1)
    made = operations.run(Move(persona_id=persona_id(1), at="nose", by=(4, 0), frames=3), world).pictures
    assert len(made) == 4 and made[0].report.recipe["request"]["frames"] == 3


def test_what_is_not_measured_does_not_move():
    assert way({"yaw": 0.0}, {"yaw": 10.0, "age": 30.0}, 2) == [{"yaw": 0.0, "age": 30.0}, {"yaw": 5.0, "age": 30.0}]
    assert way({"yaw": 0.0}, {"yaw": 10.0}, 0) == []
