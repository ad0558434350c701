"""Tricks with where an answer ends: none makes the client read more than it may, wait, or take two answers for one."""

import resource
import socket
import threading
import time

import pytest

from portraitist.errors import DownloadFailed
from portraitist.outbound.client import Outbound

ORIGIN = "http://photos.example"
LIMIT = 2**20
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Raw:
    """Answers one connection with `head` and `start`, then with `again` until the client has had enough or 64 MiB are sent."""

    def __init__(self, head, start, again):
        self.sent = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(head, start, again), daemon=True)
        self._thread.start()

    def _serve(self, head, start, again):
        peer, _ = self._server.accept()
        with peer, self._server:
            peer.recv(1 << 16)
            again = again * max(1, 2**16 // len(again)) if again else b""
            try:
                peer.sendall(b"HTTP/1.1 " + head + start)
                while again and self.sent < 64 * LIMIT:
                    peer.sendall(again)
                    self.sent += len(again)
            except OSError:
                pass

    def end(self):
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


def fetch(head, start=b"", again=b"", status=b"200 OK", post=False):
    """What came; `fetch.sent`: the bytes that the server got rid of."""
    server = Raw(status + b"\r\n" + head, start, again)

    def connect(address, timeout):
        return socket.create_connection(("127.0.0.1", server.port), timeout)

    client = Outbound(allow_origins=(ORIGIN,), resolve=lambda host, port: ["127.0.0.1"], connect=connect)
    try:
        if post:
            return client.post(ORIGIN, b"{}", {}, timeout_s=60.0)
        return client.get(ORIGIN, max_bytes=LIMIT, timeout_s=60.0)
    finally:
        server.end()
        fetch.sent = server.sent


PLAIN = {
    "chunks": (CHUNKED + b"\r\n", b'3\r\nabc\r\n2;name="value"\r\nde\r\n0\r\n\r\n', b"abcde"),
    "capital and zeros": (CHUNKED + b"\r\n", b"00A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "trailers": (CHUNKED + b"\r\n", b"1\r\na\r\n0\r\nX-Check: 1\r\nContent-Length: 99\r\n\r\n", b"a"),
    "capital coding": (b"Transfer-Encoding: Chunked\r\n\r\n", b"1\r\na\r\n0\r\n\r\n", b"a"),
    "a length": (b"Content-Length: 2\r\n\r\n", b"abXX", b"ab"),
    "an end": (b"\r\n", b"abc", b"abc"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain_is_read(name):
    head, start, expected = PLAIN[name]
    assert fetch(head, start) == expected


SIZES = [
    b"-1",
    b"+1",
    b" 1",
    b"1 ",
    b"\t1",
    b"1_0",
    b"0x1",
    b"0X1",
    b"",
    b"g",
    b"1.",
    b"1\r",
    b"\xd9\xa1",
    b"-0",
    b"1,1",
    b"f" * 17,
]


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_size_is_hexadecimal_digits(size):
    with pytest.raises(DownloadFailed, match="nonsense"):
        fetch(CHUNKED + b"\r\n", size + b"\r\na\r\n0\r\n\r\n")


ODD = {
    "both lengths": (CHUNKED + b"Content-Length: 1\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "two lengths": (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"ab"),
    "a list of lengths": (b"Content-Length: 1, 1\r\n\r\n", b"a"),
    "a negative length": (b"Content-Length: -1\r\n\r\n", b"a"),
    "a signed length": (b"Content-Length: +1\r\n\r\n", b"a"),
    "underscores": (b"Content-Length: 1_0\r\n\r\n", b"0123456789"),
    "other digits": (b"Content-Length: \xb2\r\n\r\n", b"ab"),
    "two codings": (b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "chunked twice": (CHUNKED + CHUNKED + b"\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "another coding": (b"Transfer-Encoding: xchunked\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "a folded coding": (b"Transfer-Encoding:\r\n identity, chunked\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "a space before the colon": (b"Transfer-Encoding : chunked\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"),
    "bare line feeds": (CHUNKED + b"\r\n", b"1\na\n0\n\n"),
    "a chunk longer than said": (CHUNKED + b"\r\n", b"1\r\nabc\r\n0\r\n\r\n"),
    "a long line": (CHUNKED + b"\r\n", b"1;" + b"x" * 2000 + b"\r\na\r\n0\r\n\r\n"),
    "no last chunk": (CHUNKED + b"\r\n", b"1\r\na\r\n"),
    "an end within a chunk": (CHUNKED + b"\r\n", b"5\r\nab"),
    "an end within a size": (CHUNKED + b"\r\n", b"5"),
    "an end after a chunk": (CHUNKED + b"\r\n", b"1\r\na"),
    "an end before the length": (b"Content-Length: 5\r\n\r\n", b"ab"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_unclear_or_cut_off_is_refused(name):
    with pytest.raises(DownloadFailed, match="nonsense|broke off"):
        fetch(*ODD[name])


ENDLESS = {
    "a size of -1": (CHUNKED + b"\r\n", b"-1\r\n", b"x"),
    "a huge size": (CHUNKED + b"\r\n", b"7fffffffffffffff\r\n", b"x"),
    "a huge length": (b"Content-Length: 999999999999999999\r\n\r\n", b"", b"x"),
    "small chunks": (CHUNKED + b"\r\n", b"", b"1\r\nx\r\n"),
    "extensions": (CHUNKED + b"\r\n", b"", b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
    "trailers": (CHUNKED + b"\r\n", b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
    "no length": (b"\r\n", b"", b"x"),
    "headers": (b"", b"", b"X-A: b\r\n"),
    "one header": (b"X-A: ", b"", b"x"),
    "folded lines": (b"X-A: b\r\n", b"", b" x" * 1000 + b"\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_does_not_end_is_cut_at_the_socket(name):
    """The kernel's buffers hold some megabytes, of 64."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    try:
        assert fetch(*ENDLESS[name]) == b"x"
        assert name == "trailers"  # which are not read
    except DownloadFailed:
        assert name != "trailers"
    assert fetch.sent < 24 * LIMIT and time.monotonic() - began < 40
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024  # KiB


@pytest.mark.parametrize("post", [False, True])
def test_interim_answers_without_end(post):
    """http.client skips "100 Continue" for as long as it comes."""
    with pytest.raises(DownloadFailed, match="a head without end" if post else "more than 1 MiB"):
        fetch(b"\r\n", again=b"HTTP/1.1 100 Continue\r\n\r\n", status=b"100 Continue", post=post)
    assert fetch.sent < 24 * LIMIT
