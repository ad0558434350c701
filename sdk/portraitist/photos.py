"""What a caller may hand over as a photo, and turning it into (name, bytes). Nothing is decoded here; the worker does that.

A photo is a path, bytes, a (name, bytes) pair, a file opened for reading, a PIL image, or an https address, which the worker
fetches. Names are for messages only.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

from .errors import InvalidImage, InvalidRequest, printable
from .outbound.urls import parse
from .requests import Photo

if TYPE_CHECKING:
    from PIL.Image import Image

    from .submission import Uploads

PhotoLike: TypeAlias = "str | Link | os.PathLike[str] | bytes | tuple[str, bytes] | IO[bytes] | Image"

MAX_BYTES = 64 * 2**20  # one file
MAX_PHOTOS = 1000
MAX_LINKS = 100  # photos by address in one call
# What we look for in a folder. The worker decides by content; a wrong suffix is its business to refuse, with a reason.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .gif .tif .tiff .heic .heif .avif .jp2 .psd .ico .tga".split()
)

_SCHEME = re.compile(
    r"\s*[a-z][a-z0-9+.-]+:/", re.IGNORECASE
)  # also of those that Link refuses; never taken for a path


@dataclass(frozen=True)
class Link:
    """A photo by its https address, which the worker fetches. Wrap what users give you: plain text may also be a path of yours.

    Raises UrlRefused for what is no http or https address; whether it may be connected to, the worker decides."""

    url: str

    def __post_init__(self) -> None:
        parse(self.url)


def stored(uploads: Uploads, name: str, source: bytes | Link, labels: dict[str, float] | None = None) -> Photo:
    """As it goes into a request: uploaded, or as an address."""
    if isinstance(source, Link):
        return Photo(name=name, url=source.url, labels=labels or {})
    return Photo(name=name, blob=uploads.add(source), labels=labels or {})


def gather(photos: PhotoLike | Iterable[PhotoLike]) -> Iterator[tuple[str, bytes | Link]]:
    """All photos of a folder (its files with a picture's suffix, by name), of a list of photos and folders, or the one that is given.
    One after the other, so that a big folder need not fit into memory."""
    given: Iterable[PhotoLike]
    if _is_single(photos) or isinstance(photos, (str, os.PathLike)):
        given = [cast("PhotoLike", photos)]
    elif isinstance(photos, Iterable) and not isinstance(photos, Mapping):
        given = cast("Iterable[PhotoLike]", photos)
    else:
        raise InvalidRequest(
            f"photos is a {type(photos).__name__}; expected a folder, or a list of paths, bytes, (name, bytes) pairs or PIL images",
            param="photos",
        )
    seen: dict[str, int] = {}
    links = 0
    for count, item in enumerate((item for photo in given for item in _in(photo)), 1):
        if count > MAX_PHOTOS:
            raise InvalidRequest(
                f"more than {MAX_PHOTOS} photos; one persona takes no more, pick the best", param="photos"
            )
        name, data = read(item, default=f"photo-{count}")
        links += isinstance(data, Link)
        if links > MAX_LINKS:
            raise InvalidRequest(f"more than {MAX_LINKS} photos by address in one call; pick the best", param="photos")
        # Verdicts speak of photos by name, so two files of one name (from different folders) must differ: a.jpg, a.jpg (2).
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), data
    if not seen:
        raise InvalidRequest("photos is empty; give at least 3 photos of the person, better 10 to 20", param="photos")


def read(photo: Any, *, default: str = "photo") -> tuple[str, bytes | Link]:
    """(name, bytes or address) of one photo. Raises InvalidImage naming it when it cannot be read, is empty or too large."""
    if _is_address(photo):
        link = photo if isinstance(photo, Link) else Link(photo)
        return parse(link.url).name or default, link
    return read_bytes(photo, default=default)


def read_bytes(photo: Any, *, default: str = "photo") -> tuple[str, bytes]:
    """As `read`, for what must be at hand."""
    if isinstance(photo, (str, os.PathLike)):
        path = Path(photo).expanduser()
        return path.name, _read_file(path)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return default, _checked(default, bytes(photo))
    if isinstance(photo, tuple) and len(photo) == 2 and isinstance(photo[0], str) and isinstance(photo[1], bytes):
        name = Path(photo[0].replace("\\", "/")).name or default
        return name, _checked(name, photo[1])
    if hasattr(photo, "read"):
        name = Path(str(getattr(photo, "name", default))).name
        data = photo.read(MAX_BYTES + 1)
        if not isinstance(data, bytes):
            raise InvalidRequest(f"{printable(name)} was opened as text; open it with mode 'rb'", param=name)
        return name, _checked(name, data)
    if hasattr(photo, "save") and hasattr(photo, "mode"):  # a PIL image; PIL itself is not imported for asking
        name = Path(getattr(photo, "filename", "") or default).name
        return name, _checked(name, _png(photo))
    raise InvalidRequest(
        f"{default} is a {type(photo).__name__}; expected a path, bytes, a (name, bytes) pair, an open file or a PIL image",
        param=default,
    )


def _png(image: Image) -> bytes:
    """Upright; its colour profile stays with it."""
    from PIL import ImageOps

    upright, file = ImageOps.exif_transpose(image), io.BytesIO()
    plain = upright if upright.mode in ("RGB", "RGBA", "L") else upright.convert("RGB")
    plain.save(file, "PNG", compress_level=1, icc_profile=image.info.get("icc_profile"))
    return file.getvalue()


def _is_address(photo: object) -> bool:
    return isinstance(photo, Link) or (isinstance(photo, str) and _SCHEME.match(photo) is not None)


def _is_single(photos: object) -> bool:
    pair = (
        isinstance(photos, tuple) and len(photos) == 2 and isinstance(photos[0], str) and isinstance(photos[1], bytes)
    )
    readable = isinstance(photos, (bytes, bytearray, memoryview)) or hasattr(photos, "read") or hasattr(photos, "save")
    return pair or readable or _is_address(photos)


def _in(photo: PhotoLike) -> Iterable[PhotoLike]:
    """The pictures in a folder, or the photo itself."""
    if not isinstance(photo, (str, os.PathLike)) or _is_address(photo):
        return [photo]
    path = Path(photo).expanduser()
    return in_folder(path) if path.is_dir() else [photo]


def in_folder(folder: Path) -> list[Path]:
    """Its picture files, by name. Raises InvalidRequest where there are none."""
    try:
        found = _pictures(folder)
    except OSError as error:
        raise InvalidRequest(
            f"cannot list the folder {printable(str(folder))}: {error.strerror}; check its permissions", param="photos"
        ) from error
    if not found:
        raise InvalidRequest(
            f"there are no picture files in {printable(str(folder))}; put the person's photos (JPEG, PNG, WebP, AVIF or HEIC) right "
            f"into it{_deeper(folder)}",
            param="photos",
        )
    return found


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file())


def _deeper(folder: Path) -> str:
    """Which of its folders hold pictures: these may be what was meant."""
    found = []
    for inner in sorted(folder.iterdir()):
        with suppress(OSError):  # no folder, or none of ours
            if inner.name[0] != "." and _pictures(inner):
                found.append(printable(inner.name))
    return f", or give the folders that have some: {', '.join(found[:3])}{', …' * (len(found) > 3)}" if found else ""


def _read_file(path: Path) -> bytes:
    shown = printable(str(path))
    try:
        if path.is_dir():
            raise InvalidImage(
                f"{shown} is a folder; give a photo's file (photos to learn from may be folders)", param=str(path)
            )
        if not path.is_file() and path.exists():
            raise InvalidImage(f"{shown} is not a regular file", param=str(path))
        with open(path, "rb") as file:
            return _checked(str(path), file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise InvalidImage(
            f"there is no file {shown} (looked in {Path.cwd()}); check the path", param=str(path)
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise InvalidImage(
            f"cannot read {shown!r}: {printable(str(error))}; check its permissions", param=str(path)
        ) from error


def _checked(name: str, data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise InvalidImage(
            f"{printable(name)} is larger than {MAX_BYTES // 2**20} MiB; save it smaller (a face 256 pixels wide is enough)",
            param=name,
        )
    return data
