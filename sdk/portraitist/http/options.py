"""What an operator may choose, and the limits of what a request may be."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

PORT = 8321
MIB = 2**20


@dataclass(frozen=True)
class Options:
    """`hosts`: names under which the server may be asked for, beside its own addresses on loopback. `origins`: other pages' origins
    that browsers may call from."""

    host: str = "127.0.0.1"
    port: int = PORT
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    rate: float = 600.0  # requests a minute and key, where the key says nothing else
    upload_bytes: int = 512 * MIB  # of one request with photos
    json_bytes: int = 2 * MIB  # of any other request
    files: int = 200  # in one request
    header_bytes: int = 32_768  # of all headers of a request
    header_s: float = 10.0  # for a request's line and headers to arrive
    body_s: float = 15.0  # for its body, and ...
    body_rate: float = 16_384.0  # ... a second more for so many bytes
    read_s: float = 60.0  # for the other side to read on, once the connection is full of what was sent
    wait_s: float = 60.0  # the longest `Prefer: wait`
    threads: int = 8  # for calls that block a moment: ledger, store
    slow_threads: int = 4  # for those that take longer: sealing uploads, looking for marks
    connections: int = 4096

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def names(self) -> frozenset[str]:
        """Values of the Host header that are answered; empty: any. On loopback every other name is one that somebody pointed here
        (DNS rebinding)."""
        if not self.loopback:
            return frozenset(self.hosts)
        own = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset(own | set(self.hosts))
