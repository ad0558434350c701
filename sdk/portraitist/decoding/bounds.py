"""What decoding a file would cost, from its bytes alone.

The number of pixels does not bound the work. A progressive JPEG goes over them once for each scan. A HEIC or AVIF picture may be
composed of larger ones. A header of millions of tiny parts takes minutes to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_PARTS = 100_000  # of a file; Pillow walks over them in Python, at 2 to 4 µs each. 100 MB of 4 kB chunks have 25,000
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_NO_RESTART = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # of which a picture may have millions
_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # TEM, restarts, SOI, EOI: no length follows (ITU-T T.81, B.1.1.3)
_EOI, _SOS, _IEND = 0xD9, 0xDA, b"IEND"
_KINDS = (b"hvc1", b"av01", b"grid", b"iden")  # what cameras and editors write; overlays and other coders they do not
_INSIDE = {b"meta": 4, b"iinf": 0, b"iprp": 0, b"ipco": 0}  # bytes before the first box inside
_ONCE = (b"meta", b"iinf", b"iprp", b"ipco", b"iref", b"pitm")
_DEEPEST = 3


class Unbounded(Exception):
    """It would cost too much, or nobody can tell. The message says what the file has too much of."""


def scans(jpeg: bytes) -> int:
    """How often a decoder goes over the picture: the scans up to the end of the first picture. Raises Unbounded."""
    at, count, parts = 2, 0, 0
    while True:
        found = (_NO_RESTART if count else _MARKER).search(jpeg, at)
        if count == 0:  # Pillow reads what stands between the segments before the first scan, byte by byte
            parts += (len(jpeg) if found is None else found.start()) - at
        parts += 1
        if parts > MAX_PARTS:
            raise Unbounded(f"more than {MAX_PARTS:,} segments")
        if found is None or (count and jpeg[found.end() - 1] == _EOI):  # before the first scan Pillow passes over it
            return count
        marker, at = jpeg[found.end() - 1], found.end()
        if marker not in _ALONE:
            count += marker == _SOS
            at += max(int.from_bytes(jpeg[at : at + 2], "big"), 2)


def check_chunks(png: bytes) -> None:
    """Raises Unbounded."""
    at = 8
    for _ in range(MAX_PARTS):
        if at + 8 > len(png) or png[at + 4 : at + 8] == _IEND:
            return
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    raise Unbounded(f"more than {MAX_PARTS:,} chunks")


def brands(data: bytes) -> frozenset[bytes]:
    """The brands that a file of ISO boxes (HEIC, AVIF) claims; none: it is of another kind."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), 1024)
    return frozenset((data[8:12], *(data[at : at + 4] for at in range(16, end, 4))))


def check_composition(heif: bytes, most: int) -> None:
    """Raises Unbounded where the primary picture of a HEIC or AVIF file needs more than `most` pixels to be decoded.

    Counted are its own pixels, and those of all parts of it and of its auxiliary pictures, as often as they are used."""
    try:
        found = _Items(heif)
    except IndexError:
        raise Unbounded("boxes that cannot be read") from None
    total, seen, waiting = 0, 0, [found.primary]
    while waiting:
        item = waiting.pop()
        kind = found.kinds.get(item, b"")
        if kind not in _KINDS:
            raise Unbounded(f"a picture of the kind {kind.decode('latin-1')!r}")
        total, seen = total + found.areas.get(item, 0), seen + 1
        waiting += found.parts.get(item, ())
        if total > most or seen + len(waiting) > MAX_PARTS:
            raise Unbounded(f"parts of more than {most // 10**6} million pixels in all")


class _Items:
    """The pictures of a file (ISO/IEC 23008-12): kinds, sizes, and which is composed of which."""

    def __init__(self, data: bytes) -> None:
        self.primary = 0
        self.kinds: dict[int, bytes] = {}
        self.areas: dict[int, int] = {}
        self.parts: dict[int, list[int]] = {}
        sizes: list[int] = []  # px, of each property; 0: it is no size
        properties: list[tuple[int, int]] = []  # (item, property, from 1)
        once: set[bytes] = set()
        for kind, body in _boxes(memoryview(data), 0):
            if kind in _ONCE:
                if kind in once:  # which one a decoder takes is not known
                    raise Unbounded(f"two boxes {kind.decode()!r}")
                once.add(kind)
            if kind == b"pitm":
                self.primary = _number(body, 4, 4 if body[0] else 2)
            elif kind == b"infe" and body[0] >= 2:
                wide = 4 if body[0] >= 3 else 2
                item = _number(body, 4, wide)
                if item in self.kinds:
                    raise Unbounded("two pictures of one number")
                self.kinds[item] = bytes(body[6 + wide : 10 + wide])
            elif kind == b"iref":
                self._refer(body)
            elif kind == b"ipma":
                properties += _associations(body)
            elif kind == b"property":
                sizes.append(0)
            elif kind == b"ispe":
                sizes.append(_number(body, 4, 4) * _number(body, 8, 4))
        for item, index in properties:
            if 1 <= index <= len(sizes):
                self.areas[item] = max(self.areas.get(item, 0), sizes[index - 1])

    def _refer(self, body: memoryview) -> None:
        wide = 4 if body[0] else 2
        for kind, inner in _boxes(body[4:], _DEEPEST):
            source, count = _number(inner, 0, wide), _number(inner, wide, 2)
            others = [_number(inner, 2 + wide * n, wide) for n in range(1, count + 1)]
            if kind == b"dimg":
                self.parts.setdefault(source, []).extend(others)
            elif kind == b"auxl":  # the auxiliary picture names what it belongs to
                for other in others:
                    self.parts.setdefault(other, []).append(source)


def _boxes(view: memoryview, depth: int) -> Iterator[tuple[bytes, memoryview]]:
    """(kind, body) of each box, then of those inside. What is no size inside `ipco` is called b"property": their order numbers them."""
    at, count = 0, 0
    while at + 8 <= len(view):
        size, kind, head = _number(view, at, 4), bytes(view[at + 4 : at + 8]), 8
        if size == 1:
            size, head = _number(view, at + 8, 8), 16
        size = size or len(view) - at
        if size < head:
            if depth == 0:
                return  # what cameras append
            raise Unbounded("boxes that cannot be read")
        body = view[at + head : at + size]
        yield kind, body
        if kind in _INSIDE and depth < _DEEPEST:
            skip = _INSIDE[kind] if kind != b"iinf" else 8 if body[0] else 6
            for found, content in _boxes(body[skip:], depth + 1):
                yield (b"property" if kind == b"ipco" and found != b"ispe" else found), content
        at, count = at + size, count + 1
        if count > MAX_PARTS:
            raise Unbounded(f"more than {MAX_PARTS:,} boxes")


def _associations(body: memoryview) -> Iterator[tuple[int, int]]:
    wide, long = 4 if body[0] else 2, body[3] & 1
    at = 8
    for _ in range(_number(body, 4, 4)):
        item, count = _number(body, at, wide), body[at + wide]
        at += wide + 1
        for _ in range(count):
            yield item, _number(body, at, 2) & 0x7FFF if long else body[at] & 0x7F
            at += 2 if long else 1


def _number(body: memoryview, at: int, wide: int) -> int:
    if at + wide > len(body):
        raise IndexError
    return int.from_bytes(body[at : at + wide], "big")
