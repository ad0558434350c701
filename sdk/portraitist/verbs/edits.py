"""A real photo, with other attributes: another pose, another expression, another part of the face."""

from __future__ import annotations

from typing import Any, Literal, overload

from ..attributes import ESTIMATED
from ..errors import InvalidRequest
from ..jobs import Job
from ..parts import Part
from ..photos import PhotoLike, read, stored
from ..picture import Output, Picture
from ..requests import Edit, Face, Strict
from ..submission import Uploads, build
from ..targets import KEEP, Number, check_name, expanded
from ..webhooks.wire import Webhook
from .compositions import Compositions


class Edits(Compositions):
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
            one = Part(part, like, shape, texture, values=values)
            return self.compose(
                photo, one, space=space, frames=frames, face=face, strict=strict, seed=seed, webhook=webhook, wait=wait
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
            Edit, persona_id=self.id, photo=stored(uploads, *read(photo)), values=batch.values, columns=batch.columns,
            pinned=pinned, relative=relative, preset=preset, space=space, frames=frames, face=face,
            strict=strict, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "way"} if frames else batch.shape, wait, webhook)
