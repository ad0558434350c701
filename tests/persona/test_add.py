"""Photos added to a persona, with the real networks on a test person, and a persona that nobody had to tune."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portraitist.doctor import _weights
from portraitist.errors import InvalidRequest, PhotosUnusable
from portraitist.requests import AddPhotos, Photo
from portraitist.results import PersonaRecord
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.grouping import find_known
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import decode, encode_jpeg
from portraitist_workers.faces.intake import Known, check_photos
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.operations import MemoryContext, add, checkpoint, learning, run
from portraitist_workers.persona import kept_detail, presets, reach
from portraitist_workers.persona.control import Response
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.tuning import Schedule
from portraitist_workers.priors import library

PEOPLE = Path(__file__).parents[1] / "people"
ATTRIBUTES = ["yaw", "smile", "age"]


def file(name):
    return (PEOPLE / name[: name.index("-")] / name).read_bytes()


@pytest.fixture(scope="module")
def learnt():
    """(record, weights) of a persona from four photos. Its generator is the prior's, but for a few layers."""
    if _weights().state != "ok":
        pytest.skip("the bundled prior is not complete")
    prior, names = library.load(), [f"ada-{n:02d}.jpg" for n in range(4)]
    intake = check_photos([(name, file(name)) for name in names])
    seen = learning.Seen.of(intake.accepted)
    labels = [Photo(name=name, labels={"age": 20.0 + n}) for n, name in enumerate(names)]
    values = learning.attribute_values(ATTRIBUTES, labels, seen)
    with torch.no_grad():
        anchors = prior.encoder(seen.photos)
    axes = learning.build_organizer("regression", ATTRIBUTES, prior).axes(anchors, values)
    measured = load_attributes().names
    response = Response(measured, prior.steps_for(measured), torch.eye(len(measured)).to(anchors))
    detail = kept_detail.kept(seen.close)
    model = PersonaModel(
        prior, prior.generator, anchors, axes, response, seen.embeddings, load_identity().name, seen.names, detail
    )
    weights = model.to_bytes()
    record = PersonaRecord(
        persona_id="per_1", name="ana", prior=prior.reference, organizer="regression", preset="fast", attributes=ATTRIBUTES,
        photos=intake.verdicts, reach=reach.of_photos(ATTRIBUTES, values.tolist()), warnings=["Said before.", *intake.warnings],
        weights=hashlib.sha256(weights).hexdigest(),
    )  # fmt: skip
    return record, weights


@pytest.fixture(scope="module")
def context(learnt, tmp_path_factory):
    """Knows the persona; learning takes a few steps, and reach is measured at one value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTRAITIST_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(presets.PRESETS, "fast", presets.Preset(2, Schedule(steps=16), edit_steps=3, project_steps=3))
        patch.setattr(reach, "PROBED", {"yaw": (25,)})
        made = MemoryContext()
        made.personas["per_1"] = learnt[0]
        assert made.put(learnt[1]) == learnt[0].weights
        yield made


@pytest.fixture(scope="module")
def added(context):
    """A request and what it gave: one photo that is new, another with a name that is known, a stranger's, a copy."""
    asked = request(context, "ada-05.jpg", "ada-06.jpg:ada-00.jpg", "bruno-01.jpg", "ada-05.jpg:again.jpg")
    return asked, run(asked, context)


def request(context, *names, **more):
    """Adds these photos; "ada-00.jpg:x" is called x."""
    pairs = [(n.partition(":")[0], n.partition(":")[2] or n) for n in names]
    photos = [Photo(name=name, blob=context.put(file(real)), labels={"age": 30.0}) for real, name in pairs]
    return AddPhotos(persona_id="per_1", photos=photos, **more)


