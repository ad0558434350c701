"""What a report shows. Plain data: the demo fills it from the SDK, the tests from made-up results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL.Image import Image

from portraitist.results import PersonaRecord, PictureReport


class Shown(Protocol):
    """A produced picture; `portraitist.Picture` is one."""

    report: PictureReport

    @property
    def image(self) -> Image: ...

    @property
    def crop(self) -> Image: ...  # the aligned face


@dataclass(frozen=True)
class Lattice:
    """Pictures over two attributes, row by row; `columns` and `rows` are (name, values)."""

    columns: tuple[str, Sequence[float]]
    rows: tuple[str, Sequence[float]]
    pictures: Sequence[Shown]


@dataclass(frozen=True)
class Edited:
    """One photo and what was made of it. `call` is the line of code; close-ups show one and the same region."""

    call: str
    before: Image
    after: Shown
    close_before: Image | None = None
    close_after: Image | None = None


@dataclass(frozen=True)
class Restored:
    """`figures`: what the degraded and the restored face measure against the truth, as {"PSNR": (before, after)}."""

    title: str
    call: str
    damaged: Image
    after: Shown
    truth: Image | None = None
    close: tuple[Image, Image, Image] | None = None  # damaged, restored, truth
    figures: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    what: str
    seconds: float
    pictures: int = 0


@dataclass(frozen=True)
class Content:
    """`sweeps`: per attribute, pictures over its reach with everything else held. `failures`: (what, message) of what broke."""

    record: PersonaRecord
    photos: Mapping[str, bytes]  # as given, by file name
    preview: Image | None = None  # aligned photos above their reproductions, square tiles
    portraits: Sequence[Shown] = ()
    asked: Sequence[tuple[str, Shown]] = ()  # (call, portrait)
    grid: Lattice | None = None
    sweeps: Mapping[str, Sequence[Shown]] = field(default_factory=dict)
    edits: Sequence[Edited] = ()
    pulls: Sequence[Edited] = ()  # points that went elsewhere
    group: Edited | None = None
    restorations: Sequence[Restored] = ()
    timings: Sequence[Timing] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    about: str = ""  # where the photos come from
    failures: Sequence[tuple[str, str]] = ()
