"""Portraits with the fine detail of the person's photos."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from mouths import faces_of_cora
from pydantic import ValidationError
from serving.people import context, model, persona_id, raw

from portraitist.errors import InvalidRequest
from portraitist.requests import CreatePersona, Synthesize
from portraitist.results import PictureReport
from portraitist_workers import operations
from portraitist_workers.detail.mesh import seen
from portraitist_workers.detail.motion import motion
from portraitist_workers.detail.portrait import detail_of
from portraitist_workers.faces.image_io import to_uint8
from portraitist_workers.persona import kept_detail
from portraitist_workers.persona.detailed import SIDE, detailed
from portraitist_workers.persona.judge import Judge
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.mouths import NOT_THEIRS, told, with_teeth
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.warm import PERSONAS

PERIOD = 6  # px of the stripes that stand for a photo's detail: finer than 128 px can show


@pytest.fixture(scope="module")
def person():
    """A person whose photos are what the generator shows of them, larger and with fine stripes."""
    plain = model(1)
    stripes = 12 * np.sin(2 * np.pi * np.arange(SIDE) / PERIOD)[None, :, None]
    faces = [
        cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for p in to_uint8(render(plain.generator, plain.anchors))
    ]
    files = kept_detail.kept([(face + stripes).clip(0, 255).astype(np.uint8) for face in faces])
    made = replace(plain, detail=(b"", *files[1:]))
    return made, Judge(made)


def stripes_in(picture):
    """How much of the stripes the middle of a picture [SIDE, SIDE, 3] shows: their amplitude in grey levels."""
    middle = picture[SIDE // 3 : SIDE // 2, SIDE // 3 : SIDE * 2 // 3].astype(float).mean(2)
    wave = np.exp(2j * np.pi * np.arange(SIDE // 3, SIDE * 2 // 3) / PERIOD)
    return float(np.abs(((middle - middle.mean(1, keepdims=True)) * wave).mean(1)).mean() * 2)


def test_a_portrait_has_the_detail_of_the_photos_that_are_nearest(person):
    made, judge = person
    w = made.anchors[2:3]
    picture = to_uint8(render(made.generator, w))[0]
    fine, photos = detailed(made, judge, w, picture)
    assert fine.shape == (SIDE, SIDE, 3) and photos[0] == "2.jpg" and "0.jpg" not in photos  # of 0.jpg nothing is kept
    enlarged = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    assert stripes_in(fine) > 4 > 1 > stripes_in(enlarged)  # negative control: the generator alone has none
    off = cv2.resize(fine, (128, 128), interpolation=cv2.INTER_AREA).astype(float) - picture
    assert np.abs(off).mean() < 3  # light and tone are the portrait's
    assert np.array_equal(detailed(made, judge, w, picture)[0], fine)


def test_a_bright_strand_beside_the_face_is_not_laid_on_where_the_portrait_has_none(person):
    made, _ = person
    [shown] = seen(to_uint8(render(made.generator, made.anchors[2:3])))
    photo = cv2.resize(shown.picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(int)
    rows = SIDE * 2 // 5, SIDE * 3 // 5
    for row in rows:
        photo[row, SIDE // 3 : SIDE * 2 // 3] += 70
    face = np.zeros((256, 256), np.float32)
    face[:128] = 1
    moved = replace(motion(shown, shown), face=face)
    found = detail_of(photo.clip(0, 255).astype(np.uint8), moved).picture[:, SIDE * 2 // 5 : SIDE * 3 // 5].mean(2)
    inside, beside = (found[row].mean() for row in rows)
    assert inside > 30 > 20 > beside > 8  # negative control: in the face it may be a glint


def test_what_is_kept_comes_back_and_is_small(person):
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)  # the worst to compress
    files = kept_detail.kept([noise, noise[:150, :150], noise[:300, :300]])
    assert [bool(file) for file in files] == [True, False, True] and max(map(len, files)) <= kept_detail.MOST
    assert kept_detail.from_tensors(kept_detail.to_tensors(files)) == files
    assert kept_detail.from_tensors(kept_detail.to_tensors(())) == ()
    made, _ = person
    again = PersonaModel.from_bytes(made.to_bytes())
    assert again.detail == made.detail and PersonaModel.from_bytes(model(1).to_bytes()).detail == ()


@pytest.fixture
def world(person):
    """A context that knows her with detail, and another as persona 2 without."""
    known, id_ = context(1, 2), persona_id(1)
    known.personas[id_] = known.personas[id_].model_copy(update={"weights": known.put(person[0].to_bytes())})
    yield known
    PERSONAS.forget(id_)


def drawn(world, number, **more):
    result = operations.run(Synthesize(persona_id=persona_id(number), **more), world)
    return [(len(raw(world, p)) // 3, p.report) for p in result.pictures]


def test_size_is_512_where_detail_is_kept_and_few_are_asked(world):
    (pixels, report), *_ = drawn(world, 1)
    assert pixels == SIDE**2 and report.detail_of and report.nearest_photo_distance < 0.5 and report.mark > 6.7
    assert [(pixels, report.detail_of) for pixels, report in drawn(world, 1, size="native")] == [(128**2, [])]
    assert drawn(world, 1, values=[{}] * 2, columns=2)[0][0] == 128**2
    assert drawn(world, 2)[0][0] == 128**2  # a persona that was made before
    with pytest.raises(InvalidRequest, match="keeps no detail"):
        drawn(world, 2, size=512)


def test_the_background_is_plain_unless_the_generators_is_asked_for(world, person):
    made, judge = person
    as_drawn = [
        operations.run(Synthesize(persona_id=persona_id(1), background=b), world) for b in ("generated", "plain")
    ]
    generated, plain = (one.pictures[0] for one in as_drawn)
    assert (generated.report.background, plain.report.background) == ("generated", "plain")
    old, new = (np.frombuffer(raw(world, p), np.uint8).reshape(SIDE, SIDE, 3).astype(float) for p in (generated, plain))
    face = np.s_[SIDE * 2 // 5 : SIDE * 3 // 5, SIDE * 2 // 5 : SIDE * 3 // 5]
    assert np.abs(new - old)[face].mean() < 1.5 < np.abs(new - old)[: SIDE // 8, : SIDE // 8].mean()  # marks differ
    # A copy before another background is still a copy.
    assert plain.report.nearest_photo_distance == generated.report.nearest_photo_distance


def test_requests_know_the_words():
    assert CreatePersona(persona_id="per_1", name="ana", photos=[]).detail
    with pytest.raises(ValidationError):
        Synthesize(persona_id="per_1", size=1024)
    with pytest.raises(ValidationError):
        Synthesize(persona_id="per_1", background="blurred")


def test_a_portrait_that_opens_its_mouth_gets_teeth(person):
    made, judge = person
    opened, shut = faces_of_cora(-1, 0)
    rest = (b"",) * (len(made.photos) - 2)
    known, unknown = (
        replace(made, detail=(*kept_detail.kept(faces), *rest)) for faces in ([shut, opened], [shut, shut])
    )
    filled, fill = with_teeth(known, judge, opened, made.photos[0])
    report = PictureReport(detail_of=[made.photos[0]])
    told(fill, report)
    assert report.detail_of == list(made.photos[:2]) and not report.warnings
    changed = np.abs(filled.astype(int) - opened).max(2) > 0
    assert 0 < changed.mean() < 0.05 and not changed[fill.share == 0].any()

    filled, fill = with_teeth(unknown, judge, opened, made.photos[0])
    told(fill, report)
    assert report.warnings == [NOT_THEIRS] and report.detail_of == list(made.photos[:2])
    same, none = with_teeth(known, judge, opened, made.photos[1])  # negative control: that photo shows them already
    assert none is None and same is opened
