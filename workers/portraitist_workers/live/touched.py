"""The engine of live sessions: an opened photo, or a portrait, changed step by step (`editing.retouching`).

While something moves, a frame is the generator's picture in its place: a few hundredths of a second. At rest it is what `save` makes,
with the photo's own pixels moved along. On its way a drag follows targets that move. At rest it is done once more from where it
began, so that the history alone says what the picture is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial

import cv2
import numpy as np
import torch
from torch import Tensor

from portraitist.errors import FaceNotFound, PriorUnavailable
from portraitist.requests import DragStep, Open, SetStep

from ..detail.fields import smooth, spread
from ..drag.canvas import Canvas, Place
from ..drag.draggan import Options, draggan
from ..drag.dragged import point_reports, space_of, used
from ..drag.hold import Held
from ..drag.landmarks import landmarks
from ..drag.moving import landed
from ..drag.task import Step, Task
from ..editing.carrying import edited_face
from ..editing.retouching import Leg, Retouching, SetLeg, Standing, kept_after, legs
from ..faces.align import crop, resample
from ..faces.edited import EditedFace, still
from ..faces.image_io import to_tensor, to_uint8
from ..faces.parser import load_parser
from ..faces.paste import paste
from ..generator import Generator
from ..operations.canvases import canvas_of
from ..operations.context import Context
from ..persona.rendering import render
from ..persona.warm import PERSONAS
from ..precision import optimisation_dtype
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import MarkedImage
from .engine import Json, Settled, Shot, Steps

TONE, EDGE = 0.05, 0.015  # widths, in shares of the side
AGREE = 7.0  # grey levels: a change of this size is motion
QUICK = 2  # rounds in which the strength of a frame's mark is found
BETWEEN = 2  # frames for each step of a drag
REMEMBERED = 24  # standings: undo and redo need not compute

Way = tuple[Leg, ...]
Walk = Callable[..., Iterator[Step]]  # of w_plus, task, aim


class Touched:
    """Use from one thread. Raises FaceNotFound, InvalidImage when it is made."""

    def __init__(self, request: Open, context: Context) -> None:
        record = context.persona(request.persona_id)
        self._stack = ExitStack()
        self._person = self._stack.enter_context(PERSONAS.pinned(record, context.blob, context.priors))
        files = {request.photo.blob: context.blob(request.photo.blob)} if request.photo else {}
        self._canvas = canvas_of(request, self._person, files, context)
        if self._canvas.photo is not None:  # other sessions may hold the same photo open
            self._canvas = replace(self._canvas, photo=replace(self._canvas.photo, faces=OrderedDict()))
        self._work = Retouching(
            self._person, self._canvas, record.reach, context.blob, strict=request.strict, priors=context.priors
        )
        self._view = View(self._canvas, request.frame_px)
        self._known: OrderedDict[tuple[tuple[object, ...], ...], Standing] = OrderedDict()
        self._drag: Following | None = None
        self._drag_of: object = None  # which drag that is

    def about(self) -> Json:
        height, width = self._canvas.picture.shape[:2]
        square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        judge, photo = self._person.judge, self._canvas.photo
        measured = judge.attributes(self._canvas.face)[0][0] if photo is None else photo.measured
        start = {name: round(value, 3) for name, value in zip(judge.attributes.names, measured.tolist(), strict=True)}
        about = {"width": width, "height": height, "corners": self._canvas.places(square), "start": start}
        return about if photo is None else about | {"faces": photo.subject.faces}

    def check(self, step: SetStep | DragStep) -> None:
        if isinstance(step, SetStep):
            for leg in legs([step]):
                if isinstance(leg, SetLeg):
                    self._work.resolved(leg)
        else:
            self._work.task(step, self._work.begin())
            if step.method == "transformer":
                self._work.mover()

    def check_places(self, places: Sequence[tuple[float, float]]) -> None:
        for number, place in enumerate(places, 1):
            self._canvas.check_place(number, "target", place)

    def preview(self, steps: Steps, *, anew: bool = True, held: bool = False) -> Iterator[Shot]:
        if anew:  # at once: an aim may come before the first frame
            self._drag = None
        return self._shots(tuple(legs(steps)), held)

    def _shots(self, way: Way, held: bool) -> Iterator[Shot]:
        if not way:
            return
        base = self._standing(way[:-1])
        if isinstance(way[-1], DragStep):
            method = "transformer" if held and self._quick else used(way[-1].method)
            if self._drag_of != (which := _begun(way, method)):  # after an undo it is another one, and after a preview
                self._drag, self._drag_of = None, which
            yield from self._follow(way[-1], base, method)
        else:
            self._drag = None
            yield Shot(self._view.quick(self._work.generator(base), self._near(way, way[-1], base), base))

    def settle(self, steps: Steps, listen: Callable[[], None]) -> Settled:
        way = tuple(legs(steps))
        at = self._standing(way, listen)
        listen()
        photo = None if self._canvas.photo is None else self._work.shown(at)
        face = None if photo is None else edited_face(photo, at.w)
        shot = Shot(self._view.finished(self._work.generator(at), at, face), parts=self._parts(way, at))
        if not way or not isinstance(way[-1], DragStep) or at.task is None or at.step is None:
            return Settled(shot)
        if self._drag is not None and self._drag_of == _begun(way, used(way[-1].method)):
            self._drag.landed(at.step)
        told = [point.model_dump(mode="json") for point in point_reports(self._canvas, at.task, at.step)]
        return Settled(shot, {"points": told, "steps": at.step.number})

    def _parts(self, way: Way, at: Standing) -> dict[str, Place]:
        """Where a drag that names parts of the face would take hold of them."""
        face = render(self._work.generator(at), at.w) if way else self._canvas.face
        try:
            found = landmarks(face)
        except FaceNotFound:
            return {}
        return dict(zip(found, self._canvas.places(torch.tensor(list(found.values()))), strict=True))

    def before(self) -> Shot:
        return Shot(self._view.before())

    def close(self) -> None:
        self._stack.close()

    # --------------------------------------------------------------------------------------------------------------------

    def _standing(self, way: Way, listen: Callable[[], None] = lambda: None) -> Standing:
        """After all of `way`, from the longest part of it that is known."""
        keys = [_key(way[:n]) for n in range(len(way) + 1)]
        done = max((n for n in range(1, len(way) + 1) if keys[n] in self._known), default=0)
        at = self._known[keys[done]] if done else self._work.begin()
        for n in range(done, len(way)):
            at = self._work.after(way[n], at, listen)
            self._known[keys[n + 1]] = at
        for key in keys[1:]:
            if key in self._known:
                self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return at

    def _near(self, way: Way, leg: SetLeg, base: Standing) -> Tensor:
        """About where the values are: along the axes, from where they were last found or else from the base."""
        target, axes = self._work.resolved(leg), self._person.model.axes
        w, from_ = base.w, dict(zip(axes.names, axes.coordinates(base.w.mean(1))[0].tolist(), strict=True))
        names, photo = self._person.judge.attributes.names, self._canvas.photo
        if photo is not None and not base.begun:
            from_ |= dict(zip(names, photo.measured.tolist(), strict=True))
        for known, at in reversed(self._known.items()):  # the last one that sets the same attributes
            if known[:-1] == _key(way[:-1]) and known[-1][0] == "set" and set(at.target) == set(target):
                w, from_ = at.w, from_ | at.target
                break
        change = w.new_zeros(1, len(axes.names))
        for name, value in target.items():
            if name in axes.names:
                change[0, axes.names.index(name)] = value - from_[name]
        return axes.move(w, change)

    def _follow(self, leg: DragStep, base: Standing, method: str) -> Iterator[Shot]:
        if self._drag is None:
            canvas, task, still = self._work.task(leg, base)
            self._drag = Following(canvas, task, replace(base, kept=kept_after(base, still)), self._way(method))
        drag = self._drag
        drag.aim(drag.canvas.aimed(leg.points, drag.task))
        generator, by_pull = drag.generator(), drag.task.by_pull
        for step, w in drag.steps():
            points = [
                {"at": at, "to": to, "left": round(left * drag.canvas.px, 2), "confidence": round(sure, 3)}
                for at, to, left, sure in zip(
                    drag.canvas.places(by_pull(step.points)),
                    drag.canvas.places(by_pull(drag.targets)),
                    by_pull(step.left).tolist(),
                    by_pull(step.confidence).tolist(),
                    strict=True,
                )
            ]
            yield Shot(self._view.quick(generator, w, drag.shown), points, step.number)

    @cached_property
    def _quick(self) -> bool:
        """Whether there is a latent transformer to show a drag by, while a pointer holds it."""
        try:
            return bool(self._work.mover())
        except PriorUnavailable:  # it is shown by its own method, then
            return False

    def _way(self, method: str) -> Walk:
        """How a drag goes while somebody looks on."""
        synthesis, dtype = self._canvas.synthesis, optimisation_dtype()
        if method == "transformer":
            return partial(landed, self._work.mover(), synthesis, dtype=dtype)
        return partial(draggan, synthesis, space=space_of(self._person), options=Options(dtype=dtype))


class Following:
    """A drag whose targets move, by the method `walk`. `shown`: what masks keep meanwhile."""

    def __init__(self, canvas: Canvas, task: Task, shown: Standing, walk: Walk) -> None:
        self.canvas, self.task, self.targets, self.shown = canvas, task, task.targets, shown
        self._walk, self._hold = walk, task.hold(canvas.synthesis, canvas.w)
        self._w, self._points = canvas.w, task.handles
        self._running: Iterator[Step] | None = None
        self._ready: list[tuple[Step, Tensor]] = []  # to be shown before the next step

    def aim(self, targets: Tensor) -> None:
        self.targets = targets.to(self.task.targets)

    def landed(self, step: Step) -> None:
        """What was found at rest: from there it goes on."""
        self._w, self._points, self._running, self._ready = step.w_plus, step.points.to(self._points), None, []

    def generator(self) -> Generator:
        return self.canvas.generator if self._hold is None else Held(self.canvas.generator, self._hold)  # type: ignore[return-value]

    def steps(self) -> Iterator[tuple[Step, Tensor]]:
        """Each step, with latents on the way to it. Who breaks off and asks again goes on."""
        if self._running is None:
            task = Task(self._points, self.targets, self.task.fixed, self._hold, self.task.spans)
            self._running = self._walk(w_plus=self._w, task=task, aim=lambda: self.targets)
        while True:
            while self._ready:
                yield self._ready.pop(0)
            step = next(self._running, None)
            if step is None:
                self._running = None
                return
            before, self._w, self._points = self._w, step.w_plus, step.points
            between = 1 if torch.equal(before, step.w_plus) else BETWEEN
            self._ready = [(step, torch.lerp(before, step.w_plus, (n + 1) / between)) for n in range(between)]


def _begun(way: Way, method: str) -> object:
    """Which drag it is that comes last, wherever it is aimed, and by what it is shown."""
    leg = way[-1]
    assert isinstance(leg, DragStep)
    handles = [(pull.handle, pull.grow) for pull in leg.points]
    return _key(way[:-1]), handles, leg.mask, method, leg.guarded


def _key(way: Sequence[Leg]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        ("set", tuple(sorted(leg.values.items())), leg.pinned)
        if isinstance(leg, SetLeg)
        else ("drag", leg.model_dump_json())
        for leg in way
    )


class View:
    """Frames of one canvas: the whole photo, at most `most` px a side, or the portrait."""

    def __init__(self, canvas: Canvas, most: int) -> None:
        self._canvas, photo = canvas, canvas.photo
        if photo is None:
            return
        height, width = canvas.picture.shape[:2]
        scale = min(1.0, most / max(height, width))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        self._photo = cv2.resize(canvas.picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else canvas.picture
        self._frame = photo.subject.frame.scaled(scale)
        self._others = tuple(other.scaled(scale) for other in photo.subject.others)
        drawn = to_uint8(render(photo.generator, photo.w))[0]
        face = crop(canvas.picture, photo.subject.frame, len(drawn))
        self._face, self._person = face.astype(np.float32), np.maximum(_person(face), _person(drawn))
        off, share = self._face - drawn, smooth(self._person, TONE)[..., None] + 0.05
        self._tone = smooth(off * self._person[..., None], TONE) / share  # what the photo has more, in the large
        self._backdrop = spread(self._face, (smooth(self._person, EDGE) < 0.05).astype(np.float32))
        shown = np.full_like(self._face, 255) - self._face  # anything else, to learn where a face is pasted at all
        self._fade = paste(self._photo, self._frame, still(shown, face), others=self._others).mask
        rows, columns = np.flatnonzero(self._fade.any(1)), np.flatnonzero(self._fade.any(0))
        self._part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._to_part = self._frame.to_photo(len(drawn)) - [[0, 0, columns[0]], [0, 0, rows[0]]]

    def quick(self, generator: Generator, w: Tensor, at: Standing) -> MarkedImage:
        """The generator's picture of the person in the photo's tone, before the photo's own backdrop."""
        pixels = to_uint8(render(generator, w, dtype=optimisation_dtype()))[0]
        if self._canvas.photo is None:
            return mark_portrait(pixels, rounds=QUICK)
        now = smooth(_person(pixels), EDGE / 2)[..., None]
        plain = self._backdrop + now * (pixels + self._tone - self._backdrop)
        person = np.clip(3 * smooth(np.maximum(self._person, now[..., 0]), 2 * EDGE), 0, 1)  # its rim included
        # The photo's own detail stays where the picture has hardly changed, and nowhere else.
        fine = np.exp(-np.square(smooth(np.abs(plain - self._face).mean(2), 2 * EDGE) / AGREE))
        image, mask, fade = self._photo.copy(), np.zeros(self._photo.shape[:2], np.float32), self._fade[self._part]
        seen = partial(resample, matrix=cv2.invertAffineTransform(self._to_part), size=fade.shape[::-1])
        drawn = seen((person[..., None] * (plain - fine[..., None] * self._face)).astype(np.float32))
        gone, weight = cv2.split(seen(np.dstack([person * (1 - fine), person]).astype(np.float32)))
        before = image[self._part].astype(np.float32)
        after = before + fade[..., None] * (drawn - gone[..., None] * before)
        image[self._part], mask[self._part] = after.round().clip(0, 255).astype(np.uint8), (fade * weight).clip(0, 1)
        return self._marked(image, mask, at, rounds=QUICK)

    def finished(self, generator: Generator, at: Standing, face: EditedFace | None) -> MarkedImage:
        if face is None:
            return mark_portrait(to_uint8(render(generator, at.w))[0])
        whole = paste(self._photo, self._frame, face, others=self._others)
        return self._marked(whole.image, whole.mask, at)

    def before(self) -> MarkedImage:
        if self._canvas.photo is None:
            return mark_portrait(self._canvas.picture)
        return mark_part(self._photo, np.zeros(self._photo.shape[:2], np.float32))

    def _marked(self, image: np.ndarray, mask: np.ndarray, at: Standing, **how: int) -> MarkedImage:
        if at.kept is not None:
            kept = cv2.resize(at.kept, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)[..., None] > 0.5
            image, mask = np.where(kept, self._photo, image), mask * ~kept[..., 0]
        return mark_part(image, mask, **how)


def _person(picture: np.ndarray) -> np.ndarray:
    """[R, R] in [0, 1]: where an aligned picture shows the person."""
    parser = load_parser()
    return 1 - parser(to_tensor(picture[None]))[0, parser.names.index("background")].cpu().numpy()
