"""The wire contract, way in: what a job is asked to do. Photos are blob digests; everything is JSON.

`operations.OPERATIONS` says what becomes of each.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from .attributes import DEFAULT_ATTRIBUTES
from .consent import Consent
from .degradations import Degradation

# Parts of a face that a drag can take hold of. Left and right are the picture's.
Landmark = Literal[
    "nose", "chin", "mouth_left", "mouth_right", "mouth_top", "mouth_bottom", "eye_left", "eye_right", "eyelid_left", "eyelid_right",
    "brow_left", "brow_right", "cheek_left", "cheek_right", "jaw_left", "jaw_right", "forehead",
]  # fmt: skip

# Regions of a face that a drag moves as a whole.
FaceRegion = Literal["mouth", "whole_nose", "eyes", "brows", "jaw"]


def _some_area(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    if not (right > left and bottom > top):
        raise ValueError("a box is (left, top, right, bottom): right must be beyond left, and bottom beyond top")
    return box


Box = Annotated[tuple[float, float, float, float], AfterValidator(_some_area)]  # px of the upright photo

# What is taken hold of: (x, y) in px of the upright photo, a pixel's centre at +0.5, or a part of the face by its name; or a region, as a
# box or by its name.
Handle = tuple[float, float] | Box | Landmark | FaceRegion
DragMethod = Literal["auto", "draggan", "freedrag", "transformer"]

# Parts that can be taken from another photo, and ways in which two photos go over into each other.
Region = Literal["smile", "eyes", "nose"]
StyledRegion = Literal["head", "face", "hair", "eyes", "smile", "nose", "background"]
Blended = Literal["smile", "eyes", "nose", "background"]
Direction = Literal["left-right", "right-left", "top-bottom", "bottom-top"]

# What stands behind the person of a new portrait: a plain backdrop in the generator's colours, or all that the generator drew.
Background = Literal["plain", "generated"]

# Pixels a side of feature maps in which patches can be moved, and the most patches of a picture.
MapSize = Literal[8, 16, 32, 64]
MOST_PATCHES = 16

MOST_FRAMES = 48  # pictures of the way to one

# A place in a face of the photo, (x, y) in px of the upright photo; None: the face that is most like the person.
Face = tuple[FiniteFloat, FiniteFloat] | None

# Pixels of a side of an extended photo.
ExtendedSide = Annotated[int, Field(ge=1, le=16_384)]

# Beyond the person's reach: False: clamp; True: refuse; "photos": refuse what lies beyond the photos, too.
Strict = bool | Literal["photos"]


# Begins the name of a persona that is of nobody; the prior's name follows (priors/anybody.py).
OF_PRIOR = "prior:"


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

    @property
    def nobody(self) -> bool:
        """Whether no person is learnt: what anybody's photo is edited with by the prior alone."""
        return self.name == OF_PRIOR + self.prior


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
    background: Background = "plain"
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
    space: Literal["w", "w_plus", "s", "s_gaussian"] = "w_plus"  # where the photo is sought; docs/persona.md
    columns: int | None = Field(default=None, ge=1)  # also put all on one sheet, so many to a row
    strict: Strict = False
    frames: int = Field(default=0, ge=0, le=MOST_FRAMES)  # of one picture: also so many of the way there
    face: Face = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_way(self) -> Edit:
        if self.frames and len(self.values) > 1:
            raise ValueError("a way leads to one picture; give each attribute one value")
        return self


class Pull(Request):
    """One point or region of the picture, and where it shall go: `to` a place, which a region's middle reaches, or `by` so many px. (x, y)
    in px of the upright photo; a pixel's centre is at +0.5."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    handle: Handle
    to: tuple[float, float] | None = None
    by: tuple[float, float] | None = None
    grow: float = Field(default=0.0, ge=-0.5, le=0.5)  # what lies around it grows by this share of its size

    @model_validator(mode="after")
    def _one_target(self) -> Pull:
        if (self.to is None) == (self.by is None):
            raise ValueError("a point needs a target: either `to` a place or `by` so many pixels")
        return self


class Drag(Request):
    """Pull points of a real photo, or of a portrait that `seed` draws, to other places."""

    operation: Literal["drag"] = "drag"
    persona_id: str
    photo: Photo | None = None  # None: a new portrait
    pulls: list[Pull] = Field(min_length=1, max_length=64)
    mask: str | None = None  # blob of a black and white picture: white may move, black stays
    method: DragMethod = "auto"
    guarded: bool = True  # stop where the picture would no longer be the person
    frames: int = Field(default=0, ge=0, le=MOST_FRAMES)  # also so many pictures of the way there, evenly spaced
    space: Literal["w", "w_plus", "s"] = "w_plus"  # where the photo is sought
    face: Face = None
    seed: int = 0


class Move(Request):
    """Move one point of a real photo, or of a portrait that `seed` draws, by the prior's latent transformer."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    operation: Literal["move"] = "move"
    persona_id: str
    photo: Photo | None = None  # None: a new portrait
    at: Handle
    by: tuple[float, float] = (0.0, 0.0)  # px to the right, and down
    dz: float = Field(default=0.0, ge=-0.5, le=0.5)  # it comes nearer: what lies around it grows by this share
    anchors: list[Handle] = Field(default=[], max_length=63)  # points that stay
    guarded: bool = True  # stop where the picture would no longer be the person
    frames: int = Field(default=0, ge=0, le=MOST_FRAMES)  # also so many pictures of the way there
    space: Literal["w", "w_plus", "s"] = "w_plus"  # where the photo is sought
    face: Face = None
    seed: int = 0


