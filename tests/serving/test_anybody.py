"""Anybody's photo by a prior alone: made from nothing but the prior, edited as a person's photo, and what the report says of likeness."""

from pathlib import Path

import numpy as np
import pytest
import torch

from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.requests import CreatePersona, Drag, Edit, Move, Open, Photo, Pull, Retouch, SetStep
from portraitist.requests import DragStep as Dragged
from portraitist_workers import operations
from portraitist_workers.faces import image_io
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.live.touched import Touched
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona import reach
from portraitist_workers.persona.anybody import people
from portraitist_workers.persona.expressions import USUAL, relations
from portraitist_workers.persona.judge import MADE_UP, UNKNOWN, Judge
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.mouths import NOT_THEIRS
from portraitist_workers.persona.subject import find
from portraitist_workers.persona.warm import PERSONAS
from portraitist_workers.priors import library

from .people import context, persona_id, raw
from .test_drag import NEW
from .test_named_faces import GROUP, LEFT, RIGHT, changed

NOBODY = "per_nobody"
PROBED = {"yaw": (-60, -15, 15), "smile": (0.9,)}  # at 60 degrees no face of the prior's is itself


@pytest.fixture(scope="module")
def world():
    """A context that knows nobody. Of the reach few values are probed: all of them take a minute."""
    made = MemoryContext()
    asked = CreatePersona(persona_id=NOBODY, name="prior:default", photos=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "PROBED", PROBED)
        made.personas[NOBODY] = operations.run(asked, made)
    yield made
    PERSONAS.forget(NOBODY)


def photo_in(world, path):
    return Photo(name=path.name, blob=world.put(path.read_bytes()))


def edited(world, path=NEW, persona=NOBODY, **asked):
    values = [asked.pop("values")]
    request = Edit(persona_id=persona, photo=photo_in(world, path), values=values, **asked)
    return operations.run(request, world).pictures[0]


def face_of(path, **more):
    person = PersonaModel.from_bytes(context(1).blob(context(1).personas[persona_id(1)].weights))
    return find(image_io.decode(path.read_bytes(), path.name), person, path.name, damaged=True, **more)


def test_it_is_the_prior_itself(world):
    record = world.personas[NOBODY]
    model, prior = PersonaModel.from_bytes(world.blob(record.weights)), library.load()
    for name, weight in model.generator.weights().items():
        assert torch.equal(weight, prior.generator.weights()[name])
    assert torch.equal(model.anchors, people(prior)) and not model.known and model.photos == model.detail == ()
    assert record.photos == [] and record.preview is None and record.prior == prior.reference
    reached = {r.attribute: (r.low, r.high) for r in record.reach}
    assert reached.keys() == set(prior.attributes)
    assert reached["yaw"] == (-15, 15) and 0.1 < reached["smile"][0] < 0.9 and reached["smile"][1] == 0.9
    assert reached["pitch"][0] == reached["pitch"][1]  # not probed


def test_an_edit_and_its_report(world):
    made = edited(world, values={"yaw": 10})
    report, face = made.report, face_of(NEW)
    assert report.attributes["yaw"].achieved == pytest.approx(10, abs=2.5) and made.blob in world.pictures
    assert UNKNOWN in report.warnings and report.identity_percentile is None
    assert report.nearest_photo is None and report.nearest_photo_distance is None and report.detail_of == []
    crop = image_io.to_tensor(image_io.decode(world.blob(made.crop), "crop")[None])
    with torch.no_grad():
        like = float((load_identity()(crop) * load_identity()(face.pixels)).sum())
    assert report.identity == pytest.approx(like, abs=0.01) and like > 0.6
    with pytest.raises(InvalidRequest, match="no face lies at"):
        edited(world, values={"yaw": 10}, face=(1, 1))


def test_teeth_of_nobody_known_are_made_up_and_the_report_says_so(world):
    assert NOT_THEIRS in edited(world, values={"smile": 0.9}).report.warnings
    assert NOT_THEIRS not in edited(world, values={"yaw": 10}).report.warnings  # negative control


def test_the_control_a_person_is_compared_with_their_photos():
    report = edited(context(1), persona=persona_id(1), values={"yaw": 10}, face=RIGHT, path=GROUP).report
    assert report.identity_percentile is not None and report.nearest_photo and UNKNOWN not in report.warnings


