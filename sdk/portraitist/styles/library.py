"""`studio.styles`: learning a style from pictures, and those that are there."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, overload

from ..backend import Backend
from ..errors import Conflict, InvalidRequest, NotFound, StorageError
from ..jobs import Job, handle_of
from ..ledger import JobRow
from ..photos import PhotoLike, gather, stored
from ..priors.library import Priors
from ..requests import LearnStyle
from ..submission import Uploads, build, submit
from ..webhooks.wire import Webhook
from .home import BUNDLED, StyleHome, bundled, bundled_bases, check_name, home_of
from .record import StyleRecord, read

LEAST, MOST = 5, 500  # pictures to learn from


@dataclass(frozen=True)
class Style:
    """One style. `record` is None for those that come with Portraitist. `bases` are the priors whose personas can wear it."""

    name: str
    bases: tuple[str, ...]
    record: StyleRecord | None = None


class Styles:
    """`studio.styles`. The bundled ones are "toon", "pencil" and "clay". The others are the tenant's own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def _home(self) -> StyleHome:
        return home_of(self._backend)

    @overload
    def learn(
        self,
        name: str,
        images: PhotoLike | Iterable[PhotoLike],
        *,
        base: str = ...,
        steps: int | None = ...,
        seed: int = ...,
        webhook: Webhook | None = ...,
        wait: Literal[False] = False,
    ) -> Job[Style]: ...
    @overload
    def learn(
        self,
        name: str,
        images: PhotoLike | Iterable[PhotoLike],
        *,
        base: str = ...,
        steps: int | None = ...,
        seed: int = ...,
        webhook: Webhook | None = ...,
        wait: Literal[True],
    ) -> Style: ...
    def learn(
        self,
        name: str,
        images: PhotoLike
        | Iterable[PhotoLike],  # a folder, or paths, bytes, …: 5 to 500 pictures of faces in the style
        *,
        base: str = "default",  # the prior: personas that were made from it can wear the style
        steps: int | None = None,  # None: by the number of pictures
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = False,
    ) -> Job[Style] | Style:
        """Learn a style from pictures of faces, each of which may show somebody else. Minutes; it ends early where faces would be lost.

        Raises InvalidRequest (too few or too many pictures, no name), InvalidImage, Conflict (the name is taken), NotFound and
        PriorNotCalibrated (`base`). The job raises InvalidImage when faces are seen in too few pictures."""
        check_name(name)
        if name in BUNDLED or name in self._home.names():
            raise Conflict(f"there is a style {name!r} already; choose another name, or remove it first", param="name")
        if self._backend.home is not None or self._backend.shared:  # a fake studio has no priors at all
            Priors(self._backend).usable(base)
        uploads = Uploads(self._backend)
        photos = []
        for number, (file, source) in enumerate(gather(images), 1):
            if number > MOST:
                uploads.withdraw()
                raise InvalidRequest(f"more than {MOST} pictures; a style needs no more than 50", param="images")
            photos.append(stored(uploads, file, source))
        if len(photos) < LEAST:
            uploads.withdraw()
            raise InvalidRequest(
                f"{len(photos)} picture(s) are too few for a style; give at least {LEAST}, better 20 to 50",
                param="images",
            )
        request = build(LearnStyle, name=name, base=base, images=photos, steps=steps, seed=seed)
        row = submit(self._backend, request, uploads=uploads, shape={}, prior=base, webhook=webhook)
        job: Job[Style] = Job(self._backend, row)
        return job.wait() if wait else job

    def list(self) -> list[Style]:
        """The bundled ones, then your own by name. One whose file is damaged is left out (`get` says why)."""
        found = [self.get(name) for name in BUNDLED]
        for name in self._home.names():
            with suppress(StorageError, NotFound):
                found.append(self.get(name))
        return found

    def get(self, name: str) -> Style:
        """Raises NotFound, InvalidRequest (no name), StorageError (damaged)."""
        if name in BUNDLED:
            return Style(name, tuple(bundled_bases(name)))
        record = read(self._home.data(name), name)
        return Style(name, (record.base,), record)

    def remove(self, name: str) -> None:
        """Delete a style that was learnt. Pictures made with it stay. Raises NotFound, InvalidRequest."""
        if name in BUNDLED:
            raise InvalidRequest("a bundled style cannot be removed", param="name")
        self._home.remove(name)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self.get(name) is not None
        except (NotFound, InvalidRequest):
            return False


def weights_of(home: StyleHome, name: str, base: str, base_sha256: str) -> bytes:
    """The file of a style for personas of one prior. Raises NotFound, StorageError, InvalidRequest (learnt on another prior)."""
    data = bundled(name, base) if name in BUNDLED else home.data(name)
    record = read(data, name)
    if record.base_sha256 != base_sha256:
        raise InvalidRequest(
            f"the style {name!r} was learnt on the prior {record.base!r}, and this persona was made from another, {base!r}; learn the "
            "style on that one, under another name",
            param="style",
        )
    return data


@handle_of(StyleRecord)
def _of_job(backend: Backend, row: JobRow) -> Style:
    record = StyleRecord.model_validate(row.result)
    return Style(record.name, (record.base,), record)
