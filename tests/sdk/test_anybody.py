"""Anybody's photo by a prior alone: a persona of nobody stands behind it, made once, and refused what needs a person."""

import pytest

from portraitist import Part
from portraitist.errors import ConsentMissing, InvalidRequest, NotFound
from portraitist.picture import Grid
from portraitist.studio import Studio
from portraitist.testing import fake_backend, fake_studio

from .test_drag import asked, png


@pytest.fixture
def studio():
    return fake_studio()


def operations(studio):
    return [row.operation for row in studio._backend.ledger.jobs()][::-1]


def test_it_takes_what_a_persona_takes(studio):
    prior = studio.priors["default"]
    assert prior.edit(png(), yaw=10).report.attributes["yaw"].achieved == 10
    assert asked(studio)["values"] == [{"yaw": 10}] and asked(studio)["photo"]["blob"]
    assert isinstance(prior.edit(png(), yaw=[-10, 10], smile=[0, 1]), Grid)
    assert prior.drag(png(), points=[("nose", (1, 1))]).report.points
    moved = prior.move(png(), at="nose", by=(1, 1))
    assert prior.open(png(), wait=False).id and operations(studio) == ["create", "edit", "edit", "drag", "move", "open"]
    assert studio.replay(moved.recipe).report.points == moved.report.points
    whole = prior.compose(png(), Part("hair", like=png(colour="blue")), Part("nose", dx=4), only=["hair", "nose"])
    assert (
        whole.segmentation.names and operations(studio)[-1] == "compose" and asked(studio)["only"] == ["hair", "nose"]
    )


def test_without_a_photo_it_draws_a_face(studio):
    prior = studio.priors["default"]
    assert prior.drag(points=[("nose", (1, 1))], seed=3).report.points and asked(studio)["photo"] is None
    assert prior.move(at="nose", by=(1, 1), seed=3).report.points
    assert prior.open(seed=3, wait=False).id and asked(studio)["seed"] == 3
    assert prior.compose(None, Part("hair", draw=1), seed=3).read() and asked(studio)["photo"] is None
    assert operations(studio) == ["create", "drag", "move", "open", "compose"]
    with pytest.raises(TypeError, match="photo"):
        prior.edit(yaw=10)


def test_it_is_made_once_and_again_when_it_was_deleted(studio):
    job = studio.priors["default"].edit(png(), yaw=1, wait=False)
    picture = job.wait()
    first = studio.priors["default"].anybody()
    assert studio.priors["default"].prepare() is None
    assert first.id.startswith("per_") and first.id == studio.personas.get("prior:default").id and first.photos == []
    studio.priors["default-256"].edit(png(), yaw=1)
    assert operations(studio) == ["create", "edit", "create", "edit"]
    receipt = studio.personas.delete("prior:default")
    assert {job.id} < set(receipt.jobs) and len(receipt.blobs) == 3  # weights, photo and picture
    with pytest.raises(NotFound):
        picture.read()
    assert studio.priors["default"].edit(png(), yaw=1).read() and studio.priors["default"].anybody().id != first.id


def test_a_key_is_the_edits(studio):
    keyed = studio.with_idempotency_key("k")
    jobs = [keyed.priors["default"].edit(png(), yaw=1, wait=False) for _ in range(2)]
    assert jobs[0].id == jobs[1].id and operations(studio) == ["create", "edit"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda nobody: nobody.synthesize(yaw=1), "synthesize needs a person: a prior alone does edit, drag, move"),
        (lambda nobody: nobody.enhance(png()), "enhance needs a person"),
        (lambda nobody: nobody.transfer(png(), png()), "transfer needs a person"),
        (lambda nobody: nobody.synthesize(n=2), "synthesize needs a person"),
        (lambda nobody: nobody.add([png()]), "add needs a person"),
    ],
)
def test_what_needs_a_person_is_refused_and_leaves_nothing(studio, call, said):
    nobody = studio.priors["default"].anybody()
    before = sorted(studio._backend.store._store.older_than(-1))
    with pytest.raises(InvalidRequest, match=said):
        call(nobody)
    assert operations(studio) == ["create"] and sorted(studio._backend.store._store.older_than(-1)) == before


def test_nobody_takes_its_name(studio):
    for name in ("prior:default", "prior:", "prior:ana"):
        with pytest.raises(InvalidRequest, match="'prior:'"):
            studio.personas.create(name, [b"1", b"2", b"3"])
    assert studio.personas.create("priority", [b"1", b"2", b"3"], wait=True).name == "priority"  # the control
    with pytest.raises(InvalidRequest, match="only the bundled priors"):
        studio.priors["ffhq"].edit(png(), yaw=1)
    with pytest.raises(NotFound, match="there is no persona 'prior:default'"):
        studio.personas.get("prior:default")  # looking makes nothing
    assert operations(studio) == ["create"]


def test_every_tenant_has_its_own():
    backend = fake_backend()
    one, two = (Studio(backend.of(name)) for name in ("one", "two"))
    picture = one.priors["default"].move(png(), at="nose", by=(1, 1))
    mine, photo = one.personas.get("prior:default"), asked(one)["photo"]["blob"]
    assert "prior:default" not in two.personas and two.jobs.list() == []
    other = two.priors["default"].anybody()
    assert other.id != mine.id
    with pytest.raises(NotFound, match=f"no persona {mine.id!r}"):
        two.replay(picture.recipe)
    for digest in (photo, picture._result.blob):
        assert one._backend.sealed(mine.id).get(digest)  # the control
        with pytest.raises(NotFound):
            two._backend.sealed(other.id).get(digest)
    two.personas.delete("prior:default")
    assert picture.read() and one.priors["default"].anybody().id == mine.id


def test_a_cluster_asks_for_consent(monkeypatch):
    monkeypatch.delenv("PORTRAITIST_CONSENT", raising=False)
    backend = fake_backend()
    monkeypatch.setattr(type(backend), "shared", True)
    studio = Studio(backend.of())
    with pytest.raises(ConsentMissing, match="anybody's photo.*PORTRAITIST_CONSENT=optional"):
        studio.priors["default"].edit(png(), yaw=1)
    assert studio.jobs.list() == []
    monkeypatch.setenv("PORTRAITIST_CONSENT", "optional")
    assert studio.priors["default"].edit(png(), yaw=1).read()


def test_on_the_command_line(cli, tmp_path):
    code, out, err = cli("edit", "prior:default", "photos/a.jpg", "--yaw", "10")
    assert code == 0 and (tmp_path / "a-prior-default.png").exists(), (out, err)
    assert cli("edit", "prior:default", "photos", "--yaw", "10")[0] == 0
    assert len(list((tmp_path / "prior-default-edited").glob("*.png"))) >= 3
    assert cli("drag", "prior:default", "photos/a.jpg", "--move", "nose:+1,+1", "-o", "d.png")[0] == 0
    assert cli("move", "prior:default", "photos/a.jpg", "--at", "nose", "--by", "1,1", "-o", "m.png")[0] == 0
    code, _, err = cli("enhance", "prior:default", "photos/a.jpg")
    assert code == 2 and "enhance needs a person" in err
    code, _, err = cli("edit", "prior:none", "photos/a.jpg", "--yaw", "10")
    assert code == 2 and "only the bundled priors" in err
    assert "prior:default" in cli("personas")[1] and cli("delete", "prior:default", "--yes")[0] == 0
    assert "prior:default" not in cli("personas")[1]
