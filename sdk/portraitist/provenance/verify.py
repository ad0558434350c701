"""`portraitist.verify(path)`: was this picture made here? By its signed metadata, and by its invisible mark."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidImage, InvalidRequest, printable
from .credentials import Credentials, read
from .search import MarkFound, find

_LOOKED_AT = 2048  # px of the longer side; the mark has no finer detail in a picture so large


@dataclass(frozen=True)
class Verdict:
    """What a file's metadata and pixels say about where it comes from. Each layer can be there without the
    other. Saving a picture again loses the metadata, but not the mark. Whoever has a marked picture can copy its mark, but not its
    signature."""

    credentials: Credentials
    mark: MarkFound

    @property
    def generated(self) -> bool:
        """Either layer says that the picture, or a part of it, was generated."""
        return self.mark.found or (self.credentials.state == "valid" and bool(self.credentials.made))

    def to_dict(self) -> dict[str, Any]:
        return {"generated": self.generated, "credentials": vars(self.credentials), "mark": vars(self.mark)}


def verify(picture: str | os.PathLike[str] | bytes, *, key: str | None = None) -> Verdict:
    """Look for signed metadata (C2PA) and the invisible mark in a JPEG, PNG, WebP, AVIF or HEIC file. `key`: look for another mark than
    that of $PORTRAITIST_MARK_KEY. Raises InvalidImage, and InvalidRequest where the packages for it are missing."""
    name = "picture" if isinstance(picture, bytes) else Path(picture).name
    data = picture if isinstance(picture, bytes) else _bytes(Path(picture).expanduser())
    try:
        import c2pa  # noqa: F401
        import numpy as np
    except ImportError as error:
        raise InvalidRequest(
            f"verifying a picture needs packages that are missing ({error}); run `pip install 'portraitist[provenance]'`",
            param="picture",
        ) from error
    from PIL.Image import Resampling

    from ..decoding.door import open_picture

    opened = open_picture(data, name)
    image = opened.image
    if max(image.size) > _LOOKED_AT:
        image.thumbnail((_LOOKED_AT, _LOOKED_AT), Resampling.BOX)
    return Verdict(read(data, opened.mime), find(np.asarray(image), key=key))


def _bytes(path: Path) -> bytes:
    from ..decoding.door import MAX_BYTES, too_many_bytes

    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise InvalidImage(f"{printable(str(path))} is not a regular file; give a picture's", param=str(path))
        if path.stat().st_size > MAX_BYTES:
            raise too_many_bytes(path.name, path.stat().st_size)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise InvalidImage(f"{printable(str(path))} cannot be read: {why}; check the path", param=str(path)) from error
