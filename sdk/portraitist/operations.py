"""The table of operations: what a job can be asked to do. One row says all that the client, the queue and the worker need to know.

A new operation is a row here, a module in the workers that has `run(request, context) -> result`, and a verb that submits the
request. `CONTRIBUTING.md` shows it step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from .errors import InvalidRequest
from .ledger.protocol import Lane
from .priors.record import PriorRecord
from .requests import (
    AddPhotos,
    Blend,
    CalibratePrior,
    Compose,
    CreatePersona,
    Drag,
    Edit,
    Enhance,
    Extend,
    FindFaces,
    LearnStyle,
    Move,
    Open,
    Photo,
    Restyle,
    Retouch,
    Strip,
    Synthesize,
    Transfer,
    Variations,
)
from .results import Closed, Faces, PersonaRecord, Pictures
from .styles.record import StyleRecord

GB = 2**30


@dataclass(frozen=True)
class Operation:
    """`memory`: bytes that a process needs for it, twice the largest seen on a processor, for a GPU's context and allocator. Seen were
    .7 GB for an edit, .6 GB for 16 pictures, 1.05 GB for learning a person from 16 photos at 128 px."""

    request: type[BaseModel]
    result: type[BaseModel]  # says by `handed_out()` which pictures it carries
    module: str  # in the workers; has `run(request, context)`
    label: str  # in progress bars
    lane: Lane = "serve"  # "tune": minutes of work; "serve": seconds; "live": until it is closed
    memory: int = int(1.5 * GB)
    learns: bool = False  # it learns a person, which takes more memory from a large prior
    photos: tuple[str, ...] = ()  # fields that hold a Photo, a list of them, or None
    judges_photos: bool = False  # a photo that cannot be fetched gets a verdict; else the job fails
    shares_passes: bool = False  # several such jobs can make their pictures in one pass
    anybody: bool = False  # it needs no person: a prior alone does it, with a photo of anybody or a face that it draws

    @property
    def name(self) -> str:
        return str(self.request.model_fields["operation"].default)

    @property
    def makes_pictures(self) -> bool:
        return issubclass(self.result, Pictures)

    def photos_of(self, request: Any) -> list[Photo]:
        """Every photo of a request, in order."""
        found: list[Photo] = []
        for field in self.photos:
            value = getattr(request, field)
            found += value if isinstance(value, list) else [value] if value is not None else []
        return found


OPERATIONS: dict[str, Operation] = {}


def add(row: Operation) -> None:
    """Put a row into the table."""
    OPERATIONS[row.name] = row


def operation(name: str) -> Operation:
    """The row. Raises InvalidRequest for an operation that this version does not know."""
    if not isinstance(name, str) or name not in OPERATIONS:
        raise InvalidRequest(
            f"operation: {str(name)[:60]!r} is not known here; expected one of {', '.join(OPERATIONS)}, or a newer version of portraitist",
            param="operation",
        )
    return OPERATIONS[name]


def check_anybody(request: Any) -> None:
    """Refuse what needs a person, where nobody was learnt. Raises InvalidRequest."""
    row = operation(request.operation)
    if not row.anybody:
        able = ", ".join(name for name, one in OPERATIONS.items() if one.anybody)
        raise InvalidRequest(
            f"{row.name} needs a person: a prior alone does {able}; create a persona from photos", param="persona_id"
        )


def parsed(request: Any) -> BaseModel:
    """A request from its JSON. Raises InvalidRequest, and pydantic's ValidationError."""
    name = request.get("operation", "") if isinstance(request, Mapping) else ""
    return operation(name).request.model_validate(request)


LEARNING: dict[str, Any] = {
    "lane": "tune",
    "memory": 2 * GB,
    "learns": True,
    "photos": ("photos",),
    "judges_photos": True,
}
_WORKERS = "portraitist_workers.operations."

add(Operation(CreatePersona, PersonaRecord, _WORKERS + "personalize", "personalise", **LEARNING))
add(Operation(AddPhotos, PersonaRecord, _WORKERS + "add", "add photos", **LEARNING))
add(Operation(Synthesize, Pictures, _WORKERS + "synthesize", "synthesise", shares_passes=True))
add(Operation(Edit, Pictures, _WORKERS + "edit", "edit", photos=("photo",), anybody=True))
add(Operation(Drag, Pictures, _WORKERS + "drag", "drag", photos=("photo",), anybody=True))
add(Operation(Move, Pictures, _WORKERS + "move", "move", photos=("photo",), anybody=True))
add(Operation(Open, Closed, _WORKERS + "open", "hold open", lane="live", photos=("photo",), anybody=True))
add(Operation(Retouch, Pictures, _WORKERS + "retouch", "retouch", photos=("photo",), anybody=True))
add(Operation(Transfer, Pictures, _WORKERS + "transfer", "transfer", photos=("photo", "like")))
add(Operation(Blend, Pictures, _WORKERS + "blend", "blend", photos=("photo", "other")))
add(Operation(Extend, Pictures, _WORKERS + "extend", "extend", photos=("photo",)))
add(Operation(Restyle, Pictures, _WORKERS + "restyle", "restyle", photos=("photo", "like")))
add(Operation(Variations, Pictures, _WORKERS + "variations", "vary", photos=("photo",)))
add(Operation(Strip, Pictures, _WORKERS + "strip", "strip"))
add(Operation(Compose, Pictures, _WORKERS + "compose", "edit part by part", photos=("photo", "like"), anybody=True))
add(Operation(Enhance, Pictures, _WORKERS + "enhance", "restore", photos=("photo",)))
add(Operation(FindFaces, Faces, _WORKERS + "faces", "find faces", photos=("photo",)))
add(
    Operation(CalibratePrior, PriorRecord, _WORKERS + "calibrate", "calibrate", lane="tune", memory=2 * GB, learns=True)
)
add(
    Operation(
        LearnStyle,
        StyleRecord,
        _WORKERS + "style",
        "learn a style",
        lane="tune",
        memory=2 * GB,
        learns=True,
        photos=("images",),
        judges_photos=True,
    )
)
