"""A face of a group photo is named by a place in it: what is asked for, and what is refused before anything is sent."""

import json

import pytest

from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.testing import fake_studio


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", [b"1", b"2", b"3"], wait=True)


def asked(studio):
    return studio._backend.ledger.job(studio.jobs.list(limit=1)[0].id).request


def test_a_place_in_the_face_is_asked_for(studio, ana):
    ana.edit(b"photo", yaw=5, face=(551, 308))
    assert asked(studio)["face"] == [551.0, 308.0]
    ana.drag(b"photo", points=[((10, 20), (30, 20))], face=(551, 308))
    assert asked(studio)["face"] == [551.0, 308.0]
    ana.open(b"photo", face=(551, 308), wait=False)
    assert asked(studio)["face"] == [551.0, 308.0]
    ana.enhance(b"photo", face=(551, 308))
    assert asked(studio)["face"] == [551.0, 308.0]
    ana.restyle(b"photo", style="toon", face=(551, 308))
    assert asked(studio)["face"] == [551.0, 308.0]
    ana.edit(b"photo", part="hair", like=b"other", face=(551, 308))
    assert asked(studio)["operation"] == "compose" and asked(studio)["face"] == [551.0, 308.0]
    ana.edit(b"photo", yaw=5)
    assert asked(studio)["face"] is None


def test_of_two_photos_a_face_is_named_in_each(studio, ana):
    ana.transfer(b"photo", b"like", face=(1, 2), like_face=(3, 4))
    assert asked(studio)["face"] == [1.0, 2.0] and asked(studio)["like_face"] == [3.0, 4.0]
    ana.blend(b"photo", b"other", other_face=(3, 4))
    assert asked(studio)["face"] is None and asked(studio)["other_face"] == [3.0, 4.0]


def test_the_faces_of_a_photo_are_found(ana):
    [face] = ana.faces(b"photo")
    assert face.theirs and face.middle == (32, 32)
    assert ana.edit(b"photo", yaw=5, face=face.middle)


@pytest.mark.parametrize("face", [(1, 2, 3), "left", (1,)])
def test_what_is_no_place_is_refused(ana, face):
    with pytest.raises(InvalidRequest, match="face"):
        ana.edit(b"photo", yaw=5, face=face)


def test_the_error_holds_the_faces():
    faces = [{"corners": [[0, 0], [1, 0], [1, 1], [0, 1]], "likeness": 0.2, "theirs": False}]
    assert FaceNotFound("nobody", faces=faces).faces == faces and FaceNotFound("nothing").faces == []


def test_the_command(cli):
    cli("create", "ana", "photos")
    for command in (
        ["edit", "ana", "photos/a.jpg", "--yaw", "5"],
        ["drag", "ana", "photos/a.jpg", "--move", "1,1:2,2"],
        ["enhance", "ana", "photos/a.jpg"],
        ["transfer", "ana", "photos/a.jpg", "photos/b.jpg"],
        ["blend", "ana", "photos/a.jpg", "photos/b.jpg"],
        ["restyle", "ana", "photos/a.jpg"],
    ):
        code, _, err = cli(*command, "--face", "12,8", "--out", "x.png", "--force")
        assert code == 0, err
        code, _, err = cli(*command, "--face", "12", "--out", "x.png", "--force")
        assert code == 2 and "expected X,Y in pixels of the photo" in err
    assert cli("faces", "ana", "photos/a.jpg")[1] == "32,32  likeness 1.00\n"
    assert json.loads(cli("faces", "ana", "photos/a.jpg", "--json")[1])[0]["middle"] == [32, 32]
