"""An open photo, as the caller holds it: commands, frames, history, save. `session` does the talking, in a thread."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from .. import recipes
from ..backend import Backend
from ..errors import JobCancelled, PersonaDeleted, PortraitistError, WaitTimeout, from_dict
from ..jobs import Job, handle_of
from ..ledger import JobRow
from ..masks import MOVABLE, check_white
from ..photos import PhotoLike, read_bytes
from ..picture import Picture
from ..pulls import Box, Place, Points, movement, pulls
from ..requests import DragStep, Open, Retouch, SetStep, Strict
from ..results import Closed, PointReport, Reach
from ..submission import build
from ..targets import KEEP, check_name, expanded
from .history import steps_of
from .loop import called, loop
from .messages import Frame, Json
from .session import LiveSession

if TYPE_CHECKING:
    from PIL.Image import Image

_WAIT_S = 120.0  # for an answer to one command


@dataclass(frozen=True)
class LiveFrame:
    """One picture on the way. `kind`: "moving" (quick), "rest" (as it is saved) or "before". `points`: of a running drag, docs/http.md."""

    number: int
    kind: str
    step: int
    points: list[Json]
    data: bytes  # a JPEG file

    @cached_property
    def image(self) -> Image:
        """As a PIL image."""
        from PIL import Image as pil

        image = pil.open(io.BytesIO(self.data))
        image.load()
        return image


class OpenPhoto:
    """A photo or portrait that is kept open. Use it in a `with` block: at its end it is closed.

    Methods raise the session's own error when it is over, such as PersonaDeleted, and WaitTimeout when nothing is heard."""

    def __init__(self, backend: Backend, job_id: str, *, reach: Mapping[str, Reach], name: str) -> None:
        self.id = job_id
        self.resumed = 0  # how often another worker had to go on
        self._backend, self._reach, self._name = backend, reach, name
        self._session = LiveSession(backend, job_id)
        self._news = threading.Condition()
        self._frames: dict[str, tuple[Frame, int]] = {}  # the newest of each kind, and up to which command it has seen
        self._newest: Frame | None = None
        self._landed: tuple[int, list[PointReport]] = 0, []  # how many drags have landed, and how the last one did
        self._refused: PortraitistError | None = None
        self._ended: Json | None = None
        self._last = 0  # number of the last command that changes the picture
        called(self._session.start())
        self._pump = asyncio.run_coroutine_threadsafe(self._listen(), loop())
        self._until(lambda: self._session.state.get("status") == "open", None)

    # -- what is asked ---------------------------------------------------------------------------------------------------

    def set(self, **values: Any) -> None:
        """Attributes to targets, as in `edit`: `set(yaw=12, smile=0.4)`. None: it stays as it was. "keep": it does not follow a smile.

        It returns at once. `image` or `frames` show what becomes of it. Raises UnknownAttribute, OutOfRange."""
        numbers = {name: value for name, value in values.items() if value is not None and value != KEEP}
        for name in values:
            check_name(name, self._reach, owner=f"persona {self._name!r}")
        expanded(numbers, persona=self._name, reach=self._reach)
        self._change({"do": "set", "values": values})

    def drag(
        self,
        points: Points,
        *,
        mask: PhotoLike | None = None,
        method: str = "auto",
        guarded: bool = True,
        wait: bool = True,
        held: bool = False,
    ) -> list[PointReport]:
        """Pull points of the picture as it is now, as `Persona.drag` does; the same arguments. Returns how each ended, or with `wait=False`
        at once: then `frames` show it on its way, `aim` leads it elsewhere and `stop` ends it.

        `held`: a pointer is still down. It returns at once, and frames come from the latent transformer, where the prior has one. The drag
        lands after an `aim` that is not held."""
        wanted = [pull.model_dump(mode="json") for pull in pulls(points)]
        painted = None
        if mask is not None:
            data = read_bytes(mask, default="mask")[1]
            check_white(data, None, MOVABLE)
            painted = base64.b64encode(data).decode()
        asked = {"points": wanted, "mask": painted, "method": method, "guarded": guarded, "held": held}
        return self._pulled(asked, wait and not held)

    def move(
        self,
        *,
        at: Place | Box | str,
        by: Place = (0.0, 0.0),
        dz: float = 0.0,
        anchors: Sequence[Place | Box | str] = (),
        guarded: bool = True,
        wait: bool = True,
    ) -> list[PointReport]:
        """Move a point of the picture as it is now, as `Persona.move` does; the same arguments. Returns how it and the anchors ended, or
        with `wait=False` at once. In the history it is a drag by the transformer, which `aim` leads elsewhere."""
        wanted = [pull.model_dump(mode="json") for pull in movement(at, by, dz, anchors)]
        return self._pulled({"points": wanted, "method": "transformer", "guarded": guarded}, wait)

    def aim(self, to: Sequence[Place], *, held: bool = False) -> None:
        """The drag that was begun last goes to these places instead, one for each of its points. Returns at once. `held`: as of `drag`."""
        self._change({"do": "aim", "to": [list(map(float, place)) for place in to], "held": held})

    def stop(self) -> None:
        """The drag ends where it is."""
        self._change({"do": "stop"})

    def undo(self) -> None:
        """Back one step of the history. Returns at once."""
        self._change({"do": "undo"})

    def redo(self) -> None:
        """The step that was undone last, again."""
        self._change({"do": "redo"})

    # -- what there is to see --------------------------------------------------------------------------------------------

    @property
    def history(self) -> list[SetStep | DragStep]:
        """The steps that are in effect, the first one first."""
        self._heard()
        return steps_of(self._session.state)

    @property
    def points(self) -> list[PointReport]:
        """How the last drag's points ended."""
        return self._landed[1]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photo, px; places of points are in these."""
        return self._session.state["width"], self._session.state["height"]

    @property
    def image(self) -> Image:
        """The picture as it is once everything asked for is done, at the size of a frame. `save` gives the whole photo."""
        return self._rest().image

    def frames(self, *, timeout: float = _WAIT_S) -> Iterator[LiveFrame]:
        """The pictures of what was asked last, as they come, up to the one that rests. Slow callers get fewer, and always that one."""
        shown = 0
        while True:
            frame = self._until(partial(self._fresh, shown), timeout)
            shown = frame.head["frame"]
            yield _shown(frame)
            if frame.head["kind"] == "rest" and self._sees(frame) >= self._last:
                return

    def compare(self) -> tuple[Image, Image]:
        """The picture before any change, and as it is now."""
        after = self._rest().image
        number = self._tell({"do": "compare", "on": True})
        before = self._until(lambda: self._of("before", number), _WAIT_S)
        self._tell({"do": "compare", "on": False})
        return _shown(before).image, after

    def save(self, path: str | os.PathLike[str] | None = None, *, strict: Strict = False) -> Picture:
        """The picture in full quality, marked and signed, with its report and its recipe; `path`: also written there. A job of its own
        makes it, from the history."""
        self._heard()
        row = saved(self._backend, self._backend.ledger.job(self.id), steps_of(self._session.state), strict=strict)
        picture: Picture = Job[Picture](self._backend, row).wait()
        if path is not None:
            picture.save(path)
        return picture

    def close(self) -> None:
        """End the session. What was not saved is gone."""
        if self._ended is None:
            try:
                self._tell({"do": "close"})
                self._until(lambda: self._ended, 10.0, alive=False)
            except PortraitistError:
                pass
        called(self._session.leave())

    def __enter__(self) -> OpenPhoto:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OpenPhoto({self.id!r})"

    # --------------------------------------------------------------------------------------------------------------------

    def _pulled(self, asked: Json, wait: bool) -> list[PointReport]:
        self._change({"do": "drag", **asked})
        if not wait:
            return []
        self._rest()
        return self._landed[1]

    def _change(self, data: Json) -> None:
        self._last = self._tell(data)

    def _tell(self, data: Json) -> int:
        if self._ended is not None:
            raise _error(self._ended, self.id)
        return called(self._session.send(data))

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._session.receive()
            except EOFError:
                return
            with self._news:
                self._note(message)
                self._news.notify_all()

    def _note(self, message: Json | Frame) -> None:
        if isinstance(message, Frame):
            self._newest = message
            self._frames[message.head["kind"]] = message, self._sees(message)
        elif message["is"] == "landed":
            self._landed = self._landed[0] + 1, [PointReport.model_validate(point) for point in message["points"]]
        elif message["is"] == "refused":
            self._refused = from_dict(message["error"])
        elif message["is"] == "resumed":
            self.resumed += 1
        elif message["is"] == "ended":
            self._ended = message

    def _until(self, condition: Any, timeout: float | None, *, alive: bool = True) -> Any:
        """Its value, once it has one. Raises the session's error, or that of a command that was refused."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._news:
            while not (value := condition()):
                if alive and self._ended is not None:
                    raise _error(self._ended, self.id)
                if self._refused is not None:
                    refused, self._refused = self._refused, None
                    raise refused
                if end is not None and time.monotonic() > end:
                    raise WaitTimeout(f"nothing was heard of session {self.id} for {timeout:g} s", job_id=self.id)
                self._news.wait(0.5)
            return value

    def _rest(self) -> LiveFrame:
        return _shown(self._until(lambda: self._of("rest", self._last), _WAIT_S))

    def _heard(self) -> None:
        """Until the worker has obeyed every command."""
        if self._ended is not None:
            raise _error(self._ended, self.id)
        called(self._session.heard(_WAIT_S))

    def _of(self, kind: str, number: int) -> Frame | None:
        frame, seen = self._frames.get(kind, (None, 0))
        return frame if frame is not None and seen >= number else None

    def _fresh(self, shown: int) -> Frame | None:
        return self._newest if self._newest is not None and self._newest.head["frame"] != shown else None

    def _sees(self, frame: Frame) -> int:
        return int(frame.head.get("seen", {}).get(self._session.name, 0))


