"""A whole drag, as jobs and live sessions do it: the steps, the guard, and what is said of each point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from portraitist.results import PointReport

from ..persona.rendering import render
from ..persona.warm import WarmPersona
from .canvas import Canvas
from .draggan import draggan
from .freedrag import freedrag
from .guard import guarded as kept_like
from .hold import Held
from .moving import Mover, landed
from .space import Space
from .task import Span, Step, Task

METHODS = {"draggan": draggan, "freedrag": freedrag}
TURNS = ("yaw", "pitch", "roll")
REGION_ARRIVED = 0.004  # of the square's side: half a pixel of 128
REASONS = {
    "masked": "the mask fixes its handle or its target",
    "flat": "the picture is too even around it to tell one place from the next: take a corner or an edge",
    "lost": "what lies around it changed too much to be followed",
    "stuck": "the face goes no farther there",
    "unlike": "farther on, the picture would no longer be like the person",
}


def used(method: str) -> str:
    """The method that a request's word stands for."""
    return "draggan" if method == "auto" else method


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
    mover: Callable[[], Mover],
    on_step: Callable[[Step], None] = lambda step: None,
) -> tuple[Step, list[Step]]:
    """The step that the drag ended with; and all of them. `mover` gives the prior's transformer, to the method that wants it; it raises
    PriorAssetMissing."""
    space = space_of(person)
    path: list[Step] = []
    steps: Iterator[Step]
    if used(method) == "transformer":
        steps = landed(mover(), canvas.synthesis, canvas.w, task)
    else:
        steps = METHODS[used(method)](canvas.synthesis, canvas.w, task, space=space)
    for step in steps:
        path.append(step)
        on_step(step)
    last = path[-1]
    if guarded:
        hold = task.hold(canvas.synthesis, canvas.w)
        generator = canvas.generator if hold is None else Held(canvas.generator, hold)
        judge = person.judge
        if not judge.known:  # the generator's picture is hardly like the photo, but may stay like itself
            judge = judge.beside(render(canvas.generator, canvas.w))
        last = kept_like(judge, generator.images, canvas.synthesis, path, last, task, space)
    return last, path


def point_reports(canvas: Canvas, task: Task, step: Step) -> list[PointReport]:
    """How each pull ended, in px of the picture. Of a region the means over its points."""
    spans = task.spans or [Span(n, n + 1, n + 1) for n in range(len(task.handles))]
    rows = zip(
        canvas.places(task.by_pull(task.handles)),
        canvas.places(task.by_pull(task.targets)),
        canvas.places(task.by_pull(step.points)),
        task.by_pull(step.left).tolist(),
        task.by_pull(step.confidence).tolist(),
        (step.ends[span.first : span.told] for span in spans),
        strict=True,
    )
    return [
        PointReport(
            handle=handle,
            target=target,
            reached=reached,
            left=round(left * canvas.px, 2),
            confidence=round(sure, 3),
            end=(end := ended(ends, left)),  # type: ignore[arg-type]  # one of the words of `task.ends`
            reason=REASONS.get(end, ""),
        )
        for handle, target, reached, left, sure, ends in rows
    ]


def ended(ends: Sequence[str], left: float) -> str:
    """How a pull ended whose points ended so. A region has arrived when its points have in the mean; no face lets all move quite alike."""
    if len(ends) > 1 and left < REGION_ARRIVED:
        return "arrived"
    return next((end for end in REASONS if end in ends), "arrived")


def warnings(points: list[PointReport]) -> list[str]:
    """A sentence for each that did not arrive."""
    return [
        f"point {number} stopped {point.left:g} px before its target: {point.reason}"
        for number, point in enumerate(points, 1)
        if point.reason
    ]
