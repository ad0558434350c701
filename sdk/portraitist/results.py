"""The wire contract, way out: verdicts, reach and reports. Pictures are blob digests (PNG)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .requests import OF_PRIOR, Background, Strict


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PhotoVerdict(_Result):
    """What intake decided about one photo, with the figures it decided by."""

    name: str
    accepted: bool
    code: str = "ok"  # ok, no_face, too_small, duplicate, other_person, undecodable, not_fetched
    reason: str = ""  # a sentence for the person who took the photo, with the remedy
    figures: dict[str, float] = {}  # face_px, sharpness, brightness, identity, ... units in docs/photos.md
    attributes: dict[str, float] = {}  # estimated values, when a face was measured
    warnings: list[str] = []
    weight: float = 1.0  # how much it counts in learning the person: 1 for a good photo, 0 for a refused one


class Reach(_Result):
    """How far one attribute of this person can be moved.

    Within `photos_low` to `photos_high` photos show what the person looks like. Beyond, up to `low` and `high`, the prior's own
    knowledge of faces goes on, as far as the pictures were measured to stay the person. None: measured by the photos alone.
    """

    attribute: str
    unit: str
    low: float
    high: float
    photos_low: float | None = None
    photos_high: float | None = None
    holes: list[tuple[float, float]] = []  # stretches between the photos without one
    advice: str = ""  # which photo to add next

    def bounds(self, strict: Strict = False) -> tuple[float, float]:
        """What may be asked: the whole reach or, with strict="photos", what photos show."""
        if strict == "photos" and self.photos_low is not None and self.photos_high is not None:
            return self.photos_low, self.photos_high
        return self.low, self.high


class AttributeReport(_Result):
    """Requested and achieved value of one attribute. `error` is the estimator's own median absolute error."""

    requested: float | None = None  # what the caller asked; None: not asked
    target: float | None = None  # after clamping to the reach
    achieved: float  # by what also steers
    by_points: float | None = None  # a second opinion: by where the face's points lie, and nothing else
    before: float | None = None  # edits: the input photo's value
    followed: float | None = (
        None  # edits: where it was moved to, unasked, since it goes with the smile in the person's photos
    )
    error: float
    clamped: bool = False


class PointReport(_Result):
    """One handle of a drag; px of the photo, (x, y)."""

    handle: tuple[float, float]  # where it was
    target: tuple[float, float]  # where it was asked to go
    reached: tuple[float, float]  # where it was followed to
    left: float  # px from there to the target
    confidence: float  # 0-1: how far what lies around it still looks as it did at the handle
    end: Literal["arrived", "masked", "flat", "lost", "stuck", "unlike"] = "arrived"
    reason: str = ""  # a sentence, where it did not arrive


class PictureReport(_Result):
    """Stands beside every produced picture."""

    attributes: dict[str, AttributeReport] = {}
    identity: float | None = None  # cosine to the person's own photos (mean); without a persona, to the photo itself
    identity_percentile: float | None = None  # among the person's own leave-one-out scores, 0-100
    identity_before: float | None = (
        None  # enhance: of the photo as it came, enlarged; drag, variations: of the picture before
    )
    nearest_photo: str | None = None  # copy check: the closest training photo ...
    nearest_photo_distance: float | None = None  # ... and the perceptual distance to it
    detail_of: list[
        str
    ] = []  # portraits: the photos whose fine detail they have; edits: the photo whose teeth they show
    background: Background | None = None  # new portraits: what stands behind the person
    leakage: dict[str, float] = {}  # edits: movement of every attribute that was not named, as a share of its reach
    outside_change: float | None = None  # edits: mean absolute change (0-255) of pixels outside the face crop
    points: list[PointReport] = []  # drag: how each handle ended
    method: str | None = None  # drag: how
    steps: int | None = None  # drag: how many
    fixed_change: float | None = None  # drag: mean absolute change (0-255) where the mask says that nothing may move
    recipe: dict[str, Any] | None = None  # how to make it again, of several in the first one's report; `studio.replay`
    inside_parts: float | None = None  # compose: mean absolute change (0-255) near the parts that were changed ...
    outside_parts: float | None = None  # ... and elsewhere in the aligned face
    mask_iou: dict[str, float] = {}  # compose: IoU of each part's mask before and after, by the generator; 1: it stayed
    parser_iou: dict[str, float] = {}  # the same by the parser, of the aligned face as it was and as it is handed out
    consistency: float | None = None  # enhance: PSNR (dB) of the degraded output against the input
    degradation: str | None = None  # enhance: what was assumed or estimated
    clamped: bool = False
    warnings: list[
        str
    ] = []  # what is to be said with the picture: a request cut by more than half, what could not be restored
    mark: float | None = None  # score of the invisible mark at half size and JPEG 80; docs/provenance.md
    networks: dict[str, str] = {}  # which identity / attribute / perceptual network judged
    seed: int = 0
    versions: dict[str, str] = {}
    seconds: float = 0.0


