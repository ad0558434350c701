"""Stands in for the real operations in the worker under test. What happens is written into the first photo's labels:

steps, dt      so many steps of so many seconds; each saves a checkpoint, so a resumed run goes on where it was
kill_at        the process kills itself at this step, on the first `kills` attempts (default: all)
deaf           1: never reports progress, so it cannot hear a cancellation
stuck          hangs at this photo of the intake (1: the second)
error          1: InvalidImage, 2: PhotosUnusable, 3: ZeroDivisionError, 4: MemoryError
memory         MemoryError on workers with less of it, in GB, 5: a fault that quotes the photo's name
"""

import contextlib
import json
import os
import signal
import time

from portraitist.errors import InvalidImage, PhotosUnusable
from portraitist.operations import operation
from portraitist.requests import CreatePersona
from portraitist.results import (
    AttributeReport,
    PersonaRecord,
    PhotoVerdict,
    PictureReport,
    PictureResult,
    Pictures,
    Progress,
    Reach,
)

SLOW, BRIEF, POISON, SLOW_ONCE = 9001, 9002, 9003, 9004  # seeds of pictures
warmed = []  # ids of personas that it made pictures of


def load():
    pass


def side_by_side(count, slots):
    return lambda: contextlib.nullcontext()


def warm_ids():
    return tuple(warmed)


def forget(persona_id):
    warmed.remove(persona_id)


def run(request, context):
    """By what the table says that it makes, so that a new operation needs no fake of its own."""
    if request.operation == "open":
        import toy_engine  # here, since it needs more than the other fakes

        return toy_engine.hold(request, context)
    if request.operation == "retouch":
        return retouched(request, context)
    if operation(request.operation).result is PersonaRecord:
        return (create if isinstance(request, CreatePersona) else add)(request, context)
    return (pictures if isinstance(request.values, list) else copied)(request, context)


def work(request, context):
    """What the script says; the first step of this attempt, and how many attempts there were."""
    script = request.photos[0].labels
    _misbehave(int(script.get("error", 0)), request.photos[0].name)
    if int(os.environ.get("PORTRAITIST_MEMORY", 0)) < script.get("memory", 0) * 2**30:
        raise MemoryError
    if "stuck" in script:
        for step in range(int(script["stuck"]) + 1):
            context.on_step(Progress(stage="intake", step=step, steps=len(request.photos)))
        time.sleep(600)
    state = json.loads(context.load_checkpoint() or b'{"step": 0, "log": []}')
    first = state["step"]
    steps, dt = int(script.get("steps", 3)), script.get("dt", 0.0)
    attempt = len(state["log"]) + 1
    state["log"].append(first)
    for step in range(first, steps):
        if script.get("deaf"):
            time.sleep(dt)
            continue
        context.on_step(Progress(stage="work", step=step, steps=steps, eta=dt * (steps - step)))
        time.sleep(dt)
        if step == script.get("kill_at") and attempt <= script.get("kills", 99):
            context.save_checkpoint(json.dumps({**state, "step": step}).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        state["step"] = step + 1
        context.save_checkpoint(json.dumps(state).encode())
    for photo in request.photos:
        context.blob(photo.blob)
    if script.get("fill"):
        context.put(os.urandom(1024 * int(script["fill"])))
    if script.get("stop") and attempt == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    return first, attempt


def add(request, context):
    record = context.persona(request.persona_id)
    first, starts = work(request, context)
    return record.model_copy(
        update={
            "photos": [*record.photos, *(PhotoVerdict(name=p.name, accepted=True) for p in request.photos)],
            "figures": {"first_step_of_last_attempt": float(first), "starts": float(starts)},
            "weights": context.put(b"better " + context.blob(record.weights)),
        }
    )


def create(request, context):
    first, starts = work(request, context)
    return PersonaRecord(
        persona_id=request.persona_id,
        name=request.name,
        prior="fake",
        organizer=request.organizer,
        preset=request.preset,
        attributes=request.attributes,
        photos=[PhotoVerdict(name=p.name, accepted=True) for p in request.photos],
        reach=[
            Reach(attribute=a, unit="", low=-30 if a != "smile" else 0, high=30 if a != "smile" else 1)
            for a in request.attributes
        ],
        figures={"first_step_of_last_attempt": float(first), "starts": float(starts)},
        seed=request.seed,
        weights=context.put(b"weights of " + request.persona_id.encode()),
    )


def pictures(request, context):
    context.persona(request.persona_id)
    if request.persona_id not in warmed:
        warmed.append(request.persona_id)
    if request.seed == SLOW or (request.seed == SLOW_ONCE and context._row.attempts == 1):  # does not listen
        time.sleep(60)
    if request.seed == BRIEF:
        time.sleep(0.5)
    if request.seed == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    made = []
    for index, values in enumerate(request.values):
        context.on_step(Progress(stage="draw", step=index, steps=len(request.values)))
        report = PictureReport(
            attributes={a: AttributeReport(requested=v, target=v, achieved=v, error=1.0) for a, v in values.items()},
            seed=request.seed,
        )
        made.append(PictureResult(blob=context.put(_png(index + request.seed)), report=report))
    columns = getattr(request, "columns", None)
    return Pictures(pictures=made, sheet=context.put(_png(columns)) if columns else None)


def copied(request, context):
    context.persona(request.persona_id)
    degradation = (
        request.degradation if request.degradation == "auto" else [d.model_dump() for d in request.degradation]
    )
    report = PictureReport(degradation=json.dumps(degradation), seed=request.seed)
    return Pictures(pictures=[PictureResult(blob=context.put(context.blob(request.photo.blob)), report=report)])


def retouched(request, context):
    context.persona(request.persona_id)
    for step in request.steps:
        if getattr(step, "mask", None):
            context.blob(step.mask)
    report = PictureReport(degradation=json.dumps([step.model_dump() for step in request.steps]), seed=request.seed)
    return Pictures(pictures=[PictureResult(blob=context.put(_png(request.seed)), report=report)])


def _misbehave(error, name):
    if error == 1:
        raise InvalidImage(f"{name} is not a picture; use JPEG, PNG or WebP", param=name)
    if error == 2:
        raise PhotosUnusable("0 of 1 photos can be used; add more", photos=[{"name": name, "accepted": False}])
    if error == 3:
        raise ZeroDivisionError("on purpose")
    if error == 4:
        raise MemoryError
    if error == 5:
        raise OSError(f"cannot decode {name}")


def _png(shade):
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (16, 16), (shade % 256, 90, 160)).save(file, "PNG")
    return file.getvalue()
