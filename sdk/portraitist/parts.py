"""What is done to the parts of a face: `bea.compose("new.jpg", Part("hair", like="other.jpg"), Part("nose", dx=4))`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import InvalidRequest
from .photos import PhotoLike, read, stored
from .requests import PartChange, Photo
from .submission import Uploads, build


@dataclass(frozen=True)
class Part:
    """One part of a face, such as "hair", "eyes", "brows", "nose", "lips", "mouth", "skin", "neck", "clothes", "background".

    like       photo of anyone from which it is taken; `shape` and `texture`: photos from which that alone is taken
    draw       seed of a face that nobody has, from which it is taken; several: `frames` go from the first to the last
    values     of what belongs to the part, e.g. {"gaze_right": 0.3, "eyes_open": 1.0} for "eyes"
    dx, dy     pixels of the aligned face that it goes to the right, and down
    scale      its size, about its own middle
    leave_out  whether what lies behind it is seen instead
    """

    name: str
    like: PhotoLike | None = None
    shape: PhotoLike | None = None
    texture: PhotoLike | None = None
    draw: int | Sequence[int] | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    leave_out: bool = False


def changes(parts: Iterable[Part], uploads: Uploads) -> tuple[list[PartChange], list[Photo]]:
    """As a request has them, and the photos, uploaded. Raises InvalidRequest."""
    found: list[PartChange] = []
    photos: list[Photo] = []

    def number(photo: PhotoLike) -> int:
        photos.append(stored(uploads, *read(photo)))
        return len(photos) - 1

    for part in parts:
        if not isinstance(part, Part):
            raise InvalidRequest(f"{part!r} is no Part: make one of its name", param="parts")
        if part.like is not None and (part.shape is not None or part.texture is not None):
            raise InvalidRequest(
                f"{part.name}: like= takes shape and texture from one photo; give shape= and texture= in its place",
                param="like",
            )
        taken: list[dict[str, Any]] = [{"draw": _plain(part.draw)}] if part.draw is not None else []
        if part.like is not None:
            taken.append({"like": number(part.like)})
        if part.shape is not None:
            taken.append({"like": number(part.shape), "texture": False})
        if part.texture is not None:
            taken.append({"like": number(part.texture), "shape": False})
        own = {"values": dict(part.values), "dx": part.dx, "dy": part.dy, "scale": part.scale}
        taken = taken or [{}]
        taken[-1] |= {**own, "leave_out": part.leave_out}
        found += [build(PartChange, part=part.name, **one) for one in taken]
    return found, photos


def check_ways(parts: Iterable[Part], frames: int) -> None:
    """Raises InvalidRequest for parts that go from seed to seed without a way to show, or not together."""
    counts = {len(part.draw) for part in parts if isinstance(part, Part) and isinstance(part.draw, Sequence)} - {1}
    if counts and not frames:
        raise InvalidRequest(
            "several seeds of a part are a way from one to the next: say in how many pictures, as in compose(…, frames=12), or "
            "give one seed",
            param="draw",
        )
    if len(counts) > 1:
        raise InvalidRequest("parts that go from seed to seed do it together: give each as many seeds", param="draw")


def _plain(draw: int | Sequence[int]) -> int | list[int]:
    return draw if isinstance(draw, int) else list(draw)
