"""The part of a `Persona` that is held open: `ana.open("new.jpg")`."""

from __future__ import annotations

from typing import Any, Literal, overload

from ..jobs import Job
from ..photos import PhotoLike, read, stored
from ..requests import Face, Open, Strict
from ..results import Closed
from ..submission import Uploads, build
from ..targets import expanded
from ..verbs.base import Verbs
from .photo import OpenPhoto


class Opening(Verbs):
    @overload
    def open(
        self,
        photo: PhotoLike | None = None,
        *,
        frame_px: int = 640,
        idle_s: float = 600.0,
        space: str = "w_plus",
        face: Face = None,
        strict: Strict = False,
        seed: int = 0,
        wait: Literal[True] = True,
        **values: float,
    ) -> OpenPhoto: ...
    @overload
    def open(
        self,
        photo: PhotoLike | None = None,
        *,
        frame_px: int = 640,
        idle_s: float = 600.0,
        space: str = "w_plus",
        face: Face = None,
        strict: Strict = False,
        seed: int = 0,
        wait: Literal[False],
        **values: float,
    ) -> Job[Closed]: ...
    def open(
        self,
        photo: PhotoLike | None = None,  # None: a new portrait, the one of `seed`
        *,
        frame_px: int = 640,  # longest side of the frames
        idle_s: float = 600.0,  # it ends after so long without a command
        space: str = "w_plus",  # where the photo is sought, as in `edit`
        face: Face = None,  # (x, y) in the face that is meant, as in `edit`
        strict: Strict = False,
        seed: int = 0,
        wait: bool = True,
        **values: float,  # a first change
    ) -> Any:
        """Keep a photo or portrait open, and change it live: `with ana.open("new.jpg") as photo: photo.set(yaw=12)`.

        It is found once; every change after that takes a fraction of a second. With `wait=False` the session's job. Raises FaceNotFound
        when the photo does not show this person, QueueUnavailable."""
        batch = expanded(values, persona=self.name, reach=self.reach, strict=strict)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Open, persona_id=self.id, values=batch.values[0], frame_px=frame_px, idle_s=idle_s, space=space, face=face,
            strict=strict, seed=seed,
        )  # fmt: skip
        if photo is not None:
            request.photo = stored(uploads, *read(photo))
        job: Job[Closed] = self._submit(request, uploads, {}, False, None)
        return OpenPhoto(self._backend, job.id, reach=self.reach, name=self.name) if wait else job
