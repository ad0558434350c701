"""`portraitist.verify(path)`: was this picture made here? By its signed metadata, and by its invisible mark."""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidImage, InvalidRequest
from .credentials import Credentials, read
from .search import MarkFound, find

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "WEBP")
_MOST_BYTES, _MOST_PIXELS = 100_000_000, 50_000_000
_LOOKED_AT = 2048  # px of the longer side; the mark has no finer detail in a picture so large


@dataclass(frozen=True)
class Verdict:
    """What a file's metadata and pixels say about where it comes from. Each layer can be there without the other: metadata gets lost
    when a picture is saved anew, the mark does not; a mark can be copied by whoever knows the key, a signature cannot."""

    credentials: Credentials
    mark: MarkFound

    @property
    def generated(self) -> bool:
        """Either layer says that the picture, or a part of it, was generated."""
        return self.mark.found or (self.credentials.state == "valid" and bool(self.credentials.made))

    def to_dict(self) -> dict[str, Any]:
        return {"generated": self.generated, "credentials": vars(self.credentials), "mark": vars(self.mark)}


def verify(picture: str | os.PathLike[str] | bytes, *, key: str | None = None) -> Verdict:
    """Look for signed metadata (C2PA) and the invisible mark in a JPEG, PNG or WebP file. `key`: look for another mark than that of
    $PORTRAITIST_MARK_KEY. Raises InvalidImage, and InvalidRequest where the packages for it are missing."""
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
    image, kind = _opened(data, name)
    return Verdict(read(data, kind), find(np.asarray(image), key=key))


def _bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise InvalidImage(f"{path} is no regular file; give a picture's", param=str(path))
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidImage(f"{path.name} has more than {_MOST_BYTES // 10**6} MB; scale it down", param=path.name)
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path} cannot be read: {error.strerror}; check the path", param=str(path)) from error


def _opened(data: bytes, name: str) -> tuple[Image, str]:
    """Upright, RGB, not larger than need be; and the MIME type."""
    from PIL import Image as pil
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Any = pil.open(io.BytesIO(data), formats=_FORMATS)
            kind = {"MPO": "image/jpeg"}.get(image.format, f"image/{image.format.lower()}")
            if image.width * image.height > _MOST_PIXELS:
                raise InvalidImage(f"{name} has more than {_MOST_PIXELS // 10**6} million pixels; scale it down", param=name)
            image = ImageOps.exif_transpose(image).convert("RGB")
            if max(image.size) > _LOOKED_AT:
                image.thumbnail((_LOOKED_AT, _LOOKED_AT), pil.Resampling.BOX)
    except InvalidImage:
        raise
    except Exception as error:  # a decoder fed with a stranger's bytes may raise anything
        raise InvalidImage(f"{name} is not a whole JPEG, PNG or WebP picture: {error}", param=name) from error
    return image, kind
