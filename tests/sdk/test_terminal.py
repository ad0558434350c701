"""What a terminal gets to see of names that a stranger chose, and what a program gets."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from portraitist.cli import show
from portraitist.cli.verify import described
from portraitist.errors import InvalidImage, printable
from portraitist.photos import gather, read_bytes
from portraitist.provenance.credentials import Credentials
from portraitist.provenance.search import MarkFound
from portraitist.provenance.verify import Verdict, verify

EVIL = "a\x1b]0;owned\x07\n\x9b31m\u202e\udcff.jpg"


def plain(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_names_never_reach_a_terminal_as_they_are(cli, tmp_path, monkeypatch):
    evil = EVIL.replace("\udcff", "")
    (tmp_path / "photos" / evil).write_bytes(b"x")
    code, out, err = cli("create", "eve", "photos")
    assert code == 0 and "a?]0;owned??" in out and plain(out) and plain(err)
    assert not plain(evil)  # control
    code, out, err = cli("edit", "eve", f"no-{evil}", "--smile", "0.5")
    assert code == 2 and "no-a?]0;owned" in err and plain(err) and err.count("\n") == 1
    code, out, err = cli("create", "eva", f"nowhere-{evil}")
    assert code == 2 and "nowhere-a?]0;owned" in err and plain(err)
    code, out, err = cli("verify", f"no-{evil}")
    assert code == 2 and plain(err) and err.count("\n") == 1


def test_json_tells_names_exactly_and_obeys_none(cli, tmp_path):
    evil = EVIL.replace("\udcff", "é")
    (tmp_path / "photos" / evil).write_bytes(b"x")
    code, out, _ = cli("create", "eve", "photos", "--json")
    assert code == 0 and plain(out) and "é.jpg" in out
    assert evil in [photo["name"] for photo in json.loads(out)["persona"]["photos"]]


def test_json_of_anything(capsys):
    data = {"name": EVIL, "far": "\U000e0001", "plain": "Zoë 🙂"}
    show.as_json(data)
    out = capsys.readouterr().out
    assert plain(out) and json.loads(out) == data and "Zoë 🙂" in out


def test_a_signer_with_a_name(tmp_path):
    signer = Credentials("valid", signer="\x1b[2Jbank", made="created")
    assert plain(described(tmp_path / EVIL, Verdict(signer, MarkFound(False, 1.0, 1.0))))


def test_messages_of_the_sdk(tmp_path):
    for call in (
        lambda: list(gather([tmp_path / EVIL])),
        lambda: list(gather([(EVIL, bytes(2**26 + 1))])),
        lambda: list(gather([tmp_path / (EVIL + "\0")])),
        lambda: verify(tmp_path / EVIL),
        lambda: verify(tmp_path / "\0"),
    ):
        with pytest.raises(InvalidImage) as caught:
            call()
        assert caught.value.message.isprintable()
    assert printable("a\nb\x1b") == "a?b?" and printable("a\nb\x1b", keep="\n") == "a\nb?"


def test_a_pil_image_is_handed_over_upright_and_with_its_profile():
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10] = 200
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(file, "PNG", exif=exif, icc_profile=b"a profile")
    _, data = read_bytes(Image.open(file))
    handed = Image.open(io.BytesIO(data))
    assert np.array_equal(np.asarray(handed), pixels[::-1]) and handed.info["icc_profile"] == b"a profile"
    assert handed.getexif().get(0x0112, 1) == 1
