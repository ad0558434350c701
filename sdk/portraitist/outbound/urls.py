"""Reading a URL strictly. What one parser takes for a host and another for a path is refused, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, unquote, urljoin

from ..errors import UrlRefused

MAX_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(#.*)?", re.IGNORECASE | re.ASCII)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Target:
    """`host`: a lower-case ASCII name, or an IP address without brackets. `path`: with its query, percent-encoded."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """What goes into the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def name(self) -> str:
        """The last part of the path, as a file name for messages; may be empty."""
        last = unquote(self.path.partition("?")[0].rpartition("/")[2])
        return re.split(r"[/\\]", "".join(c for c in last if c.isprintable()))[-1][:100]

    def joined(self, location: str) -> Target:
        """Where a redirect leads. Raises UrlRefused."""
        return parse(urljoin(self.origin + self.path, location))


def parse(url: str) -> Target:
    """Raises UrlRefused, with a message that does not repeat the query (it may hold a key)."""
    if not isinstance(url, str) or len(url) > MAX_LENGTH:
        raise _refused("a URL", f"is no text of at most {MAX_LENGTH} characters")
    shown = repr(re.split(r"[?#]", url)[0][:100])
    if any(c <= " " or c in "\\\x7f" or "\ud800" <= c <= "\udfff" for c in url):  # the last: half characters
        raise _refused(shown, "holds spaces, control characters or backslashes; percent-encode them")
    if (found := _URL.fullmatch(url)) is None:
        raise _refused(shown.split("@")[-1], "is not of the form https://host/path")
    if "@" in found["authority"]:
        raise _refused(repr(f"{found['scheme']}://…@…"), "holds a user name; give an address without one")
    if (authority := _AUTHORITY.fullmatch(found["authority"])) is None:
        raise _refused(shown, "has no valid host; write names outside ASCII as xn--…")
    scheme = found["scheme"].lower()
    port = int(authority["port"]) if authority["port"] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        raise _refused(shown, "has no valid port")
    path = quote(found["rest"], safe="/?&=%:;,+$!*'()@~-._[]|")
    if not path.startswith("/"):
        path = "/" + path
    return Target(scheme, _host(authority["host"].lower(), shown), port, path)


def _host(text: str, shown: str) -> str:
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        name = text.removesuffix(".")
        if _NUMERIC.fullmatch(name.rpartition(".")[2]):  # 2130706433, 0x7f.1, 0177.0.0.1: read by some as 127.0.0.1
            return str(IPv4Address(name))
    except AddressValueError:
        raise _refused(
            shown, "has a host that is no plain IP address; write it as 192.0.2.1 or [2001:db8::1]"
        ) from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise _refused(shown, "has no valid host name")
    return name


def _refused(what: str, why: str) -> UrlRefused:
    return UrlRefused(f"{what} {why}", param="url")
