"""GET and POST to public addresses only, within limits of time and size.

A name is resolved once. If any of its addresses is not public, it is refused. Otherwise the connection goes to one of *these*
addresses. So a second answer of the name server (DNS rebinding) does not matter. TLS checks the certificate against the name. A
redirect is a new address and goes the same way. Python's own http.client sends the request and reads the head. Unlike the usual
libraries, it reads no proxy, netrc or other settings from the environment. It follows nothing and retries nothing.
`framing` reads the body.
"""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from ..errors import DownloadFailed, UrlRefused
from . import framing
from .addresses import is_public
from .urls import Target, parse

ALLOW_ORIGINS = (
    "PORTRAITIST_ALLOW_ORIGINS"  # environment: origins, with spaces between, that may be private, http, any port
)
MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_USER_AGENT = "portraitist"

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in lower case


class Outbound:
    """`allow_origins`: as "http://hooks.internal:8080"; exempt from every rule about schemes, ports and addresses, so list only
    what every tenant may reach. `resolve`, `connect` and `tls` are for tests."""

    def __init__(
        self,
        *,
        allow_origins: tuple[str, ...] = (),
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._origins = frozenset(parse(origin).origin for origin in allow_origins)
        self._resolve = resolve or system_resolve
        self._connect = connect
        self._tls = tls

    @classmethod
    def from_environment(cls) -> Outbound:
        return cls(allow_origins=tuple(os.environ.get(ALLOW_ORIGINS, "").split()))

    def get(self, url: str, *, max_bytes: int, timeout_s: float) -> bytes:
        """The body of a 200 answer, after at most MAX_REDIRECTS redirects. Raises UrlRefused, DownloadFailed."""
        deadline, target = time.monotonic() + timeout_s, parse(url)
        for _ in range(1 + MAX_REDIRECTS):
            with self._exchange("GET", target, deadline, {"Accept": "image/*"}, None, max_bytes=max_bytes) as response:
                if response.status in _REDIRECTS and (location := response.getheader("Location")):
                    target = target.joined(location)
                    continue
                if response.status != 200:
                    raise DownloadFailed(
                        f"{target.origin} answered {response.status} instead of the file; check the address"
                    )
                if response.getheader("Content-Encoding", "identity") != "identity":
                    raise DownloadFailed(f"{target.origin} sent a packed file, which was not asked for")
                return _limited(response, max_bytes)
        raise DownloadFailed(f"{parse(url).origin} redirects more than {MAX_REDIRECTS} times; give the final address")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Response:
        """The answer's head; redirects are not followed, the answer's body is not read. Raises UrlRefused, DownloadFailed."""
        with self._exchange("POST", parse(url), time.monotonic() + timeout_s, headers, body) as response:
            return Response(response.status, {name.lower(): value for name, value in response.getheaders()})

    # --------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _exchange(
        self,
        method: str,
        target: Target,
        deadline: float,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        max_bytes: int = 0,
    ) -> Iterator[HTTPResponse]:
        """One request on a connection of its own, whose answer may have a body of `max_bytes`. At the deadline the connection is
        cut, whatever it is doing."""
        addresses = self._addresses(target, deadline)
        late = threading.Event()
        connection: Any = HTTPConnection(target.host, target.port)  # Any: its socket is not the library's
        try:
            raw = self._open(addresses, target.port, deadline)
            cut = _Cut(raw, deadline, late)
            try:
                if target.scheme == "https":
                    raw = self._context.wrap_socket(raw, server_hostname=target.host)
                connection.sock = framing.Capped(raw, framing.HEAD_BYTES + max_bytes + max_bytes // 16)
                connection.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
                sent = {
                    "Host": target.netloc,
                    "User-Agent": _USER_AGENT,
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                }
                if body is not None:
                    sent["Content-Length"] = str(len(body))
                for name, value in {**sent, **headers}.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                with connection.getresponse() as response:
                    yield response
                if late.is_set():  # the end that was read was our own cut
                    raise TimeoutError
            finally:
                cut.release()
                raw.close()
        except framing.TooMuch as error:
            much = (
                f"sent more than {max_bytes // 2**20} MiB; give a smaller file"
                if max_bytes
                else "sends a head without end"
            )
            raise DownloadFailed(f"{target.origin} {much}") from error
        except (
            OSError,
            HTTPException,
            ValueError,
            EOFError,
        ) as error:  # ValueError: what http.client and ssl make of odd bytes
            if late.is_set() or isinstance(error, TimeoutError):
                raise DownloadFailed(f"{target.origin} took too long") from error
            if isinstance(error, EOFError):  # the server named a length and sent less
                raise DownloadFailed(f"{target.origin} broke off; try again") from error
            why = str(error) or type(error).__name__
            raise DownloadFailed(f"{target.origin} cannot be reached or talks nonsense: {why[:200]}") from error
        finally:
            connection.close()

    def _addresses(self, target: Target, deadline: float) -> list[str]:
        """Those that may be connected to. Messages never name them: they would map the private network for a stranger."""
        trusted = target.origin in self._origins
        if not trusted and (target.scheme != "https" or target.port != 443):
            raise UrlRefused(f"{target.origin}: only https on port 443 is connected to; {_REMEDY}", param="url")
        addresses = self._resolved(target, deadline)
        if not addresses:
            raise DownloadFailed(f"{target.origin}: the name cannot be resolved; check the address")
        if not trusted and not all(is_public(address) for address in addresses):
            raise UrlRefused(f"{target.origin} is not on the public internet; {_REMEDY}", param="url")
        return addresses

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()

    def _resolved(self, target: Target, deadline: float) -> list[str]:
        """Empty when there is no answer in time. The operating system's resolver cannot be interrupted, only left alone."""
        answer: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put(self._resolve(target.host, target.port))
            except (OSError, UnicodeError):  # no such name; a name that no resolver accepts
                answer.put([])

        threading.Thread(target=run, name="portraitist-resolve", daemon=True).start()
        try:
            return answer.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return []

    def _open(self, addresses: list[str], port: int, deadline: float) -> socket.socket:
        error: OSError = TimeoutError()
        for address in addresses:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            try:
                return self._connect((address, port), left)
            except OSError as failed:
                error = failed
        raise error


def _limited(response: HTTPResponse, max_bytes: int) -> bytes:
    """The whole body. Raises what `framing.body` does, and `framing.TooMuch`."""
    parts, size = [], 0
    for part in framing.body(response):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise framing.TooMuch
    return b"".join(parts)


_REMEDY = f"the operator can allow an origin with {ALLOW_ORIGINS}"


class _Cut:
    """Shuts the connection at the deadline. Time limits of single reads would let a server drip for ever."""

    def __init__(self, sock: socket.socket, deadline: float, late: threading.Event) -> None:
        self._copy, self._late = sock.dup(), late  # of the descriptor: TLS is set up on the original meanwhile
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._shut)
        self._timer.daemon = True
        self._timer.start()

    def _shut(self) -> None:
        self._late.set()
        try:
            self._copy.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was over

    def release(self) -> None:
        self._timer.cancel()
        self._timer.join()
        self._copy.close()


def system_resolve(host: str, port: int) -> list[str]:
    """By the operating system, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
