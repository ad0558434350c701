"""Which part each pixel of a picture belongs to, as its generator knows it."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

from .errors import InvalidRequest
from .results import ClassMap

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = "2f2f3f e8b796 7a4b2a 4f9bd9 f0c96a d95f6a 8f2f3f 6b4a8f c99a7a 5fae7f f2f2f2 3fd0c9".split()


class Segmentation:
    """`names[n]` is the part whose pixels have the number n."""

    def __init__(self, classes: ClassMap) -> None:
        self.names = tuple(classes.names)
        self.side = classes.side
        self.numbers: bytes = zlib.decompress(base64.b64decode(classes.data))  # side * side, row by row

    @property
    def image(self) -> Image:
        """A palette image of `side` px: its pixels are the numbers, its colours tell them apart."""
        from PIL import Image as pil

        image = pil.frombytes("P", (self.side, self.side), self.numbers)
        image.putpalette(bytes.fromhex("".join(COLOURS[n % len(COLOURS)] for n in range(len(self.names)))))
        return image

    def share(self, part: str) -> float:
        """Of the picture, in [0, 1]. Raises InvalidRequest for a part that there is not."""
        if part not in self.names:
            raise InvalidRequest(f"there is no part {part!r}; there are {', '.join(self.names)}", param="part")
        return self.numbers.count(self.names.index(part)) / len(self.numbers)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {self.share(name):.1%}" for name in self.names if self.share(name))
        return f"Segmentation({shown})"
