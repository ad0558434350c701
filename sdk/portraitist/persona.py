"""A persona's handle: one person that the studio has learnt, and what can be made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, overload

from .attributes import ESTIMATED
from .backend import Backend
from .collages import Collages
from .consent import Consent
from .degradations import DEGRADATIONS, Mask
from .degradations import Degradation as AnyDegradation
from .deletion import delete
from .errors import InvalidRequest
from .jobs import Job, handle_of
from .labels import checked_labels, uploaded
from .ledger import JobRow
from .live.opening import Opening
from .masks import MOVABLE, check_files, check_white
from .operations import check_anybody
from .parts import Part, changes
from .photos import Link, PhotoLike, read, read_bytes, stored
from .picture import Grid, Picture
from .pulls import Place, Points, movement, pulls
from .requests import (
    AddPhotos,
    Background,
    Compose,
    Drag,
    Edit,
    Enhance,
    Face,
    FindFaces,
    Move,
    Photo,
    Strict,
    Synthesize,
)
from .results import Faces, FoundFace, PersonaRecord, PhotoVerdict, Reach
from .store import is_digest
from .submission import Uploads, build, submit
from .targets import KEEP, check_name, expanded
from .vault.receipts import Receipt
from .webhooks.wire import Webhook

Number: TypeAlias = float | Sequence[float]
Output: TypeAlias = Picture | list[Picture] | Grid
Degradations: TypeAlias = Literal["auto"] | AnyDegradation | Sequence[AnyDegradation]


class Photos(list[PhotoVerdict]):
    """Verdicts on the photos; printing them tells the story."""

    def __str__(self) -> str:
        return "\n".join(
            f"{'ok     ' if v.accepted else 'refused'} {v.name}" + (f": {v.reason}" if v.reason else "")
            + "".join(f" ({warning})" for warning in v.warnings)
            for v in self
        )  # fmt: skip


class Reaches(dict[str, Reach]):
    """How far each attribute goes; printing them tells which photo to add next."""

    def __str__(self) -> str:
        lines = []
        for name, r in self.items():
            unit = f" {r.unit}" if r.unit else ""
            shown = "" if r.photos_low is None else f" (photos show {r.photos_low:.3g} to {r.photos_high:.3g})"
            holes = "".join(f", no photo from {low:.3g} to {high:.3g}" for low, high in r.holes)
            lines.append(
                f"{name}: {r.low:.3g} to {r.high:.3g}{unit}{shown}{holes}" + (f". {r.advice}" if r.advice else "")
            )
        return "\n".join(lines)


class Persona(Collages, Opening):
    """Every verb waits by default and returns the picture; with `wait=False` it returns a Job at once."""

    def __init__(self, backend: Backend, record: PersonaRecord) -> None:
        self._backend = backend
        self.record = record
        self.id: str = record.persona_id
        self.name: str = record.name

    def __repr__(self) -> str:
        return f"Persona({self.name!r}, {self.id!r})"

    @property
    def photos(self) -> Photos:
        """The verdict on each photo that it was made from."""
        return Photos(self.record.photos)

    @property
    def reach(self) -> Reaches:
        """Per attribute: how far this person can be moved, where photos are missing, which to add next."""
        return Reaches((r.attribute, r) for r in self.record.reach)

    @property
    def consent(self) -> Consent | None:
        """The person's, as it was recorded; None: made by a version that did not."""
        found = self._backend.ledger.persona(self.id).consent
        return None if found is None else Consent.model_validate(self._backend.readable(self.id, found))

    @property
    def expires(self) -> datetime | None:
        """When it ends: unusable from then on, and deleted."""
        end = self._backend.ledger.persona(self.id).expires
        return None if end is None else datetime.fromtimestamp(end, UTC)

    @property
    def preview(self) -> bytes | None:
        """A contact sheet (PNG)."""
        return None if self.record.preview is None else self._backend.sealed(self.id).get(self.record.preview)

    # -- synthesize ------------------------------------------------------------------------------------------------------

    @overload
    def synthesize(
        self,
        *,
        n: None = None,
        grid: None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> Picture: ...
    @overload
    def synthesize(
        self,
        *,
        n: int,
        grid: None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> list[Picture]: ...
    @overload
    def synthesize(
        self,
        *,
        n: None = None,
        grid: tuple[str, str],
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: Number,
    ) -> Grid: ...
    @overload
    def synthesize(
        self,
        *,
        n: int | None = None,
        grid: tuple[str, str] | None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: Number,
    ) -> Output: ...
    @overload
    def synthesize(
        self,
        *,
        n: int | None = None,
        grid: tuple[str, str] | None = None,
        size: Literal["native", 512] | None = None,
        background: Background = "plain",
        parts: Mapping[str, int] | None = None,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[False],
        **values: Number,
    ) -> Job[Output]: ...
    def synthesize(
        self,
        *,
        n: int | None = None,  # so many pictures, each with its own random draw
        grid: tuple[str, str] | None = None,  # two attributes over their reach: the first across, the second down
        size: Literal["native", 512]
        | None = None,  # 512: with the photos' fine detail, if few pictures are asked the default
        background: Background = "plain",  # "generated": all that the generator drew behind the person
        parts: Mapping[str, int] | None = None,  # part -> seed of a face that nobody has (a persona of "default-parts")
        seed: int = 0,  # the same seed gives the same pictures
        strict: Strict = False,  # outside the person's reach refuse (OutOfRange), don't clamp; "photos": outside what photos show
        webhook: Webhook | None = None,  # whom to tell when it is over, in place of the studio's
        wait: bool = True,
        **values: Any,  # attribute=number, or =list of numbers (one list: a list of pictures, two: a Grid)
    ) -> Any:
        """New portraits of this person. `synthesize(yaw=20, smile=0.8)`; what is not named is drawn at random."""
        if parts is not None:
            if n is not None or grid is not None:
                raise InvalidRequest("parts= makes one picture; leave n and grid out", param="parts")
            drawn = [Part(name, draw=number) for name, number in parts.items()]
            return self.compose(None, *drawn, strict=strict, seed=seed, webhook=webhook, wait=wait, **values)
        batch = expanded(values, persona=self.name, reach=self.reach, n=n, grid=grid, strict=strict)
        request = build(
            Synthesize,
            persona_id=self.id,
            values=batch.values,
            columns=batch.columns,
            same_person_state=batch.varies,
            size=size,
            background=background,
            strict=strict,
            seed=seed,
        )
        return self._submit(request, None, batch.shape, wait, webhook)

    # -- edit ------------------------------------------------------------------------------------------------------------

    @overload
    def edit(
        self,
        photo: PhotoLike,
        *,
        relative: bool = False,
        preset: str = "fast",
        space: str = "w_plus",
        frames: int = 0,
        face: Face = None,
        part: str | None = None,
        like: PhotoLike | None = None,
        shape: PhotoLike | None = None,
        texture: PhotoLike | None = None,
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> Picture: ...
    @overload
    def edit(
        self,
        photo: PhotoLike,
        *,
        relative: bool = False,
        preset: str = "fast",
        space: str = "w_plus",
        frames: int = 0,
        face: Face = None,
        part: str | None = None,
        like: PhotoLike | None = None,
        shape: PhotoLike | None = None,
        texture: PhotoLike | None = None,
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: Number,
    ) -> Output: ...
    @overload
    def edit(
        self,
        photo: PhotoLike,
        *,
        relative: bool = False,
        preset: str = "fast",
        space: str = "w_plus",
        frames: int = 0,
        face: Face = None,
        part: str | None = None,
        like: PhotoLike | None = None,
        shape: PhotoLike | None = None,
        texture: PhotoLike | None = None,
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
        **values: Number,
    ) -> Job[Output]: ...
    def edit(
        self,
        photo: PhotoLike,
        *,
        relative: bool = False,  # values are changes (yaw=-15: 15 degrees to the left of now), not targets
        preset: str = "fast",  # "best": the generator is tuned to the photo first, which takes seconds
        space: str = "w_plus",  # where the photo is sought: "w" edits most freely, "s" fits closest before any tuning
        frames: int = 0,  # so many pictures of the way there, in `picture.way`
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        part: str
        | None = None,  # change this part alone (a persona of "default-parts"): values are the part's own then
        like: PhotoLike | None = None,  # with part: the photo that it is taken from
        shape: PhotoLike | None = None,  # ... or its shape alone
        texture: PhotoLike | None = None,  # ... or its texture alone
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
        **values: Any,
    ) -> Any:
        """Change the named attributes of a real photo. What is not named stays, and so does the rest of the photo around the face. But
        mouth and eyes follow a smile as in the person's photos, unless they are pinned: `mouth_open="keep"`. Raises FaceNotFound when
        the photo does not show this person."""
        if part is not None:
            if relative:
                raise InvalidRequest("a part's values are targets; leave relative out", param="relative")
            if frames:
                raise InvalidRequest("a part's change has no way to show; leave frames out", param="frames")
            one = Part(part, like, shape, texture, values=values)
            return self.compose(
                photo, one, space=space, face=face, strict=strict, seed=seed, webhook=webhook, wait=wait
            )
        pinned = [name for name, value in values.items() if isinstance(value, str) and value == KEEP]
        values = {name: value for name, value in values.items() if name not in pinned}
        for name in pinned:
            check_name(name, ESTIMATED, owner="edit()")
        if not values:
            raise InvalidRequest(
                "edit() needs at least one attribute to change, as in edit(photo, yaw=-15)", param="values"
            )
        batch = expanded(values, persona=self.name, reach=self.reach, relative=relative, strict=strict)
        if frames and len(batch.values) != 1:
            raise InvalidRequest(
                "a way leads to one picture; give each attribute one value, or leave frames out", param="frames"
            )
        uploads = Uploads(self._backend, self.id)
        request = build(
            Edit, persona_id=self.id, photo=self._photo(photo, uploads), values=batch.values, columns=batch.columns,
            pinned=pinned, relative=relative, preset=preset, space=space, frames=frames, face=face,
            strict=strict, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "way"} if frames else batch.shape, wait, webhook)

    # -- drag ------------------------------------------------------------------------------------------------------------

    @overload
    def drag(
        self,
        photo: PhotoLike | None = None,
        *,
        points: Points,
        mask: PhotoLike | None = None,
        method: str = "auto",
        guarded: bool = True,
        frames: int = 0,
        space: str = "w_plus",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def drag(
        self,
        photo: PhotoLike | None = None,
        *,
        points: Points,
        mask: PhotoLike | None = None,
        method: str = "auto",
        guarded: bool = True,
        frames: int = 0,
        space: str = "w_plus",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def drag(
        self,
        photo: PhotoLike | None = None,  # None: a new portrait, the one of `seed`
        *,
        points: Points,  # [((x, y), (x, y)), ("mouth_left", By(-4, -6))]: handles and targets, in the photo's pixels
        mask: PhotoLike | None = None,  # black and white, of the photo's size: white may move, black stays
        method: str = "auto",  # draggan, freedrag or transformer; docs/drag.md
        guarded: bool = True,  # stop where it would no longer be the person
        frames: int = 0,  # so many pictures of the way there, in `picture.way`
        space: str = "w_plus",  # where the photo is sought, as in `edit`
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """Pull points of the face to other places; the face follows. `report.points` says for each where it got, and why not farther.

        Raises InvalidRequest for points or a mask that cannot be meant, FaceNotFound when the photo does not show this person."""
        wanted = pulls(points)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Drag,
            persona_id=self.id,
            pulls=wanted,
            method=method,
            guarded=guarded,
            frames=frames,
            space=space,
            face=face,
            seed=seed,
        )
        source = None
        if photo is not None:
            name, source = read(photo)
        if mask is not None:
            painted = read_bytes(mask, default="mask")[1]
            check_white(painted, source if isinstance(source, bytes) else None, MOVABLE)
            request.mask = uploads.add(painted)
        if source is not None:
            request.photo = stored(uploads, name, source)
        return self._submit(request, uploads, {"kind": "way"}, wait, webhook)

    # -- move ------------------------------------------------------------------------------------------------------------

    @overload
    def move(
        self,
        photo: PhotoLike | None = None,
        *,
        at: Place | str,
        by: Place = (0.0, 0.0),
        dz: float = 0.0,
        anchors: Sequence[Place | str] = (),
        guarded: bool = True,
        frames: int = 0,
        space: str = "w_plus",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def move(
        self,
        photo: PhotoLike | None = None,
        *,
        at: Place | str,
        by: Place = (0.0, 0.0),
        dz: float = 0.0,
        anchors: Sequence[Place | str] = (),
        guarded: bool = True,
        frames: int = 0,
        space: str = "w_plus",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def move(
        self,
        photo: PhotoLike | None = None,  # None: a new portrait, the one of `seed`
        *,
        at: Place | str,  # (x, y) in the photo's pixels, or a part of the face
        by: Place = (0.0, 0.0),  # so many pixels to the right, and down
        dz: float = 0.0,  # -0.5 to 0.5: what lies around it grows by this share of its size
        anchors: Sequence[Place | str] = (),  # points that stay
        guarded: bool = True,  # stop where it would no longer be the person
        frames: int = 0,  # so many pictures of the way there, in `picture.way`
        space: str = "w_plus",  # where the photo is sought, as in `edit`
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """Move a point of the face by the prior's latent transformer: `move("new.jpg", at="mouth_left", by=(-3, -4))`. It takes a few
        passes of the generator, and no gradient. `report.points` says where the point got, and whether the anchors stayed.

        Raises InvalidRequest for points that cannot be meant, FaceNotFound when the photo does not show this person, PriorAssetMissing when
        the persona's prior has no latent transformer."""
        wanted = movement(at, by, dz, anchors)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Move,
            persona_id=self.id,
            at=wanted[0].handle,
            by=wanted[0].by,
            dz=dz,
            anchors=[pull.handle for pull in wanted[1:]],
            guarded=guarded,
            frames=frames,
            space=space,
            face=face,
            seed=seed,
        )
        if photo is not None:
            request.photo = self._photo(photo, uploads)
        return self._submit(request, uploads, {"kind": "way"}, wait, webhook)

    # -- compose ---------------------------------------------------------------------------------------------------------

    def compose(
        self,
        photo: PhotoLike | None = None,  # None: a portrait drawn at random
        *parts: Part,
        only: Sequence[str] = (),  # parts to show, and nothing else
        space: str = "w_plus",
        face: Face = None,  # (x, y) in the face of `photo` that is meant; None: the one most like the person
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
        **values: float,  # of the whole face: yaw=10
    ) -> Any:
        """A face put together part by part: `compose("new.jpg", Part("hair", like="other.jpg"), Part("nose", dx=4))`.

        The picture has a `segmentation`. Raises InvalidRequest for personas whose prior has no parts, and for parts that there are not;
        InvalidImage for a photo in which a part cannot be seen."""
        batch = expanded(values, persona=self.name, reach=self.reach, strict=strict)
        if len(batch.values) != 1:
            raise InvalidRequest(
                "a composition is one picture; give each attribute one value", param=next(iter(values))
            )
        uploads = Uploads(self._backend, self.id)
        asked, photos = changes(parts, uploads)
        request = build(
            Compose, persona_id=self.id, photo=None if photo is None else self._photo(photo, uploads), like=photos, changes=asked,
            only=list(only), values=batch.values[0], space=space, face=face, strict=strict, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

    # -- enhance ---------------------------------------------------------------------------------------------------------

    @overload
    def enhance(
        self,
        photo: PhotoLike,
        degradation: Degradations = "auto",
        *,
        face: Face = None,
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
        **values: float,
    ) -> Picture: ...
    @overload
    def enhance(
        self,
        photo: PhotoLike,
        degradation: Degradations = "auto",
        *,
        face: Face = None,
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
        **values: float,
    ) -> Job[Picture]: ...
    def enhance(
        self,
        photo: PhotoLike,
        degradation: Degradations = "auto",  # what happened to the photo, in that order; "auto" estimates it
        *,
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        strict: Strict = False,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
        **values: float,
    ) -> Any:
        """Restore a degraded photo. Attributes steer what the damage left open: `enhance("tiny.jpg", Downsample(8), smile=0)`.

        With "auto" the picture has the photo's width and height; a named Downsample enlarges it by its factor. Raises InvalidRequest
        for a mask that does not fit the photo, FaceNotFound when the damage hides where the face is."""
        batch = expanded(values, persona=self.name, reach=self.reach, strict=strict)
        if len(batch.values) != 1:
            raise InvalidRequest("enhance() makes one picture; give each attribute one value", param=next(iter(values)))
        name, source = read(photo)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Enhance, persona_id=self.id, degradation=self._chain(degradation, source, uploads),  # before the photo: it may be refused
            photo=stored(uploads, name, source), values=batch.values[0], face=face, strict=strict, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

    # -- faces -----------------------------------------------------------------------------------------------------------

    @overload
    def faces(
        self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: Literal[True] = True
    ) -> list[FoundFace]: ...
    @overload
    def faces(
        self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: Literal[False]
    ) -> Job[list[FoundFace]]: ...
    def faces(self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: bool = True) -> Any:
        """The faces of a photo, with how like this person each is: the one that would be taken first, then the others. `face.middle`
        is what `face=` takes. None is found: an empty list."""
        uploads = Uploads(self._backend, self.id)
        request = build(FindFaces, persona_id=self.id, photo=self._photo(photo, uploads))
        return self._submit(request, uploads, {}, wait, webhook)

    # -- add -------------------------------------------------------------------------------------------------------------

    @overload
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        keep: Sequence[str] = (),
        labels: Mapping[str, Mapping[str, float]] | None = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Persona: ...
    @overload
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        keep: Sequence[str] = (),
        labels: Mapping[str, Mapping[str, float]] | None = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Persona]: ...
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],  # a folder, or paths, bytes, …, as in a creation; one is enough
        *,
        keep: Sequence[str] = (),  # ["a.jpg"]: photos to use whatever is found in them, if they show a face
        labels: Mapping[str, Mapping[str, float]] | None = None,  # {"a.jpg": {"age": 34}}, for attributes of your own
        seed: int = 0,
        webhook: Webhook | None = None,  # whom to tell when it is over, in place of the studio's
        wait: bool = True,
    ) -> Any:
        """Learn the person better from more photos, in about a third of the time. Returns the persona as it is then, with the
        same id and name; this handle keeps the record that it has. Until the job has succeeded, the old one serves.

        The same call again while the job runs returns the same job; other photos meanwhile raise Conflict. From the job: PhotosUnusable
        when none of the photos shows this person and is new."""
        known = checked_labels(labels)
        if self.record.nobody:
            check_anybody(AddPhotos(persona_id=self.id, photos=[]))
        uploads = Uploads(self._backend, self.id)
        kept = [keep] if isinstance(keep, str) else list(keep)
        request = build(AddPhotos, persona_id=self.id, photos=[], keep=kept, seed=seed)
        request.photos += uploaded(uploads, photos, known, keep=kept)
        prior = self.record.prior.partition("@")[0]
        job: Job[Persona] = Job(
            self._backend,
            submit(self._backend, request, uploads=uploads, shape={}, prior=prior, webhook=webhook),
        )
        return job.wait() if wait else job

    # -- delete ----------------------------------------------------------------------------------------------------------

    def delete(self) -> Receipt:
        """Remove record, weights, photos and every picture made from them, and destroy the key with which they were stored, so
        that no backup of the store can be read. Jobs stop; workers forget within a minute. What remains is the signed receipt;
        asked again, the same one."""
        return delete(self._backend, self.id)

    # --------------------------------------------------------------------------------------------------------------------

    def _submit(
        self, request: Any, uploads: Uploads | None, shape: dict[str, Any], wait: bool, webhook: Webhook | None
    ) -> Any:
        if self.record.nobody:
            try:
                check_anybody(request)
            except InvalidRequest:
                if uploads is not None:
                    uploads.withdraw()
                raise
        # Not keyed: the same call twice is two jobs. (A create is: its name is its key.)
        job: Job[Any] = Job(
            self._backend, submit(self._backend, request, uploads=uploads, shape=shape, webhook=webhook)
        )
        return job.wait() if wait else job

    def _photo(self, photo: PhotoLike, uploads: Uploads) -> Photo:
        return stored(uploads, *read(photo))

    def _chain(self, degradation: Degradations, photo: bytes | Link, uploads: Uploads) -> Any:
        if isinstance(degradation, str):
            if degradation != "auto":
                raise InvalidRequest(
                    f"degradation={degradation!r}; expected 'auto', a degradation such as portraitist.Downsample(8), or a list of them",
                    param="degradation",
                )
            return degradation
        chain = list(degradation) if isinstance(degradation, (list, tuple)) else [degradation]
        for step in chain:
            if not isinstance(step, DEGRADATIONS):
                raise InvalidRequest(
                    f"degradation holds a {type(step).__name__}; expected {', '.join(c.__name__ for c in DEGRADATIONS)}",
                    param="degradation",
                )
        if not chain:
            raise InvalidRequest("degradation is an empty list; leave it out to have it estimated", param="degradation")
        return [self._uploaded(step, photo, uploads) if isinstance(step, Mask) else step for step in chain]

    def _uploaded(self, mask: Mask, photo: bytes | Link, uploads: Uploads) -> Mask:
        known = is_digest(mask.image)  # of an earlier request about this person
        data = self._backend.sealed(self.id).get(mask.image) if known else read_bytes(mask.source())[1]
        check_files(data, None if isinstance(photo, Link) else photo)
        return Mask(uploads.add(data))


@handle_of(PersonaRecord)
def _of_job(backend: Backend, row: JobRow) -> Persona:
    return Persona(backend, PersonaRecord.model_validate(backend.readable(row.persona_id, row.result)))


@handle_of(Faces)
def _found(backend: Backend, row: JobRow) -> list[FoundFace]:
    return Faces.model_validate(backend.readable(row.persona_id, row.result)).faces