def test_the_largest_face_is_changed_unless_another_is_named(world):
    largest = edited(world, GROUP, values={"smile": 1.0})
    sides = {LEFT: face_of(GROUP, face=LEFT).frame.size, RIGHT: face_of(GROUP, face=RIGHT).frame.size}
    left, right = changed(world, largest)
    assert (left > 0.05, right > 0.05) == (sides[LEFT] > sides[RIGHT], sides[RIGHT] > sides[LEFT])
    assert any("2 faces were found, and the largest is changed" in said for said in largest.report.warnings)
    other = min(sides, key=sides.__getitem__)
    named = edited(world, GROUP, values={"smile": 1.0}, face=other)
    assert (changed(world, named)[0] > 0.05) == (other == LEFT)
    assert not any("largest" in said or "was named" in said for said in named.report.warnings)


def test_a_picture_without_a_face_is_refused(world, tmp_path):
    path = tmp_path / "grey.png"
    path.write_bytes(image_io.encode_png(np.full((200, 200, 3), 128, np.uint8)))
    with pytest.raises(FaceNotFound, match="no face found"):
        edited(world, path, values={"yaw": 10})


def test_what_is_judged(world):
    """Nobody's judge compares with the face at hand; a person's with the person, whatever face it is."""
    unknown = Judge(PersonaModel.from_bytes(world.blob(world.personas[NOBODY].weights)))
    face = face_of(NEW).pixels
    beside = unknown.beside(face)
    assert len(unknown.embeddings) == 0 and torch.equal(beside.embeddings, load_identity()(face))
    assert beside.scale.tolist() == pytest.approx([load_identity().same_person]) and not beside.known
    known = Judge(PersonaModel.from_bytes(context(1).blob(context(1).personas[persona_id(1)].weights)))
    assert known.beside(face) is known
    assert relations(unknown) == USUAL != relations(known)


def test_a_face_that_it_draws(world):
    """Without a photo: points of it are moved, sliders answered, and nothing is said of likeness."""
    pull = Pull(handle="nose", by=(4.0, 0.0))
    for request in (
        Move(persona_id=NOBODY, at="nose", by=(4.0, 0.0), seed=3),
        Drag(persona_id=NOBODY, pulls=[pull], seed=3),
        Retouch(persona_id=NOBODY, steps=[SetStep(values={"yaw": 8.0}), Dragged(points=[pull])], seed=3),
    ):
        report = operations.run(request, world).pictures[0].report
        assert report.points[0].left < 1.0 and MADE_UP in report.warnings and UNKNOWN not in report.warnings
        assert report.identity is None and report.identity_before is None
    assert report.attributes["yaw"].requested == 8.0
    drawn = [
        raw(world, operations.run(Retouch(persona_id=NOBODY, steps=[], seed=seed), world).pictures[0])
        for seed in (3, 3, 4)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    session = Touched(Open(persona_id=NOBODY, seed=3), world)
    try:
        assert session.settle([], lambda: None).shot.picture.pixels.tobytes() == drawn[0]
        *_, last = session.preview([Dragged(points=[pull])])
        assert last.points[0]["left"] < 1.0
    finally:
        session.close()


@pytest.mark.slow
def test_points_are_moved_and_sliders_answered(world):
    photo = photo_in(world, NEW)
    moved = operations.run(Move(persona_id=NOBODY, photo=photo, at="chin", by=(0.0, 4.0)), world).pictures[0].report
    assert len(moved.points) == 1 and UNKNOWN in moved.warnings and moved.identity_before is None
    pull = Pull(handle="mouth_left", by=(-3.0, -2.0))
    pulled = operations.run(Drag(persona_id=NOBODY, photo=photo, pulls=[pull]), world).pictures[0].report
    assert [point.end for point in pulled.points] == [
        "arrived"
    ] and UNKNOWN in pulled.warnings  # guarded by where it began
    session = Touched(Open(persona_id=NOBODY, photo=photo), world)
    try:
        assert [face["likeness"] for face in session.about()["faces"]] == [None]
        steps = [
            SetStep(values={"yaw": 8.0}),
            Dragged(points=[Pull(handle="chin", by=(0.0, 3.0))], method="transformer"),
        ]
        assert list(session.preview(steps[:1])) and session.settle(steps, lambda: None).shot.picture.pixels.any()
    finally:
        session.close()
    saved = operations.run(Retouch(persona_id=NOBODY, photo=photo, steps=steps), world).pictures[0]
    assert saved.report.recipe["weights"] == world.personas[NOBODY].weights and UNKNOWN in saved.report.warnings
    assert len(raw(world, saved)) > 0


def test_photos_are_refused_where_nobody_is_learnt(world):
    asked = CreatePersona(persona_id="per_1", name="prior:default", photos=[photo_in(world, Path(NEW))])
    with pytest.raises(InvalidRequest, match="leave the photos out"):
        operations.run(asked, world)
