"""Colour profiles made from their definition, and what colours they mean, computed without a colour management library."""

from __future__ import annotations

import struct

import numpy as np

# Columns: red, green, blue in XYZ relative to D50, as profiles hold them.
PRIMARIES = {
    "sRGB": [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]],
    "Display P3": [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
    "Adobe RGB": [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]],
}
_WHITE = (0.9642, 1.0, 0.8249)


def profile(name: str) -> bytes:
    """ICC, of a display."""
    if name == "Adobe RGB":
        curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 563)  # gamma 2.19921875
    else:  # sRGB's curve, parametric type 3
        numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        curve = b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *(round(n * 65536) for n in numbers))
    curve += bytes(-len(curve) % 4)
    colorants = zip((b"rXYZ", b"gXYZ", b"bXYZ"), np.transpose(PRIMARIES[name]), strict=True)
    tags = [
        (b"wtpt", _xyz(_WHITE)),
        *((kind, _xyz(values)) for kind, values in colorants),
        *((kind, curve) for kind in (b"rTRC", b"gTRC", b"bTRC")),
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0\0\0\0"),
    ]
    return _icc(tags)


def _icc(tags: list[tuple[bytes, bytes]]) -> bytes:
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for kind, content in tags:
        content += bytes(-len(content) % 4)
        table += kind + struct.pack(">II", at + len(body), len(content))
        body += content
    head = (
        struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x04000000, b"mntr", b"RGB ", b"XYZ ")
        + bytes(12)
        + b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in _WHITE))
    return head + bytes(128 - len(head)) + table + body


def _xyz(values) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def encoded_in(pixels: np.ndarray, name: str) -> np.ndarray:
    """sRGB pixels [H, W, 3] uint8 as the same colours in another space."""
    level = pixels / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    linear = linear @ np.array(PRIMARIES["sRGB"]).T @ np.linalg.inv(PRIMARIES[name]).T
    linear = linear.clip(0, 1)
    if name == "Adobe RGB":
        level = linear ** (1 / 2.19921875)
    else:
        level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(level * 255).astype(np.uint8)
