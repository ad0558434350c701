"""Damaged photos, restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

from ..degradations import DEGRADATIONS, Degradation, Mask
from ..errors import InvalidRequest
from ..jobs import Job
from ..masks import check_files
from ..photos import Link, PhotoLike, read, read_bytes, stored
from ..picture import Picture
from ..requests import Enhance, Face, Strict
from ..store import is_digest
from ..submission import Uploads, build
from ..targets import expanded
from ..webhooks.wire import Webhook
from .base import Verbs

Degradations: TypeAlias = Literal["auto"] | Degradation | Sequence[Degradation]


class Restorations(Verbs):
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
