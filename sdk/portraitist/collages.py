"""What a persona makes of two photos, or of several portraits at once: transfer, blend, strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from .errors import InvalidRequest
from .jobs import Job
from .photos import PhotoLike, read, stored
from .picture import Picture
from .requests import Blend, Direction, Region, Strict, Strip, Transfer
from .submission import Uploads, build
from .targets import expanded
from .webhooks.wire import Webhook

if TYPE_CHECKING:
    from .backend import Backend
    from .persona import Reaches

REGIONS: tuple[str, ...] = get_args(Region)
DIRECTIONS: tuple[str, ...] = get_args(Direction)
MOST = 256  # portraits of one strip


class Collages:
    """The part of a `Persona` that joins pictures."""

    if TYPE_CHECKING:  # a Persona's
        id: str
        name: str
        _backend: Backend

        @property
        def reach(self) -> Reaches: ...
        def _submit(
            self, request: Any, uploads: Uploads | None, shape: dict[str, Any], wait: bool, webhook: Webhook | None
        ) -> Any: ...

    @overload
    def transfer(
        self,
        photo: PhotoLike,
        like: PhotoLike,
        *,
        region: str = "smile",
        strength: float = 1.0,
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
        region: str = "smile",
        strength: float = 1.0,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def transfer(
        self,
        photo: PhotoLike,
        like: PhotoLike,  # another photo of the person; it has what `photo` shall get
        *,
        region: str = "smile",  # smile, eyes or nose
        strength: float = 1.0,  # 0 to 1
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """The best take of two: the photo, with a part of the face as it is in the other photo. The head's pose stays, and so does
        everything outside the region, bit for bit.

        Raises InvalidRequest for an unknown region, FaceNotFound when either photo does not show this person."""
        _known("region", region, REGIONS)
        uploads = Uploads(self._backend, self.id)
        request = build(
            Transfer, persona_id=self.id, photo=stored(uploads, *read(photo)), like=stored(uploads, *read(like)), region=region,
            strength=strength, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

    @overload
    def blend(
        self,
        photo: PhotoLike,
        other: PhotoLike,
        *,
        mask: str | float = "left-right",
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
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def blend(
        self,
        photo: PhotoLike,
        other: PhotoLike,  # another photo of the person, say of another year
        *,
        mask: str
        | float = "left-right",  # or right-left, top-bottom, bottom-top; a number: so much of the other everywhere
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """One face of two photos, going over into each other without a seam: a square picture in the first photo's pose.

        Raises InvalidRequest for an unknown mask, FaceNotFound when either photo does not show this person."""
        if isinstance(mask, str):
            _known("mask", mask, DIRECTIONS)
        elif not 0 <= mask <= 1:
            raise InvalidRequest(
                f"mask={mask!r}: expected a share from 0 to 1, or {', '.join(DIRECTIONS)}", param="mask"
            )
        uploads = Uploads(self._backend, self.id)
        request = build(
            Blend, persona_id=self.id, photo=stored(uploads, *read(photo)), other=stored(uploads, *read(other)), mask=mask, seed=seed
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)

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


def _known(param: str, given: object, known: Sequence[str]) -> None:
    if given not in known:
        raise InvalidRequest(f"{param}={given!r}: expected one of {', '.join(known)}", param=param)
