"""Photos by address: what the worker makes of them before the operation runs."""

import pytest
from typer.testing import CliRunner

from portraitist.cli import make
from portraitist.cli.app import app
from portraitist.cli.places import stem_of
from portraitist.errors import DownloadFailed, JobCancelled, UrlRefused
from portraitist.photos import Link, gather
from portraitist.requests import AddPhotos, CreatePersona, Edit, Photo
from portraitist.store import MemoryStore
from portraitist.testing import fake_studio
from portraitist_workers.queue.fetching import with_photos

from .network import reply


class Context:
    def __init__(self):
        self.store, self.steps, self.amended = MemoryStore(), [], []
        self.put = self.store.put

    def on_step(self, progress):
        self.steps.append(progress)

    def amend(self, request):
        self.amended.append(request.model_dump())


def creation(*photos):
    return CreatePersona(persona_id="per_1", name="ana", photos=list(photos))


@pytest.fixture
def album(site, network):
    def answer(h):
        reply(h, 404) if "missing" in h.path else reply(h, body=b"bytes of " + h.path.encode())

    return site(answer)


def test_each_photo_is_a_blob_or_has_a_reason(album, network, outbound):
    network.names["private.example"] = ["10.0.0.1"]
    context, urls = Context(), ["a.jpg?key=sekret", "missing.jpg", "b.jpg"]
    photos = [Photo(name=u[:5], url=f"https://photos.example/{u}") for u in urls]
    photos += [Photo(name="p", url="https://private.example/p.jpg"), Photo(name="up", blob="0" * 64)]
    request = with_photos(creation(*photos), context, outbound())
    assert [context.store.get(p.blob) for p in request.photos[::2][:2]] == [
        b"bytes of /a.jpg?key=sekret",
        b"bytes of /b.jpg",
    ]
    assert "404" in request.photos[1].fault and "public internet" in request.photos[3].fault
    assert request.photos[4] == photos[4] and not any(p.url for p in request.photos)
    assert context.amended == [request.model_dump()] and "sekret" not in str(context.amended)
    assert context.steps[-1].stage == "fetch" and context.steps[-1].step == 4
    again = Context()
    with_photos(request, again, None)
    assert again.amended == [] and len(album.requests) == 3


def test_an_added_photo_that_cannot_be_had_gets_a_verdict(album, network, outbound):
    photos = [Photo(name=name, url=f"https://photos.example/{name}") for name in ("a.jpg", "missing")]
    made = with_photos(AddPhotos(persona_id="per_1", photos=photos), Context(), outbound())
    assert made.photos[0].blob and not made.photos[0].fault and "404" in made.photos[1].fault


def test_an_edit_fails_with_the_typed_error(album, network, outbound):
    def edit(url):
        return Edit(persona_id="per_1", photo=Photo(name="x", url=url), values=[{"yaw": 1}])

    made = with_photos(edit("https://photos.example/a.jpg"), context := Context(), outbound())
    assert context.store.get(made.photo.blob) == b"bytes of /a.jpg"
    with pytest.raises(DownloadFailed, match="404"):
        with_photos(edit("https://photos.example/missing"), Context(), outbound())
    with pytest.raises(UrlRefused):
        with_photos(edit("https://127.0.0.1/"), Context(), outbound())


def test_cancelled_while_fetching(site, outbound):
    import time

    site(lambda h: time.sleep(15))
    context = Context()

    def cancelled(progress):
        raise JobCancelled("cancelled")

    context.on_step, began = cancelled, time.monotonic()
    with pytest.raises(JobCancelled):
        with_photos(creation(Photo(name="a", url="https://photos.example/a.jpg")), context, outbound())
    assert time.monotonic() - began < 14.0 and context.amended == []


def test_what_counts_as_an_address(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"1")
    mixed = [
        tmp_path / "a.jpg",
        "https://x.example/a.jpg",
        Link("https://x.example/b%20c.png?k=1"),
        "https://x.example/",
    ]
    assert list(gather(mixed)) == [
        ("a.jpg", b"1"),
        ("a.jpg (2)", Link("https://x.example/a.jpg")),
        ("b c.png", Link("https://x.example/b%20c.png?k=1")),
        ("photo-4", Link("https://x.example/")),
    ]
    assert list(gather("https://x.example/a.jpg")) == [("a.jpg", Link("https://x.example/a.jpg"))]
    assert list(gather(str(tmp_path))) == [("a.jpg", b"1")]


def test_on_the_command_line(monkeypatch):
    """Addresses arrive as such, not as paths."""
    studio, asked = fake_studio(), []
    monkeypatch.setattr(make, "connect", lambda **_: studio)
    monkeypatch.setattr(
        studio.personas, "create", lambda name, photos, **_: asked.append(list(gather(photos))) or 1 / 0
    )
    url = "https://x.example/a.jpg"
    for given in ([url], [url, url]):
        CliRunner().invoke(app, ["create", "ana", *given])
    assert asked == [[("a.jpg", Link(url))], [("a.jpg", Link(url)), ("a.jpg (2)", Link(url))]]
    assert stem_of(url + "?key=a/b") == "a" and stem_of("photos/a.b.jpg") == "a.b"