class SetStep(Request):
    """Attributes asked for: targets, "keep" for one that shall not follow a smile, None for one that is no longer asked for."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    do: Literal["set"] = "set"
    values: dict[str, float | Literal["keep"] | None] = Field(min_length=1, max_length=64)


class DragStep(Request):
    """Points pulled, from where the steps before have left the face."""

    do: Literal["drag"] = "drag"
    points: list[Pull] = Field(min_length=1, max_length=64)
    mask: str | None = None  # blob of a black and white picture: white may move, black stays, also in later steps
    method: DragMethod = "auto"
    guarded: bool = True


Step = Annotated[SetStep | DragStep, Field(discriminator="do")]
MOST_STEPS = 256


class Open(Request):
    """Keep a real photo, or a portrait that `seed` draws, open for changes: a live session. It is over when it is closed."""

    operation: Literal["open"] = "open"
    persona_id: str
    photo: Photo | None = None  # None: a new portrait
    values: dict[str, float] = {}  # a first change
    frame_px: int = Field(default=640, ge=64, le=2048)  # longest side of a frame
    idle_s: float = Field(default=600.0, gt=0, le=3600)  # it ends after so long without a command
    space: Literal["w", "w_plus", "s"] = "w_plus"  # where the photo is sought
    strict: Strict = False
    face: Face = None
    seed: int = 0


class Retouch(Request):
    """One change after the other on a photo, or on a portrait that `seed` draws: what a live session saves."""

    operation: Literal["retouch"] = "retouch"
    persona_id: str
    photo: Photo | None = None
    steps: list[Step] = Field(default=[], max_length=MOST_STEPS)
    space: Literal["w", "w_plus", "s"] = "w_plus"
    strict: Strict = False
    face: Face = None
    seed: int = 0


class Transfer(Request):
    """Take a part of the face from another photo of the same person."""

    operation: Literal["transfer"] = "transfer"
    persona_id: str
    photo: Photo
    like: Photo  # has the part that is wanted
    region: Region | None = "smile"  # None: what the mask says
    mask: str | None = None  # blob of a black and white picture: white is taken, black stays
    strength: float = Field(default=1.0, ge=0, le=1)
    face: Face = None
    like_face: Face = None  # in `like`
    seed: int = 0

    @model_validator(mode="after")
    def _one_area(self) -> Transfer:
        if (self.region is None) == (self.mask is None):
            raise ValueError("give either a region or a mask")
        return self


class Blend(Request):
    """One face of two photos of the person, going over into each other."""

    operation: Literal["blend"] = "blend"
    persona_id: str
    photo: Photo
    other: Photo
    # where the other begins, or the part that is the other's; a number: so much of it everywhere
    mask: Direction | Blended | float = "left-right"
    face: Face = None
    other_face: Face = None  # in `other`
    seed: int = 0


class Patch(BaseModel):
    """A box of the photo, (left, top, right, bottom) in px of the upright photo, and how far its copy goes: px to the right, and down."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    box: Box
    by: tuple[float, float]


