"""Small files whose decoding would take minutes: one JPEG, PNG and HEIC each."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def many_scans(scans: int = 20_000, side: int = 7000) -> bytes:
    """A progressive JPEG whose last scan, which changes nothing, is repeated."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def many_segments(count: int = 1_000_000) -> bytes:
    """A JPEG with empty comments before the picture."""
    file = io.BytesIO()
    Image.new("L", (64, 64), 128).save(file, "JPEG")
    return file.getvalue()[:2] + b"\xff\xfe\x00\x02" * count + file.getvalue()[2:]


def much_padding(count: int = 10_000_000, before: bytes = b"") -> bytes:
    """A JPEG with padding between its segments."""
    file = io.BytesIO()
    Image.new("L", (64, 64), 128).save(file, "JPEG")
    return file.getvalue()[:20] + before + bytes(count) + file.getvalue()[20:]


def many_chunks(count: int = 1_000_000) -> bytes:
    """A PNG with empty chunks that no reader knows."""
    file = io.BytesIO()
    Image.new("L", (64, 64), 128).save(file, "PNG")
    empty = struct.pack(">I", 0) + b"aaAa" + struct.pack(">I", zlib.crc32(b"aaAa"))
    return file.getvalue()[:33] + empty * count + file.getvalue()[33:]


def many_tiles(tiles: int, side: int = 512, shown: int = 100, kind: bytes = b"grid") -> bytes:
    """A HEIC picture of `shown` px a side that is composed of one picture of `side` px, `tiles` times over."""
    from pillow_heif import from_pillow

    file = io.BytesIO()
    from_pillow(Image.new("RGB", (side, side), (200, 30, 40))).save(file, quality=50)
    data = file.getvalue()
    start = data.index(b"hvcC") - 4
    coder = data[start : start + struct.unpack_from(">I", data, start)[0]]
    stream = data[data.index(b"mdat") + 4 :]
    rows, columns = -(-tiles // 256), min(tiles, 256)
    how = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, shown, shown)
    if kind == b"iovl":
        how = struct.pack(">BB4HHH", 0, 0, 0, 0, 0, 0, shown, shown) + bytes(4 * tiles)
    sizes = [_full(b"ispe", 0, struct.pack(">II", n, n)) for n in (shown, side)]
    depths = _full(b"pixi", 0, bytes([3, 8, 8, 8]))
    properties = _box(
        b"iprp",
        _box(b"ipco", sizes[0], coder, sizes[1], depths),
        _full(b"ipma", 0, struct.pack(">I", 2), b"\0\1\2\1\4", b"\0\2\3\x82\3\4"),
    )
    items = _full(b"iinf", 0, struct.pack(">H", 2), _item(1, kind), _item(2, b"hvc1"))
    uses = _full(b"iref", 0, _box(b"dimg", struct.pack(">HH", 1, tiles), struct.pack(">H", 2) * tiles))

    def meta(at: int) -> bytes:
        where = struct.pack(">HHHHHII", 2, 1, 1, 0, 1, 0, len(how)) + struct.pack(
            ">HHHHII", 2, 0, 0, 1, at, len(stream)
        )
        places = _full(b"iloc", 1, b"\x44\0", where)
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, b"\0\1"),
            places,
            items,
            properties,
            uses,
            _box(b"idat", how),
        )

    beginning = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return beginning + meta(len(beginning) + len(meta(0)) + 8) + _box(b"mdat", stream)


def _box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I", 8 + sum(map(len, content))) + kind + b"".join(content)


def _full(kind: bytes, version: int, *content: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *content)


def _item(number: int, kind: bytes) -> bytes:
    return _full(b"infe", 2, struct.pack(">HH", number, 0), kind, b"\0")
