"""The wire contract, way in: what a job is asked to do. Photos are blob digests; everything is JSON.

`operations.OPERATIONS` says what becomes of each.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .attributes import DEFAULT_ATTRIBUTES
from .consent import Consent
from .degradations import Degradation

# Beyond the person's reach: False: clamp; True: refuse; "photos": refuse what lies beyond the photos, too.
Strict = bool | Literal["photos"]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Photo(Request):
    """One picture: its original file name (for messages only), its blob, and the app's own labels for it."""

    name: str
    blob: str = ""  # sha256 hex digest in the store; empty while it is only an address
    url: str = ""  # where the worker fetches it; empty once it has
    fault: str = ""  # why it could not be fetched
    labels: dict[str, float] = {}  # values of custom attributes, e.g. {"age": 34}


class CreatePersona(Request):
    """Personalise one person from photos."""

    operation: Literal["create"] = "create"
    persona_id: str
    name: str
    photos: list[Photo]
    attributes: list[str] = list(DEFAULT_ATTRIBUTES)
    organizer: Literal["auto", "regression", "mystyle_pp", "mystyle_pp_sefa", "mystyle"] = "auto"
    preset: Literal["fast", "balanced", "best"] = "balanced"
    prior: str = "default"
    seed: int = 0
    person: str | None = None  # name of a photo that shows who is meant; None: whoever most photos show
    keep: list[str] = []  # names of photos to use whatever is found in them, if they show a face
    detail: bool = True  # keep the faces of the photos, for portraits with their detail
    consent: Consent | None = None
    expires: float | None = None  # seconds since the epoch: the persona's end


class AddPhotos(Request):
    """Learn a persona better from more photos of the same person. The result is the persona's new record."""

    operation: Literal["add"] = "add"
    persona_id: str
    photos: list[Photo]
    keep: list[str] = []  # as in a creation
    seed: int = 0


class Synthesize(Request):
    """New portraits of the person. Each item of `values` is one picture's requested attribute values."""

    operation: Literal["synthesize"] = "synthesize"
    persona_id: str
    values: list[dict[str, float]] = Field(default=[{}], min_length=1, max_length=1024)
    same_person_state: bool = (
        False  # True: all pictures share one random draw (grids, sweeps); only the named values differ
    )
    columns: int | None = Field(default=None, ge=1)  # also put all on one sheet, so many to a row
    size: Literal["native", 512] | None = (
        None  # px a side; None: 512 where the persona keeps detail, for a few pictures
    )
    strict: Strict = False
    seed: int = 0


class Edit(Request):
    """Change named attributes of a real photo. One output per item of `values`."""

    operation: Literal["edit"] = "edit"
    persona_id: str
    photo: Photo
    values: list[dict[str, float]] = Field(min_length=1, max_length=64)
    pinned: list[str] = []  # attributes that stay as they are, where others would follow a smile
    relative: bool = False  # True: values are changes, not targets
    preset: Literal["fast", "best"] = "fast"  # best: the generator is tuned to the photo first; docs/persona.md
    space: Literal["w", "w_plus", "s"] = "w_plus"  # where the photo is sought; docs/persona.md
    columns: int | None = Field(default=None, ge=1)  # also put all on one sheet, so many to a row
    strict: Strict = False
    seed: int = 0


class Enhance(Request):
    """Restore a degraded photo; optional attribute targets steer what the degradation left open."""

    operation: Literal["enhance"] = "enhance"
    persona_id: str
    photo: Photo
    degradation: Literal["auto"] | list[Degradation] = "auto"
    values: dict[str, float] = {}
    strict: Strict = False
    seed: int = 0


class CalibratePrior(Request):
    """Measure an imported prior, so that personas can be made from it."""

    operation: Literal["calibrate"] = "calibrate"
    prior: str
    generator_sha256: str  # the weights that were meant: a prior of that name may have been replaced since
    samples: int | None = Field(default=None, ge=32, le=100_000)  # None: by resolution
    seed: int = 0
