"""One live session: commands change its history, and the engine shows what becomes of it. Quick pictures first; when nothing more comes,
the picture as it would be saved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from portraitist.errors import InvalidRequest, PortraitistError
from portraitist.live.commands import Aim, Command, Compare, DragOn, Set, Simple
from portraitist.live.messages import Frame
from portraitist.live.session import HERE_S
from portraitist.masks import MOVABLE, check_white
from portraitist.requests import MOST_STEPS, DragStep, Open, Pull, Retouch, SetStep
from portraitist.results import Closed, Progress

from ..operations.context import Context
from .engine import Engine, Interrupted, Shot
from .keeper import Keeper
from .mailbox import Mailbox
from .wire import Wire

if TYPE_CHECKING:
    import numpy as np

QUIET_S = 0.12  # so long without a command, and the picture is made as it would be saved
GONE_S = 30.0  # so long without a client, and it ends
WAIT_S = 0.25
KEPT_S = 0.3  # so soon at most clients hear that what they said is safe

Json = dict[str, Any]


class Session:
    """`run` is the whole of it. `draws` opens the photo; `encode` makes a picture's JPEG file."""

    def __init__(
        self,
        request: Open,
        context: Context,
        wire: Wire,
        draws: Callable[[], Engine],
        encode: Callable[[np.ndarray], bytes],
    ) -> None:
        self._request, self._context, self._wire = request, context, wire
        self._draws, self._encode = draws, encode
        kept = json.loads(context.load_checkpoint() or b"{}")
        first = [SetStep(values=dict(request.values))] if request.values else []
        self.steps: list[SetStep | DragStep] = (
            Retouch.model_validate({"persona_id": "", "steps": kept["steps"]}).steps if kept else [*first]
        )
        self.at: int = kept.get("at", len(self.steps))  # so many of them are in effect
        self._seen: dict[str, int] = kept.get("seen", {})  # per client, up to which command all is obeyed
        self._mailbox = Mailbox(self._seen)
        self._keeper = Keeper(context.save_checkpoint, self._mailbox.seen)
        self._about: Json = {"status": "opening"}
        self._moving: Iterator[Shot] | None = None
        self._unsettled, self._comparing, self._touched = True, False, False
        self._held = False  # a pointer still holds the drag, which is only shown meanwhile
        self._points: list[Json] = []  # of the running drag, as last seen
        self._from: tuple[str | None, str | None] = None, None  # whose command was the last, and its tag
        self._frame: Frame | None = None
        self._frames = self._commands = 0
        self._why = ""
        self._spoke, self._told = time.monotonic(), self._keeper.kept

    def run(self) -> Closed:
        """Until it is closed, or nobody is there. Raises what opening the photo does, and JobCancelled."""
        self._wire.listen(self._mailbox.hear)
        try:
            self._tell()
            self._context.on_step(Progress(stage="open", step=0, steps=1))
            engine = self._draws()
            try:
                self._about = {"status": "open", **engine.about()}
                self._mailbox.present = self._mailbox.asked = time.monotonic()
                self._tell()
                while not self._why:
                    self._round(engine)
            finally:
                engine.close()
        finally:
            self._keeper.close()
        return Closed(why=self._why, commands=self._commands, frames=self._frames)  # type: ignore[arg-type]  # one of them

    def _round(self, engine: Engine) -> None:
        """Obey what waits, then make one picture."""
        rests = self._unsettled and not self._held  # or will, if nothing more comes
        wait = 0.0 if self._moving else QUIET_S if rests else WAIT_S
        waiting, self._seen = self._mailbox.take(wait)
        for client, tag, asked in waiting:
            self._commands += 1
            self._from = client, tag
            try:
                if isinstance(asked, InvalidRequest):
                    raise asked
                self._obey(asked, engine)
            except PortraitistError as error:
                self._refuse(getattr(asked, "do", None), error)
        if waiting:
            self._keeper.keep(self._history())
            self._tell()
        if self._mailbox.greeted:
            self._mailbox.greeted = False
            self._tell()
            self._show_again()
        try:
            if self._moving is not None:
                self._move()
            elif self._unsettled and not self._held and not waiting:
                self._settle(engine)
        except PortraitistError as error:
            self._undone(error)
        now = time.monotonic()
        if now - self._spoke > (HERE_S if self._told is self._keeper.kept else KEPT_S):
            self._context.check()
            self._say({"is": "here"})
        if now - self._mailbox.asked > self._request.idle_s:
            self._why = "idle"
        elif now - self._mailbox.present > GONE_S:
            self._why = "gone"

    # -- commands --------------------------------------------------------------------------------------------------------

    def _obey(self, asked: Command, engine: Engine) -> None:
        if isinstance(asked, Set):
            last = self.steps[self.at - 1] if self.at else None
            again = isinstance(last, SetStep) and set(last.values) == set(asked.values) and self._touched
            step = SetStep(values=asked.values)
            engine.check(step)
            self._put(step, again=again)
        elif isinstance(asked, DragOn):
            mask = asked.painted()
            blob = None
            if mask is not None:
                check_white(mask, None, MOVABLE)
                blob = self._context.put(mask)
            drag = DragStep(points=asked.points, mask=blob, method=asked.method, guarded=asked.guarded)
            engine.check(drag)
            self._put(drag)
            self._held = asked.held
        elif isinstance(asked, Aim):
            self._aim([(x, y) for x, y in asked.to], engine)
            self._held = asked.held
            self._moving = engine.preview(self.steps[: self.at], anew=False, held=self._held)
            return
        elif isinstance(asked, Compare):
            self._comparing = asked.on
            if asked.on:
                self._show(engine.before(), "before")
            else:
                self._unsettled = True
            return
        elif isinstance(asked, Simple):
            if asked.do == "stop":
                self._stop(engine)
            elif asked.do == "close":
                self._why = "closed"
            else:
                self._go(self.at + (1 if asked.do == "redo" else -1))
            return
        self._moving = engine.preview(self.steps[: self.at], held=self._held)

    def _put(self, step: SetStep | DragStep, *, again: bool = False) -> None:
        """A new step after those in effect; `again`: in the place of the last one."""
        before = self.steps[: self.at - again]
        if len(before) >= MOST_STEPS:
            raise InvalidRequest(
                f"a session has at most {MOST_STEPS} steps; save the picture and open that", param="do"
            )
        self.steps, self.at = [*before, step], len(before) + 1
        self._unsettled = self._touched = True
        self._points, self._held = [], False

    def _aim(self, to: list[tuple[float, float]], engine: Engine) -> None:
        last = self.steps[self.at - 1] if self.at else None
        if not isinstance(last, DragStep) or len(last.points) != len(to):
            many = len(last.points) if isinstance(last, DragStep) else 0
            raise InvalidRequest(
                f"aim names {len(to)} places, and the last step is {f'a drag of {many} points' if many else 'no drag'}",
                param="to",
            )
        engine.check_places(to)
        points = [
            Pull(handle=pull.handle, to=place, grow=pull.grow) for pull, place in zip(last.points, to, strict=True)
        ]
        seen = self._points
        self._put(last.model_copy(update={"points": points}), again=True)
        self._points = seen

    def _stop(self, engine: Engine) -> None:
        """The drag's targets become what it has reached; a drag that has not begun is taken back."""
        going = self._moving is not None or self._held
        if not going or not self.at or not isinstance(self.steps[self.at - 1], DragStep):
            return
        self._moving = None
        if self._points:
            self._aim([tuple(point["at"]) for point in self._points], engine)
        else:
            self._go(self.at - 1)

    def _go(self, at: int) -> None:
        if 0 <= at <= len(self.steps):
            self.at, self._moving, self._unsettled, self._touched, self._points = at, None, True, False, []
            self._held = False

    # -- pictures --------------------------------------------------------------------------------------------------------

    def _move(self) -> None:
        assert self._moving is not None
        shot = next(self._moving, None)
        if shot is None:
            self._moving = None
            return
        self._points = shot.points
        if not self._comparing:
            self._show(shot, "moving")

    def _settle(self, engine: Engine) -> None:
        def listen() -> None:
            if self._mailbox.waits():
                raise Interrupted

        try:
            settled = engine.settle(self.steps[: self.at], listen)
        except Interrupted:
            return
        self._unsettled = self._touched = False
        if settled.landed is not None:
            self._say({"is": "landed", **settled.landed})
        if not self._comparing:
            self._show(settled.shot, "rest")

    def _undone(self, error: PortraitistError) -> None:
        """The last step could not be done: it is taken out of the history."""
        self._context.check()  # it may be that the persona was deleted
        self._moving = None
        if not self.at:
            raise error
        step = self.steps.pop(self.at - 1)
        self.at -= 1
        self._unsettled, self._touched, self._held = True, False, False
        self._keeper.keep(self._history())
        self._refuse(step.do, error)
        self._tell()

    def _refuse(self, do: str | None, error: PortraitistError) -> None:
        client, tag = self._from
        self._say({"is": "refused", "to": client, "tag": tag, "do": do, "error": error.to_dict()})

    def _show(self, shot: Shot, kind: str) -> None:
        self._context.check()  # no picture leaves after the persona was deleted
        height, width = shot.picture.pixels.shape[:2]
        self._frames += 1
        head = {
            "frame": self._frames,
            "kind": kind,
            "width": width,
            "height": height,
            "step": shot.step,
            "points": shot.points,
        } | ({"parts": shot.parts} if shot.parts else {})
        self._frame = Frame(head, self._encode(shot.picture.pixels))
        self._say(self._frame)

    def _show_again(self) -> None:
        """To somebody who has just come."""
        if self._frame is not None:
            self._say(Frame(dict(self._frame.head), self._frame.picture), heard=self._frame.head.get("seen"))

    # --------------------------------------------------------------------------------------------------------------------

    def _history(self) -> Json:
        steps = [step.model_dump(mode="json") for step in self.steps]
        return {"steps": steps, "at": self.at, "seen": self._seen}

    def _tell(self) -> None:
        self._say({"is": "state", **self._about, **{k: v for k, v in self._history().items() if k != "seen"}})

    def _say(self, message: Json | Frame, *, heard: Json | None = None) -> None:
        head = message.head if isinstance(message, Frame) else message
        head["seen"] = self._seen if heard is None else heard
        head["kept"] = self._told = self._keeper.kept
        self._spoke = time.monotonic()
        with suppress(RuntimeError):  # the exchange is ending
            self._wire.say(message)
