"""Faces put together part by part, by priors that have parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import InvalidRequest
from ..parts import Part, changes, check_ways
from ..photos import PhotoLike, read, stored
from ..requests import Compose, Face, Strict
from ..submission import Uploads, build
from ..targets import expanded
from ..webhooks.wire import Webhook
from .base import Verbs


class Compositions(Verbs):
    def compose(
        self,
        photo: PhotoLike | None = None,  # None: a portrait drawn at random
        *parts: Part,
        only: Sequence[str] = (),  # parts to show, and nothing else
        space: str = "w_plus",
        frames: int = 0,  # so many pictures of the way there, in `picture.way`
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
        check_ways(parts, frames)
        uploads = Uploads(self._backend, self.id)
        asked, photos = changes(parts, uploads)
        request = build(
            Compose, persona_id=self.id, photo=None if photo is None else stored(uploads, *read(photo)), like=photos, changes=asked,
            only=list(only), values=batch.values[0], space=space, frames=frames, face=face, strict=strict, seed=seed,
        )  # fmt: skip
        return self._submit(request, uploads, {"kind": "way"}, wait, webhook)
