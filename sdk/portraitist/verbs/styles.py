"""What a persona looks like in another style. Learning styles is `studio.styles`."""

from __future__ import annotations

from typing import Any, Literal, get_args, overload

from ..errors import InvalidRequest
from ..jobs import Job
from ..photos import PhotoLike, read, stored
from ..picture import Picture
from ..requests import Face, Restyle, StyledRegion
from ..submission import Uploads, build
from ..webhooks.wire import Webhook
from .base import Verbs, check_one_of

STYLED: tuple[str, ...] = get_args(StyledRegion)


class Restyling(Verbs):
    @overload
    def restyle(
        self,
        photo: PhotoLike | None = None,
        *,
        style: str,
        strength: float = 1.0,
        region: str | None = None,
        like: PhotoLike | None = None,
        preset: str = "fast",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Picture: ...
    @overload
    def restyle(
        self,
        photo: PhotoLike | None = None,
        *,
        style: str,
        strength: float = 1.0,
        region: str | None = None,
        like: PhotoLike | None = None,
        preset: str = "fast",
        face: Face = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Picture]: ...
    def restyle(
        self,
        photo: PhotoLike | None = None,  # None: a new portrait, the one of `seed`
        *,
        style: str,  # toon, pencil, clay, or one of `studio.styles`
        strength: float = 1.0,  # 0 to 1
        region: str | None = None,  # head, face, hair, eyes, smile, nose or background; None: the whole aligned face
        like: PhotoLike | None = None,  # a picture in that style, or of anybody: its colours are taken
        preset: str = "fast",  # "best": the generator is tuned to the photo first, which takes seconds
        face: Face = None,  # (x, y) in the face that is meant, whoever it is; None: the one most like the person
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: bool = True,
    ) -> Any:
        """The person in a style: a square picture of the face or, with `region`, the photo with that region restyled and all else as it
        was, bit for bit. `like` gives the style other colours, of hair, skin and background.

        Raises InvalidRequest for an unknown region or a style of another prior, NotFound for a style that there is not. FaceNotFound says
        that the photo does not show this person, or `like` no face."""
        if region is not None:
            check_one_of("region", region, STYLED)
            if photo is None:
                raise InvalidRequest("a region is of a photo; give one, or leave region out", param="region")
        uploads = Uploads(self._backend, self.id)
        given, colours = (None if one is None else stored(uploads, *read(one)) for one in (photo, like))
        request = build(
            Restyle, persona_id=self.id, photo=given, style=style, strength=strength, region=region, like=colours,
            preset=preset, face=face, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "one"}, wait, webhook)
