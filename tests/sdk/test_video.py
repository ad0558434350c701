"""The way to a picture as a file that moves."""

import io
import struct

import pytest
from PIL import Image, features

from portraitist import Part, video
from portraitist.errors import InvalidRequest
from portraitist.testing import fake_studio


@pytest.fixture
def ana():
    return fake_studio().personas.create("ana", [b"1", b"2", b"3"], wait=True)


def kinds(data, at=0, end=None):
    """Of all boxes of an MP4, and what they hold: whether they fit into each other."""
    found, end = [], len(data) if end is None else end
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= end - at
        inner = kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl")
        found += [(kind, data[at + 8 : at + size]), *(kinds(data, at + 8, at + size) if inner else ())]
        at += size
    return found


def test_each_verb_shows_its_way(ana, tmp_path):
    for made in (
        ana.drag(points=[((10, 20), (30, 20))], frames=3),
        ana.move(at="nose", by=(3, 0), frames=3),
        ana.edit(b"photo", yaw=10, frames=3),
        ana.edit(b"photo", part="hair", like=b"other", frames=3),
        ana.compose(None, Part("hair", draw=[3, 5]), frames=3),
    ):
        assert len(made.way) == 3
        with Image.open(made.save_way(tmp_path / "way.webp")) as film:
            assert film.n_frames == 6  # there, and back again
        boxes = dict(kinds(made.save_way(tmp_path / "way.mp4").read_bytes()))
        assert boxes[b"hdlr"][8:12] == b"vide" and boxes[b"ftyp"][:4] == b"isom" and b"avif" not in boxes[b"ftyp"]
        assert b"meta" not in boxes and boxes[b"stsd"][12:16] == b"av01"
        assert struct.unpack(">I", boxes[b"stsz"][8:12]) == (6,)  # frames


def test_the_frames_are_those_of_the_pictures():
    colours = ["red", "lime", "blue"]
    images = [Image.new("RGB", (33, 17), colour) for colour in colours]  # odd sides, too
    file = io.BytesIO()
    images[0].save(file, "AVIF", save_all=True, append_images=images[1:], duration=50, quality=video.QUALITY)
    assert len(video.mp4(file.getvalue())) == len(file.getvalue())
    frames = dict(kinds(video.mp4(file.getvalue())))[b"mdat"]
    assert frames == dict(kinds(file.getvalue()))[b"mdat"]


def test_what_cannot_be_written(ana, tmp_path, monkeypatch):
    with pytest.raises(InvalidRequest, match="needs the pictures of a way"):
        ana.edit(b"photo", yaw=10).save_way(tmp_path / "way.mp4")
    made = ana.edit(b"photo", yaw=10, frames=2)
    with pytest.raises(InvalidRequest, match=r"must end in \.webp or \.mp4"):
        made.save_way(tmp_path / "way.gif")
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(InvalidRequest, match="built without AVIF"):
        made.save_way(tmp_path / "way.mp4")
    assert made.save_way(tmp_path / "way.webp").exists()
    with pytest.raises(InvalidRequest, match="one value"):
        ana.edit(b"photo", yaw=[1, 2], frames=2)
    with pytest.raises(InvalidRequest, match="say in how many pictures"):
        ana.compose(None, Part("hair", draw=[3, 5]))
    with pytest.raises(InvalidRequest, match="give each as many seeds"):
        ana.compose(None, Part("hair", draw=[3, 5]), Part("eyes", draw=[1, 2, 3]), frames=4)
    with pytest.raises(InvalidRequest, match="draw"):
        ana.compose(None, Part("hair", draw=[]), frames=4)


def test_on_the_command_line(cli, tmp_path):
    cli("create", "ana", "photos")
    for arguments in (
        ("drag", "ana", "--move", "4,4:9,4"),
        ("move", "ana", "--at", "nose", "--by", "3,0"),
        ("edit", "ana", "photos/a.jpg", "--yaw", "5"),
        ("edit", "ana", "photos/a.jpg", "--part", "hair", "--like", "photos/b.jpg"),
        ("compose", "ana", "--part", "hair:draw=3,draw=5"),
    ):
        code, _, err = cli(*arguments, "--video", "way.mp4", "--force")
        assert code == 0 and (tmp_path / "way.mp4").read_bytes()[4:8] == b"ftyp", err
        (tmp_path / "way.mp4").unlink()
    code, _, err = cli("edit", "ana", "photos", "--yaw", "5", "--video", "way.mp4")
    assert code == 2 and "--video is of one photo" in err
    code, _, err = cli("edit", "ana", "photos/a.jpg", "--yaw", "5", "--video", "way.mp4", "--no-wait")
    assert code == 2 and "nothing to write yet" in err