class Variations(Request):
    """Variations of one photo: patches of the generator's features moved elsewhere and blended in."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    operation: Literal["variations"] = "variations"
    persona_id: str
    photo: Photo
    patches: list[Patch] = Field(default=[], max_length=MOST_PATCHES)  # none: drawn at random for each picture
    n: int = Field(default=8, ge=1, le=64)
    strength: float = Field(default=0.5, ge=0, le=1)  # how far patches go that are drawn
    layers: list[MapSize] = Field(default=[8], min_length=1, max_length=4)
    face: Face = None
    seed: int = 0


class Strip(Request):
    """A row or column of new portraits without joins."""

    operation: Literal["strip"] = "strip"
    persona_id: str
    values: list[dict[str, float]] = Field(min_length=2, max_length=256)  # of each portrait
    vertical: bool = False
    strict: Strict = False
    seed: int = 0


class Extend(Request):
    """A photo with more background around it."""

    operation: Literal["extend"] = "extend"
    persona_id: str
    photo: Photo
    size: tuple[ExtendedSide, ExtendedSide]  # width and height of what comes out, px
    face: Face = None
    seed: int = 0

    @model_validator(mode="after")
    def _bounded(self) -> Extend:
        if self.size[0] * self.size[1] > 40_000_000:
            raise ValueError("more than 40 million pixels; give a smaller size")
        return self


class Restyle(Request):
    """A photo, or a new portrait, in a style: all of it, or one region."""

    operation: Literal["restyle"] = "restyle"
    persona_id: str
    photo: Photo | None = None  # None: a new portrait
    style: str
    strength: float = Field(default=1.0, ge=0, le=1)
    region: StyledRegion | None = (
        None  # the rest of the photo stays, bit for bit; None: the aligned face, background included
    )
    like: Photo | None = None  # a picture in the style, or of anybody, whose colours it takes
    preset: Literal["fast", "best"] = "fast"  # best: the generator is tuned to the photo first
    face: Face = None
    seed: int = 0


class PartChange(Request):
    """What is done to one part of a face. `like`: number of the photo that it is taken from; `draw`: seed of a face that nobody has.
    Several seeds are where the way there begins, where it leads past, and where it ends."""

    part: str
    like: int | None = Field(default=None, ge=0)
    draw: int | Annotated[list[int], Field(min_length=1, max_length=MOST_FRAMES)] | None = None
    shape: bool = True  # of what is taken: whether its shape is ...
    texture: bool = True  # ... and its texture
    values: dict[str, float] = {}  # of the part's own attributes
    dx: float = 0.0  # pixels of the generator's picture, to the right
    dy: float = 0.0  # ... and down
    scale: float = Field(default=1.0, gt=0.1, lt=10)
    leave_out: bool = False

    @property
    def draws(self) -> list[int]:
        """The seeds, the last of them the picture's."""
        return self.draw if isinstance(self.draw, list) else [] if self.draw is None else [self.draw]


class Compose(Request):
    """Change a face part by part: a photo's, or one drawn at random. For personas whose prior has parts."""

    operation: Literal["compose"] = "compose"
    persona_id: str
    photo: Photo | None = None
    like: list[Photo] = Field(default=[], max_length=16)
    changes: list[PartChange] = Field(default=[], max_length=64)
    only: list[str] = []  # parts to show, and nothing else; none: all
    values: dict[str, float] = {}  # of the whole face
    space: Literal["w", "w_plus", "s"] = "w_plus"  # where the photo is sought
    frames: int = Field(default=0, ge=0, le=MOST_FRAMES)  # also so many pictures of the way there
    strict: Strict = False
    face: Face = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_way(self) -> Compose:
        counts = {len(change.draws) for change in self.changes} - {0, 1}
        if counts and not self.frames:
            raise ValueError("several seeds of a part are a way from one to the next; say in how many frames")
        if len(counts) > 1:
            raise ValueError("parts that go from seed to seed do it together; give each of them as many seeds")
        return self


class Enhance(Request):
    """Restore a degraded photo; optional attribute targets steer what the degradation left open."""

    operation: Literal["enhance"] = "enhance"
    persona_id: str
    photo: Photo
    degradation: Literal["auto"] | list[Degradation] = "auto"
    values: dict[str, float] = {}
    strict: Strict = False
    face: Face = None
    seed: int = 0


class FindFaces(Request):
    """Which faces a photo shows, and how like the person each is."""

    operation: Literal["faces"] = "faces"
    persona_id: str
    photo: Photo


class CalibratePrior(Request):
    """Measure an imported prior, so that personas can be made from it, or points of its pictures be moved."""

    operation: Literal["calibrate"] = "calibrate"
    prior: str
    generator_sha256: str  # the weights that were meant: a prior of that name may have been replaced since
    samples: int | None = Field(default=None, ge=32, le=100_000)  # None: by resolution
    motion: bool = False  # train its latent transformer, too; what was measured before is not measured again
    faces: int | None = Field(default=None, ge=22, le=10_000)  # it is asked about; None: the usual number
    steps: int | None = Field(default=None, ge=10, le=100_000)  # of its training; None: the usual number
    seed: int = 0


class LearnStyle(Request):
    """Learn a style from pictures of faces, for personas of one prior."""

    operation: Literal["style"] = "style"
    name: str
    base: str = "default"
    images: list[Photo]
    steps: int | None = Field(default=None, ge=20, le=10_000)  # None: by the number of pictures
    seed: int = 0
