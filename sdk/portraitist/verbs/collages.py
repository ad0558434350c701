"""What a persona makes of two photos, of one photo in several ways, or of several portraits at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, overload

from ..errors import InvalidRequest
from ..jobs import Job
from ..masks import TAKEN, check_white
from ..patches import Patches, moved_patches
from ..photos import PhotoLike, read, read_bytes, stored
from ..picture import Picture
from ..requests import (
    Blend,
    Blended,
    Direction,
    Extend,
    Face,
    Region,
    Strict,
    Strip,
    Transfer,
    Variations,
)
from ..submission import Uploads, build
from ..targets import expanded
from ..webhooks.wire import Webhook
from .base import Verbs, check_one_of

REGIONS: tuple[str, ...] = get_args(Region)
MASKS: tuple[str, ...] = (*get_args(Direction), *get_args(Blended))  # of a blend
MOST = 256  # portraits of one strip


class Collages(Verbs):
    @overload
    def transfer(
        self,
        photo: PhotoLike,
        like: PhotoLike,
        *,
        region: str | None = None,
        mask: PhotoLike | None = None,
        strength: float = 1.0,
        face: Face = None,
        like_face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def transfer(
        self,
        photo: PhotoLike,
        like: PhotoLike,
        *,
        region: str | None = None,
        mask: PhotoLike | None = None,
        strength: float = 1.0,
        face: Face = None,
        like_face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def transfer(
        self,
        photo: PhotoLike,
        like: PhotoLike,  # another photo of the person; it has what `photo` shall get
        *,
        region: str | None = None,  # smile, eyes or nose; None: the smile, or the mask
        mask: PhotoLike | None = None,  # in its place: black and white, of `photo`'s size; white is taken, black stays
        strength: float = 1.0,  # 0 to 1
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        like_face: Face = None,  # ... and in `like`
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """The best take of two: the photo, with a part of the face as it is in the other photo. The head's pose stays, and so does
        everything outside the region or the mask's white, bit for bit.

        Raises InvalidRequest for an unknown region and for a mask that cannot be meant, FaceNotFound when either photo does not show this
        person."""
        if region is not None:
            check_one_of("region", region, REGIONS)
            if mask is not None:
                raise InvalidRequest("region and mask both say what is taken; give one of them", param="mask")
        name, source = read(photo)
        uploads = Uploads(self._backend, self.id)
        painted = None
        if mask is not None:
            file = read_bytes(mask, default="mask")[1]
            check_white(file, source if isinstance(source, bytes) else None, TAKEN)
            painted = uploads.add(file)
        request = build(
            Transfer, persona_id=self.id, photo=stored(uploads, name, source), like=stored(uploads, *read(like)),
            region=region if painted else region or "smile", mask=painted, strength=strength,
            face=face, like_face=like_face, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

    @overload
    def blend(
        self,
        photo: PhotoLike,
        other: PhotoLike,
        *,
        mask: str | float = "left-right",
        face: Face = None,
        other_face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def blend(
        self,
        photo: PhotoLike,
        other: PhotoLike,
        *,
        mask: str | float = "left-right",
        face: Face = None,
        other_face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def blend(
        self,
        photo: PhotoLike,
        other: PhotoLike,  # another photo of the person, say of another year
        *,
        # left-right, right-left, top-bottom, bottom-top: where the other begins; smile, eyes, nose, background: what is the other's; a
        # number: so much of it everywhere
        mask: str | float = "left-right",
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        other_face: Face = None,  # ... and in `other`
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """One face of two photos, going over into each other without a seam: a square picture in the first photo's pose.

        Raises InvalidRequest for an unknown mask, FaceNotFound when either photo does not show this person."""
        if isinstance(mask, str):
            check_one_of("mask", mask, MASKS)
        elif not 0 <= mask <= 1:
            raise InvalidRequest(f"mask={mask!r}: expected a share from 0 to 1, or {', '.join(MASKS)}", param="mask")
        uploads = Uploads(self._backend, self.id)
        request = build(
            Blend, persona_id=self.id, photo=stored(uploads, *read(photo)), other=stored(uploads, *read(other)), mask=mask,
            face=face, other_face=other_face, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

    @overload
    def variations(
        self,
        photo: PhotoLike,
        *,
        patches: Patches | None = None,
        n: int = 8,
        strength: float = 0.5,
        layers: Sequence[int] = (8,),
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> list[Picture]: ...
    @overload
    def variations(
        self,
        photo: PhotoLike,
        *,
        patches: Patches | None = None,
        n: int = 8,
        strength: float = 0.5,
        layers: Sequence[int] = (8,),
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[list[Picture]]: ...
    def variations(
        self,
        photo: PhotoLike,
        *,
        patches: Patches
        | None = None,  # [((150, 120, 260, 170), By(0, -8))]: boxes of the photo, px, and how far they go; None: at random
        n: int = 8,  # so many pictures, 1 to 64; of patches of your own, picture k goes k/n of the way
        strength: float = 0.5,  # 0 to 1: how far patches go that are drawn at random
        layers: Sequence[int] = (8,),  # sizes of the feature maps in which they move: 8, 16, 32, 64
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        seed: int = 0,  # another seed draws other patches
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """Variations of one photo: patches of the generator's features move, and the face with them. The rest of the photo stays around the
        face.

        Raises InvalidRequest for patches that cannot be meant, FaceNotFound when the photo does not show this person."""
        wanted = [] if patches is None else moved_patches(patches)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Variations, persona_id=self.id, photo=stored(uploads, *read(photo)), patches=wanted, n=n, strength=strength,
            layers=list(layers), face=face, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "list"}, wait, webhook)

    @overload
    def strip(
        self,
        values: Sequence[Mapping[str, float]],
        *,
        vertical: bool = False,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def strip(
        self,
        values: Sequence[Mapping[str, float]],
        *,
        vertical: bool = False,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def strip(
        self,
        values: Sequence[Mapping[str, float]],  # [{"yaw": -20}, {}, {"yaw": 20}]: what each portrait shall show
        *,
        vertical: bool = False,
        seed: int = 0,
        strict: Strict = False,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """A row (or column) of new portraits on one canvas without joins, 2 to 256 of them.

        Raises InvalidRequest, UnknownAttribute, OutOfRange."""
        several = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
        if not several or not 2 <= len(values) <= MOST or not all(isinstance(one, Mapping) for one in values):
            raise InvalidRequest(
                f"values: expected 2 to {MOST} portraits, as in values=[{{'yaw': -20}}, {{}}, {{'yaw': 20}}]",
                param="values",
            )
        cells = []
        for one in values:
            batch = expanded(one, persona=self.name, reach=self.reach, strict=strict)
            if len(batch.values) != 1:
                raise InvalidRequest(
                    "strip() takes one number for each attribute of a portrait", param=next(iter(one), "values")
                )
            cells += batch.values
        request = build(Strip, persona_id=self.id, values=cells, vertical=vertical, strict=strict, seed=seed)
        return self._submit(request, None, {"kind": "one"}, wait, webhook)

    @overload
    def extend(
        self,
        photo: PhotoLike,
        size: tuple[int, int],
        *,
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def extend(
        self,
        photo: PhotoLike,
        size: tuple[int, int],
        *,
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def extend(
        self,
        photo: PhotoLike,
        size: tuple[int, int],  # width and height of what comes out, px; at most four times the photo's
        *,
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """A wider or taller photo: its background goes on. The photo itself stays, bit for bit, in the middle of the width and at the
        bottom.

        Raises InvalidRequest for a size that is smaller than the photo or far larger, FaceNotFound when it does not show this person."""
        uploads = Uploads(self._backend, self.id)
        request = build(
            Extend, persona_id=self.id, photo=stored(uploads, *read(photo)), size=size, face=face, seed=seed
        )
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)