def saved(backend: Backend, row: JobRow, steps: Sequence[SetStep | DragStep], *, strict: Strict = False) -> JobRow:
    """The job that makes the picture of a session's `row` after these steps."""
    opened = Open.model_validate(backend.readable(row.persona_id, row.request))
    request = build(
        Retouch,
        persona_id=row.persona_id,
        photo=opened.photo,
        steps=list(steps),
        space=opened.space,
        face=opened.face,
        strict=strict or opened.strict,
        seed=opened.seed,
    )
    return recipes.submitted(backend, request)


def _shown(frame: Frame) -> LiveFrame:
    head = frame.head
    return LiveFrame(head["frame"], head["kind"], head.get("step", 0), head.get("points", []), frame.picture)


def _error(message: Json, job_id: str) -> PortraitistError:
    if message.get("error"):
        return from_dict(message["error"])
    if message["why"] == "deleted":
        return PersonaDeleted("the session's persona was deleted with everything made from it", param="persona_id")
    why = {"idle": "nothing was asked for too long", "gone": "nobody held it any more", "cancelled": "it was cancelled"}
    said = why.get(message["why"], "it was closed")
    return JobCancelled(f"session {job_id} is over: {said}; open the photo again", job_id=job_id)


@handle_of(Closed)
def _of_job(backend: Backend, row: JobRow) -> Closed:
    return Closed.model_validate(row.result)
