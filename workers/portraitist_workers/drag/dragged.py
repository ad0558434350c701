"""A whole drag, as jobs and live sessions do it: the steps, the guard, and what is said of each point."""

from __future__ import annotations

from collections.abc import Callable

from portraitist.results import PointReport

from ..persona.warm import WarmPersona
from .canvas import Canvas
from .draggan import draggan
from .freedrag import freedrag
from .guard import guarded as kept_like
from .hold import Held
from .space import Space
from .task import Step, Task

METHODS = {"auto": draggan, "draggan": draggan, "freedrag": freedrag}
TURNS = ("yaw", "pitch", "roll")
REASONS = {
    "masked": "the mask fixes its handle or its target",
    "flat": "the picture is too even around it to tell one place from the next: take a corner or an edge",
    "lost": "what lies around it changed too much to be followed",
    "stuck": "the face goes no farther there",
    "unlike": "farther on, the picture would no longer be like the person",
}


def space_of(person: WarmPersona) -> Space:
    model = person.model
    return Space.of(model.prior.steps_for(TURNS), anchors=model.anchors, nuisance=model.prior.nuisance)


def dragged(
    person: WarmPersona,
    canvas: Canvas,
    task: Task,
    *,
    method: str = "auto",
    guarded: bool = True,
    on_step: Callable[[Step], None] = lambda step: None,
) -> tuple[Step, list[Step]]:
    """The step that the drag ended with; and all of them."""
    space = space_of(person)
    path: list[Step] = []
    for step in METHODS[method](canvas.synthesis, canvas.w, task, space=space):
        path.append(step)
        on_step(step)
    last = path[-1]
    if guarded:
        hold = task.hold(canvas.synthesis, canvas.w)
        generator = canvas.generator if hold is None else Held(canvas.generator, hold)
        last = kept_like(person.judge, generator.images, canvas.synthesis, path, last, task, space)
    return last, path


def point_reports(canvas: Canvas, task: Task, step: Step) -> list[PointReport]:
    """How each handle ended, in px of the picture."""
    rows = zip(
        canvas.places(task.handles),
        canvas.places(task.targets),
        canvas.places(step.points),
        step.left.tolist(),
        step.confidence.tolist(),
        step.ends,
        strict=True,
    )
    return [
        PointReport(
            handle=handle,
            target=target,
            reached=reached,
            left=round(left * canvas.px, 2),
            confidence=round(sure, 3),
            end=end,
            reason=REASONS.get(end, ""),
        )
        for handle, target, reached, left, sure, end in rows
    ]


def warnings(points: list[PointReport]) -> list[str]:
    """A sentence for each that did not arrive."""
    return [
        f"point {number} stopped {point.left:g} px before its target: {point.reason}"
        for number, point in enumerate(points, 1)
        if point.reason
    ]