@pytest.mark.slow
def test_the_person_grows_by_the_photos_that_are_theirs_and_new(context, learnt, added):
    record, better = learnt[0], added[1]
    before = PersonaModel.from_bytes(learnt[1])
    assert (better.persona_id, better.name, better.prior) == ("per_1", "ana", record.prior)
    assert better.photos[:4] == record.photos
    told = [(v.name, v.code) for v in better.photos[4:]]
    assert told[1:3] == [("ada-00.jpg (2)", "ok"), ("bruno-01.jpg", "other_person")]
    assert sorted(code for name, code in (told[0], told[3])) == ["duplicate", "ok"]
    assert "photos that the person was learnt from" in better.photos[6].reason

    after = PersonaModel.from_bytes(context.blob(better.weights))
    assert len(after.embeddings) == len(after.anchors) == len(before.anchors) + 2 and after.photos[:4] == before.photos
    assert torch.equal(after.embeddings[:4], before.embeddings)
    assert after.detail[:4] == before.detail and len(after.detail) == 6 and all(after.detail)
    assert (
        better.warnings[0] == "Said before."
        and better.warnings[1].startswith("6 usable photos")
        and len(better.warnings) == 2
    )
    assert better.preview in context.pictures and better.figures["psnr"] > 20

    new = learning.Seen.of(
        check_photos([("5", file("ada-05.jpg")), ("6", file("ada-06.jpg"))], minimum=2).accepted
    ).photos
    with torch.no_grad():
        distance, untuned = load_perceptual(), before.prior.encoder(new)
        kept = distance(render(after.generator, after.anchors[:4]), render(before.generator, before.anchors)).mean()
        gained = (
            distance(render(after.generator, after.anchors[4:]), new).mean()
            / distance(render(before.generator, untuned), new).mean()
        )
    assert kept < 0.1 and gained < 0.9, (kept, gained)
    values = [v.attributes["smile"] for v in better.photos if v.accepted]
    expected = reach.of_photos(["smile"], [[value] for value in values])[0]
    smile, old = (next(r for r in reaches if r.attribute == "smile") for reaches in (better.reach, record.reach))
    assert old.holes and not smile.holes
    assert (smile.photos_low, smile.photos_high) == pytest.approx(
        (expected.photos_low, expected.photos_high), abs=0.002
    )


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_weights(context, added, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHECKPOINT_SECONDS", 0.0)
    asked, whole = added
    steps = []

    def on_step(progress):
        steps.append((progress.stage, progress.step))
        if steps.count(("tune", 3)) == 1 and steps[-1] == ("tune", 3):
            raise KeyboardInterrupt

    monkeypatch.setattr(context, "_on_step", on_step)
    with pytest.raises(KeyboardInterrupt):
        run(asked, context)
    cut = len(steps)
    assert context.checkpoint is not None
    assert run(asked, context).weights == whole.weights
    assert ("invert", 1) in steps[:cut] and ("invert", 1) not in steps[cut:]
    assert min(step for stage, step in steps[cut:] if stage == "tune") == 4
    assert context.checkpoint is None  # another operation in this context begins at its beginning


def test_when_none_is_theirs_the_job_says_so(context):
    with pytest.raises(PhotosUnusable, match="1 is needed") as caught:
        run(request(context, "bruno-01.jpg", "cora-01.jpg"), context)
    assert [v["code"] for v in caught.value.photos] == ["other_person", "other_person"]


def test_advice_calls_a_photo_as_it_was_given(context):
    """Its name in the record is one that `keep` does not know."""
    with pytest.raises(PhotosUnusable) as caught:
        run(request(context, "bruno-01.jpg:ada-00.jpg"), context)
    (verdict,) = caught.value.photos
    assert verdict["name"] == "ada-00.jpg (2)" and "--keep 'ada-00.jpg'." in verdict["reason"]


def test_a_copy_of_a_photo_that_was_learnt_from_is_not_new():
    """The pictures that stand in for those photos are close to them."""
    names = ["ada-00.jpg", "ada-01.jpg"]
    seen = check_photos([(name, file(name)) for name in names], minimum=2).accepted
    blurred = np.stack([cv2.GaussianBlur(a.picture, (0, 0), 0.5) for a in seen])
    known = Known(names, np.stack([a.embedding for a in seen]), blurred, [a.attributes for a in seen])
    smaller = encode_jpeg(
        cv2.resize(decode(file("ada-00.jpg"), "x"), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    )
    found = check_photos([("copy.jpg", smaller), ("ada-05.jpg", file("ada-05.jpg"))], minimum=1, known=known)
    assert [v.code for v in found.verdicts] == ["duplicate", "ok"] and "'ada-00.jpg'" in found.verdicts[0].reason
    kept = check_photos([("copy.jpg", smaller)], minimum=1, known=known, keep=["copy.jpg"])
    assert kept.verdicts[0].accepted


def test_photos_are_told_apart_from_those_of_before(context):
    asked = request(context, "ada-05.jpg:ada-00.jpg", "ada-06.jpg:x.jpg", keep=["ada-00.jpg"])
    photos, keep = add.told_apart(asked, context.personas["per_1"])
    assert [p.name for p in photos] == ["ada-00.jpg (2)", "x.jpg"] and keep == ["ada-00.jpg (2)"]
    assert photos[0].blob == asked.photos[0].blob


def test_ones_own_attributes_need_values(context):
    asked = request(context, "ada-05.jpg")
    asked.photos[0].labels = {}
    with pytest.raises(InvalidRequest, match="'age'"):
        run(asked, context)


def test_a_face_belongs_to_somebody_known_by_their_faces():
    known = np.eye(3)[:1]
    like = np.array([[0.9, 0.44, 0], [0.5, 0.87, 0], [0.7, 0.71, 0], [0.1, 0.99, 0]])
    found = find_known(known, like, [0, 0, 1, 2], 0.6)
    assert found.face_of == {0: 0, 1: 2} and not found.rivals and not found.ambiguous
    assert find_known(known, like, [0, 0, 1, 2], 0.6, kept=[2]).face_of == {0: 0, 1: 2, 2: 3}
