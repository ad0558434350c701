"""One change after the other on an opened photo or a portrait: attributes set, points pulled. Jobs and live sessions share it, so what a
session shows when it rests is what it saves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from portraitist.priors.home import PriorHome
from portraitist.requests import DragStep, SetStep, Strict
from portraitist.results import PointReport, Reach

from ..drag.canvas import Canvas, read_mask
from ..drag.dragged import dragged, point_reports, used
from ..drag.hold import Held, Hold
from ..drag.moving import Mover, mover_of
from ..drag.task import Step, Task
from ..generator import Generator
from ..persona.expressions import followed
from ..persona.rendering import render
from ..persona.requests import resolve
from ..persona.steering import steer
from ..persona.warm import WarmPersona
from ..precision import optimisation_dtype
from .carrying import pictures
from .moving import moved
from .opening import OpenedPhoto

Values = dict[str, float]
Listen = Callable[[], None]  # called now and then; what it raises ends the work


@dataclass(frozen=True)
class SetLeg:
    """Steps that set attributes, one after the other without a drag between them: the last value of each counts."""

    values: Values
    pinned: tuple[str, ...] = ()


Leg = SetLeg | DragStep


@dataclass(frozen=True, eq=False)
class Standing:
    """Where the face is after some legs.

    w       [1, num_ws, D]
    hold    what the last mask keeps in the generator's picture; fixed [R, R] in its square, still [H, W] in px of the whole: 1 where
            nothing moves since
    kept    [H, W], 1 where no step has moved anything; None: that may be nowhere
    asked, target, follow   of the last leg that set attributes
    task, step, method      of the last drag
    """

    w: Tensor
    hold: Hold | None = None
    fixed: Tensor | None = None
    still: np.ndarray | None = None
    kept: np.ndarray | None = None
    begun: bool = False
    asked: Values = field(default_factory=dict)
    target: Values = field(default_factory=dict)
    follow: Values = field(default_factory=dict)
    task: Task | None = None
    step: Step | None = None
    method: str = ""


def legs(steps: Sequence[SetStep | DragStep]) -> list[Leg]:
    """Neighbouring `set`s as one, begun from where the steps before them have left the face: a slider that goes back leaves no trace."""
    found: list[Leg] = []
    for step in steps:
        if isinstance(step, DragStep):
            found.append(step)
            continue
        before = found.pop() if found and isinstance(found[-1], SetLeg) else SetLeg({})
        assert isinstance(before, SetLeg)
        values = {name: value for name, value in before.values.items() if name not in step.values}
        pinned = [name for name in before.pinned if name not in step.values]
        values |= {name: value for name, value in step.values.items() if isinstance(value, (int, float))}
        pinned += [name for name, value in step.values.items() if value == "keep"]
        found.append(SetLeg(values, tuple(pinned)))
    return found


class Retouching:
    """`masks`: what is in the blobs that steps name. `priors`: the home of the person's prior, if it was imported. Methods raise
    InvalidRequest, UnknownAttribute, OutOfRange, FaceNotFound, PriorAssetMissing."""

    def __init__(
        self,
        person: WarmPersona,
        canvas: Canvas,
        reach: Sequence[Reach],
        masks: Callable[[str], bytes],
        *,
        strict: Strict = False,
        priors: PriorHome | None = None,
    ) -> None:
        self.person, self.canvas, self.reach, self.masks, self.strict = person, canvas, reach, masks, strict
        self._priors = priors

    def begin(self) -> Standing:
        return Standing(self.canvas.w)

    def after(self, leg: Leg, start: Standing, listen: Listen = lambda: None) -> Standing:
        """Where `leg` leads from `start`."""
        return self._set(leg, start, listen) if isinstance(leg, SetLeg) else self._drag(leg, start, listen)

    def generator(self, at: Standing) -> Generator:
        """For `render`."""
        return self.canvas.generator if at.hold is None else Held(self.canvas.generator, at.hold)  # type: ignore[return-value]

    def shown(self, at: Standing) -> OpenedPhoto:
        """The photo, whose face is drawn as it is there. Not for portraits."""
        assert self.canvas.photo is not None
        if at.hold is None:
            return self.canvas.photo
        return replace(self.canvas.photo, generator=self.generator(at), faces=OrderedDict())

    def mover(self) -> Mover:
        """Raises PriorAssetMissing."""
        return mover_of(self.person.model.prior, self.canvas.synthesis, self._priors)

    def resolved(self, leg: SetLeg) -> Values:
        """The values to aim at."""
        return resolve(leg.values, self.reach, strict=self.strict)

    def task(self, leg: DragStep, start: Standing) -> tuple[Canvas, Task, np.ndarray | None]:
        """What is pulled where, from where the face is; and [H, W], 1 where nothing may move."""
        canvas = self.canvas
        if start.begun:
            canvas = replace(canvas, w=start.w, face=render(self.generator(start), start.w))
        mask = None if leg.mask is None else read_mask(self.masks(leg.mask), canvas.picture)
        task = canvas.task(leg.points, mask)
        if mask is None:
            return canvas, replace(task, fixed=start.fixed, under=start.hold), start.still
        return canvas, replace(task, under=start.hold), 1 - mask

    # --------------------------------------------------------------------------------------------------------------------

    def _set(self, leg: SetLeg, start: Standing, listen: Listen) -> Standing:
        target = self.resolved(leg)
        if not target:
            return replace(start, asked={}, target={}, follow={})
        w, follow = (self._of_portrait if self.canvas.photo is None else self._of_photo)(leg, target, start, listen)
        kept = kept_after(start, start.still)
        return replace(start, w=w, kept=kept, begun=True, asked=leg.values, target=target, follow=follow)

    def _of_photo(self, leg: SetLeg, target: Values, start: Standing, listen: Listen) -> tuple[Tensor, Values]:
        judge, photo = self.person.judge, self.shown(start)
        begun = photo
        if start.begun:
            measured = judge.attributes(pictures(photo, start.w))[0][0]
            begun = replace(
                photo, w=start.w, measured=measured, shown=judge.attributes(render(photo.generator, start.w))[0][0]
            )
        values = dict(zip(judge.attributes.names, begun.measured.tolist(), strict=True))
        follow = followed(judge, values, target, leg.pinned)
        return moved(self.person, photo, [target], [follow], start=begun, listen=listen), follow

    def _of_portrait(self, leg: SetLeg, target: Values, start: Standing, listen: Listen) -> tuple[Tensor, Values]:
        model, judge, generator = self.person.model, self.person.judge, self.generator(start)

        @torch.no_grad()
        def measure(latents: Tensor) -> Tensor:
            listen()
            return judge.attributes(render(generator, latents, dtype=optimisation_dtype()))[0]

        w = start.w
        return steer(model, w, [target], model.axes.coordinates(w.mean(1)), measure(w), measure), {}

    def _drag(self, leg: DragStep, start: Standing, listen: Listen) -> Standing:
        canvas, task, still = self.task(leg, start)

        def on_step(_: Step) -> None:
            listen()

        step, _ = dragged(
            self.person, canvas, task, method=leg.method, guarded=leg.guarded, mover=self.mover, on_step=on_step
        )
        hold = task.hold(canvas.synthesis, canvas.w)
        kept = kept_after(start, still)
        return replace(
            start,
            w=step.w_plus,
            hold=hold,
            fixed=task.fixed,
            still=still,
            kept=kept,
            begun=True,
            task=task,
            step=step,
            method=used(leg.method),
        )


def kept_after(start: Standing, still: np.ndarray | None) -> np.ndarray | None:
    """[H, W], 1 where nothing has moved after a leg that moves nothing where `still` is 1."""
    if still is None or not start.begun:
        return still
    return None if start.kept is None else start.kept * still


def points_of(canvas: Canvas, at: Standing) -> list[PointReport]:
    """How the last drag's points ended."""
    return [] if at.task is None or at.step is None else point_reports(canvas, at.task, at.step)


def masks_of(steps: Sequence[SetStep | DragStep]) -> list[str]:
    """Their blobs."""
    return [step.mask for step in steps if isinstance(step, DragStep) and step.mask]
