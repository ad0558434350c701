"""Which IP addresses belong to the public internet. An allow-list for IPv6, a block-list for the old, full IPv4 space.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 reaches the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent: public by number, local by routing
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # everything public lies in it; loopback, ULA, link-local, multicast do not
_NOT_PUBLIC_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: hides an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
_MAPPED = IPv6Network("::ffff:0:0/96")  # ::ffff:10.0.0.1 is 10.0.0.1
_NAT64 = IPv6Network("64:ff9b::/96")  # how hosts without IPv4 reach it; the last 32 bits are the address
_ISATAP = 0x0000_5EFE  # bits 32 to 63 of an interface that hides an IPv4 address (the universal bit may be set)


def is_public(address: str) -> bool:
    """Whether `address` (as getaddrinfo gives it) is one that anybody on the internet could connect to."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip in _MAPPED or ip in _NAT64:
            return _public_4(IPv4Address(int(ip) & 0xFFFF_FFFF))
        return _public_6(ip)
    return _public_4(ip)


def _public_4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in _NOT_PUBLIC)


def _public_6(ip: IPv6Address) -> bool:
    isatap = (int(ip) >> 32) & 0xFDFF_FFFF == _ISATAP
    return ip.scope_id is None and ip in _GLOBAL_UNICAST and not isatap and not any(ip in net for net in _NOT_PUBLIC_6)
