"""Photos by address with a real worker: fetched once, kept as blobs, the same for every attempt."""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portraitist.errors import UrlRefused

from .processes import row


@pytest.fixture
def album(monkeypatch):
    """Answers every request differently; the worker that starts in this test may connect to it."""
    count = itertools.count(1)

    class Album(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"answer %d" % next(count))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Album)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("PORTRAITIST_ALLOW_ORIGINS", origin)
    yield origin
    server.shutdown()
    server.server_close()


def test_fetched_once_and_kept(album, studio):
    script = {"a.jpg": {"steps": 6, "dt": 0.01, "kill_at": 3, "kills": 1}}
    job = studio.personas.create("ana", [f"{album}/a.jpg?key=sekret", ("b.jpg", b"2"), f"{album}/c.jpg"], labels=script)
    ana = job.wait(timeout=120)
    done = row(studio, job)
    first, uploaded, third = done.request["photos"]
    assert done.attempts == 2 and "sekret" not in str(done.request)
    got = {studio._backend.sealed(ana.id).get(photo["blob"]) for photo in (first, third)}
    assert got == {b"answer 1", b"answer 2"}  # the second attempt asked for nothing
    assert (
        studio.personas.create(
            "ana", [f"{album}/a.jpg?key=sekret", ("b.jpg", b"2"), f"{album}/c.jpg"], labels=script
        ).id
        == job.id
    )
    assert ana.edit(f"{album}/d.jpg", yaw=3)
    with pytest.raises(UrlRefused, match="PORTRAITIST_ALLOW_ORIGINS"):
        ana.edit(album.replace("127.0.0.1", "localhost") + "/d.jpg", yaw=3)
    ana.delete()
    assert not studio._backend.store.has(first["blob"])
