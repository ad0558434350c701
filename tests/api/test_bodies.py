"""What JSON may say to a verb follows from the verb; and nothing that a stranger writes becomes a path."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import pytest
from pydantic import ValidationError

from portraitist.degradations import Jpeg, Mask
from portraitist.errors import InvalidRequest, UrlRefused
from portraitist.http import bodies
from portraitist.http.bodies import Spoken, Verb, is_plain, verb
from portraitist.http.uploads import File, _call
from portraitist.operations import OPERATIONS, Operation
from portraitist.persona import Persona
from portraitist.photos import Link, PhotoLike
from portraitist.requests import Photo, Request
from portraitist.results import Pictures


def test_every_operation_has_a_route():
    """If this fails, say in http/bodies.py (SPOKEN) how JSON says the parameter that the message names."""
    for row in OPERATIONS.values():
        if "persona_id" in row.request.model_fields and hasattr(Persona, row.name):
            assert isinstance(verb(row, getattr(Persona, row.name)), Verb)
    assert bodies.create_verb().photos == bodies.persona_verbs()["add"].photos == {"photos": True}


@dataclass
class Part:
    """What a verb takes as an object, with a photo in it."""

    name: str
    like: Any = None


class PartBody(Spoken):
    name: str
    like: str | None = None

    def made(self, given):
        return Part(self.name, None if self.like is None else given(self.like, "parts"))


class Compose(Request):
    """Put a face together."""

    operation: Literal["compose"] = "compose"
    persona_id: str
    photo: Photo | None = None
    like: list[Photo] = []
    seed: int = 0


ROW = Operation(Compose, Pictures, "nowhere", "compose", photos=("photo", "like"))
seen: dict[str, Any] = {}


def compose(self, photo: PhotoLike | None = None, *parts: Part, mask: PhotoLike | None = None, size: tuple[int, int] = (1, 2),
            seed: int = 0, wait: bool = True, **attributes: float):  # fmt: skip
    seen.update(self=self, photo=photo, parts=parts, mask=mask, size=size, seed=seed, wait=wait, attributes=attributes)


class Upload:
    def __init__(self, name):
        self.filename, self.file = name, io.BytesIO(b"bytes of " + name.encode())


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(bodies.SPOKEN, "*parts", PartBody)
    return verb(ROW, compose)


def called(toy, text, **files):
    body = toy.part.model_validate_json(text)
    toy.call("ana", _call(toy, body, {name: [File(Upload(one)) for one in several] for name, several in files.items()}))
    return seen


def test_objects_masks_and_photos_that_may_be_missing(toy):
    asked = (
        '{"parts": [{"name": "hair", "like": "part:other"}, {"name": "nose"}], "size": [3, 4], "values": {"yaw": 5}}'
    )
    found = called(toy, asked, photo=["a.jpg"], other=["b.jpg"], mask=["m.png"])
    assert found["self"] == "ana" and found["wait"] is False and found["attributes"] == {"yaw": 5}
    assert (
        found["photo"].name == "a.jpg" and found["mask"].read() == b"bytes of m.png" and tuple(found["size"]) == (3, 4)
    )
    assert [p.name for p in found["parts"]] == ["hair", "nose"] and found["parts"][0].like.name == "b.jpg"
    found = called(toy, "{}")
    assert found["photo"] is None and found["parts"] == () and found["mask"] is None and tuple(found["size"]) == (1, 2)
    assert called(toy, '{"photo": "https://a.example/x.jpg"}')["photo"] == Link("https://a.example/x.jpg")
    assert called(toy, '{"photo": "data:image/png;base64,YWJj"}')["photo"] == b"abc"


@pytest.mark.parametrize(
    "text, files, error",
    [
        ('{"photo": "/etc/passwd"}', {}, UrlRefused),
        ('{"photo": "part:../../etc/passwd"}', {}, InvalidRequest),
        ('{"mask": "/etc/passwd"}', {}, InvalidRequest),
        ('{"mask": "https://a.example/x.png"}', {}, InvalidRequest),
        ('{"mask": "file:///etc/passwd"}', {}, InvalidRequest),
        ('{"parts": [{"name": "hair", "like": "/etc/passwd"}]}', {}, UrlRefused),
        ('{"parts": [{"name": "hair", "like": "~/.ssh/id"}]}', {}, UrlRefused),
        ('{"parts": [{"name": "hair", "like": {"path": "/etc/passwd"}}]}', {}, ValidationError),
        ("{}", {"photo": ["a", "b"]}, InvalidRequest),
        ("{}", {"elsewhere": ["a"]}, InvalidRequest),
        ('{"values": {"mask": 1}}', {}, InvalidRequest),
    ],
)
def test_what_is_refused(toy, text, files, error):
    with pytest.raises(error):
        called(toy, text, **files)


def test_only_plain_data_is_taken_as_it_is():
    for plain in (
        int,
        str | None,
        list[float],
        dict[str, dict[str, float]],
        Literal["a", "b"],
        tuple[str, str] | None,
        Jpeg | Mask,
    ):
        assert is_plain(plain), plain
    for other in (
        Any,
        bytes,
        Path,
        os.PathLike,
        Part,
        list[Part],
        IO[bytes],
        dict[str, Any],
        str | Path,
        Photo,
        PhotoLike,
        object,
    ):
        assert not is_plain(other), other


def test_a_parameter_that_is_no_plain_data_makes_no_route(monkeypatch, caplog):
    monkeypatch.delitem(bodies.SPOKEN, "*parts")
    with pytest.raises(TypeError, match="compose: parts is no plain data"):
        verb(ROW, compose)
    monkeypatch.setitem(OPERATIONS, "compose", ROW)
    monkeypatch.setattr(Persona, "compose", compose, raising=False)
    assert "compose" not in bodies.persona_verbs() and "no route for compose" in caplog.text
