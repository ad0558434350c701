"""Downloads against a server of our own that cuts, lies and changes its mind."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portraitist.errors import DownloadFailed
from portraitist.priors.download import download

BODY = bytes(range(256)) * 12_000  # 3 MB
SHA = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """`body`, `etag`, `cut` (bytes after which a connection ends, per request), `ranges` (whether it knows Range)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.cuts, self.ranges, self.seen = BODY, '"1"', [], True, []
        self.status = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/files/ffhq.pkl"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.seen.append(wanted)
        if server.status:
            return self.send_error(server.status)
        first = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(server.body) - first))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(server.body[first : None if cut is None else first + cut])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    found = Server()
    yield found
    found.shutdown()
    found.server_close()


def fetch(server, tmp_path, **kwargs):
    return download(server.url, tmp_path / "f", pause_s=0.0, **kwargs)


def test_whole(server, tmp_path):
    told = []
    assert (
        fetch(server, tmp_path, sha256=SHA, size=len(BODY), on_bytes=lambda have, total: told.append((have, total)))
        == SHA
    )
    assert (tmp_path / "f").read_bytes() == BODY and [p.name for p in tmp_path.iterdir()] == ["f"]
    assert told[-1] == (len(BODY), len(BODY)) and told == sorted(told)


def test_cut_connections_go_on(server, tmp_path):
    server.cuts = [1_000_000, 500_000, 0, 1]
    assert fetch(server, tmp_path, sha256=SHA) == SHA
    assert server.seen == [None, "bytes=1000000-", "bytes=1500000-", "bytes=1500000-", "bytes=1500001-"]


def test_a_later_call_goes_on(server, tmp_path):
    server.cuts = [700_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed, match="goes on where it was"):
        fetch(server, tmp_path)
    assert (tmp_path / "f.part").stat().st_size == 700_000 and not (tmp_path / "f").exists()
    server.cuts = []
    assert fetch(server, tmp_path, sha256=SHA) == SHA and server.seen[-1] == "bytes=700000-"


def test_a_whole_part_is_not_fetched_again(server, tmp_path):
    server.cuts = [700_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch(server, tmp_path)
    (tmp_path / "f.part").write_bytes(BODY)
    before = len(server.seen)
    assert fetch(server, tmp_path, sha256=SHA) == SHA and len(server.seen) == before


def test_a_file_that_changed_begins_anew(server, tmp_path):
    server.cuts = [700_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed):
        fetch(server, tmp_path)
    server.cuts, server.body, server.etag = [], BODY[::-1], '"2"'
    assert fetch(server, tmp_path) == hashlib.sha256(BODY[::-1]).hexdigest()


@pytest.mark.parametrize("etag, ranges", [(None, True), ('W/"1"', True), ('"1"', False)])
def test_without_ranges_or_validator_it_begins_anew(server, tmp_path, etag, ranges):
    server.etag, server.ranges, server.cuts = etag, ranges, [1_000_000]
    assert fetch(server, tmp_path, sha256=SHA) == SHA


def test_wrong_bytes_are_thrown_away(server, tmp_path):
    with pytest.raises(DownloadFailed, match="SHA-256"):
        fetch(server, tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DownloadFailed, match="expected 5"):
        fetch(server, tmp_path, size=5)


@pytest.mark.parametrize("status, tries", [(404, 1), (403, 1), (500, 5), (429, 5)])
def test_errors_of_the_server(server, tmp_path, status, tries):
    server.status = status
    with pytest.raises(DownloadFailed):
        fetch(server, tmp_path)
    assert len(server.seen) == tries


def test_no_network(tmp_path):
    with pytest.raises(DownloadFailed, match="check the network"):
        download("http://127.0.0.1:1/f", tmp_path / "f", pause_s=0.0)
