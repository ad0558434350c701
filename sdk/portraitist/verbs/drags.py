"""Points of a face pulled to other places: by the generator's features, or by a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from ..jobs import Job
from ..masks import MOVABLE, check_white
from ..photos import PhotoLike, read, read_bytes, stored
from ..picture import Picture
from ..pulls import Box, Place, Points, movement, pulls
from ..requests import Drag, Face, Move
from ..submission import Uploads, build
from ..webhooks.wire import Webhook
from .base import Verbs


class Drags(Verbs):
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
        A handle that is a region moves as a whole: a box (left, top, right, bottom), or mouth, whole_nose, eyes, brows, jaw.

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

    @overload
    def move(
        self,
        photo: PhotoLike | None = None,
        *,
        at: Place | Box | str,
        by: Place = (0.0, 0.0),
        dz: float = 0.0,
        anchors: Sequence[Place | Box | str] = (),
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
        at: Place | Box | str,
        by: Place = (0.0, 0.0),
        dz: float = 0.0,
        anchors: Sequence[Place | Box | str] = (),
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
        at: Place
        | Box
        | str,  # (x, y) in the photo's pixels, or a part of the face; or a region, as a box or by its name
        by: Place = (0.0, 0.0),  # so many pixels to the right, and down
        dz: float = 0.0,  # -0.5 to 0.5: what lies around it grows by this share of its size
        anchors: Sequence[Place | Box | str] = (),  # points and regions that stay
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
            request.photo = stored(uploads, *read(photo))
        return self._submit(request, uploads, {"kind": "way"}, wait, webhook)