class ClassMap(_Result):
    """The part that each pixel of an aligned face belongs to: `data` is base64 of zlib of one byte per pixel, row by row."""

    names: list[str]  # of the parts, by number
    side: int
    data: str


class PictureResult(_Result):
    """One produced picture: `blob` is a PNG. `crop` is the aligned face at the prior's resolution, where the picture is a whole photo.
    `classes`: of the crop, where the generator has parts."""

    blob: str
    crop: str | None = None
    classes: ClassMap | None = None
    report: PictureReport


class PersonaRecord(_Result):
    """What `create` and `add` return and `persona.json` holds: everything about a persona but its arrays."""

    persona_id: str
    name: str
    prior: str  # name@sha256 of the generator that the delta belongs to
    organizer: str
    preset: str
    attributes: list[str]
    photos: list[PhotoVerdict]
    reach: list[Reach]
    warnings: list[str] = []
    figures: dict[str, float] = {}  # lpips/perceptual, psnr, identity, seconds per stage, bytes
    networks: dict[str, str] = {}
    versions: dict[str, str] = {}
    seed: int = 0
    weights: str = ""  # blob: safetensors with anchors, axes, delta
    preview: str | None = None  # blob: PNG contact sheet
    status: Literal["ready"] = "ready"

    @property
    def nobody(self) -> bool:
        """Whether it is of a prior alone, and no person was learnt."""
        return self.name.startswith(OF_PRIOR)

    def handed_out(self) -> set[str]:
        """Blobs of the pictures that leave with this result."""
        return {self.preview} if self.preview else set()


class Pictures(_Result):
    """Result of synthesize, edit, drag and enhance."""

    pictures: list[PictureResult]
    sheet: str | None = None  # blob: PNG of all of them, where it was asked for
    seconds: float = 0.0

    def handed_out(self) -> set[str]:
        """Blobs of the pictures that leave with this result."""
        return {blob for p in self.pictures for blob in (p.blob, p.crop) if blob} | {b for b in [self.sheet] if b}


class FoundFace(_Result):
    """One face of a photo. `corners` of its square, clockwise from the top left of the face; (x, y) in px of the upright photo."""

    corners: list[tuple[float, float]]
    likeness: float | None  # mean cosine to the person's photos; None: nobody is known
    theirs: bool  # it is as like the person as a photo of them is

    @property
    def middle(self) -> tuple[float, float]:
        """A place in the face, as `face=` takes it."""
        return sum(x for x, _ in self.corners) / 4, sum(y for _, y in self.corners) / 4


class Faces(_Result):
    """Result of faces: the one that is most like the person comes first."""

    faces: list[FoundFace]

    def handed_out(self) -> set[str]:
        return set()


class Closed(_Result):
    """How a live session ended. Its pictures were never kept; what was saved of it are jobs of their own."""

    why: Literal["closed", "idle", "gone"]  # gone: nobody held it any more
    commands: int = 0
    frames: int = 0

    def handed_out(self) -> set[str]:
        return set()


class Progress(_Result):
    """One step of a running job."""

    stage: str  # intake, invert, organize, tune, evaluate, package, ...
    step: int
    steps: int
    eta: float | None = None  # seconds to the end of the job, estimated
    message: str = ""
    photo: str = ""  # name of the photo that was just looked at; sealed in the ledger, not in webhooks
    photos: list[PhotoVerdict] = []  # intake: the verdicts so far; sealed, too
    preview: str | None = None  # blob: small JPEG
