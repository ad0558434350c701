"""An operation as CONTRIBUTING.md tells one to add it: a request, a row, `run`, and a verb. It turns a photo's colours round."""

from typing import Literal

import numpy as np

from portraitist.jobs import Job
from portraitist.operations import Operation
from portraitist.photos import read, stored
from portraitist.requests import Photo, Request
from portraitist.results import PictureReport, PictureResult, Pictures, Progress
from portraitist.submission import Uploads, build, submit
from portraitist_workers.faces import image_io
from portraitist_workers.operations import Context
from portraitist_workers.provenance.marking import mark_portrait
from portraitist_workers.provenance.origin import Origin


class Negative(Request):
    """What is asked (in the SDK: requests.py)."""

    operation: Literal["negative"] = "negative"
    persona_id: str
    photo: Photo
    seed: int = 0


ROW = Operation(Negative, Pictures, "toy_operation", "turn round", photos=("photo",))  # in the SDK: operations.py


def run(request: Negative, context: Context) -> Pictures:
    """The work (in the workers: operations/negative.py)."""
    context.persona(request.persona_id)
    context.on_step(Progress(stage="turn", step=0, steps=1))
    file = context.blob(request.photo.blob)
    negative = mark_portrait(np.ascontiguousarray(255 - image_io.decode(file, request.photo.name)))
    blob = context.put_picture(negative, Origin("negative", file))
    return Pictures(pictures=[PictureResult(blob=blob, report=PictureReport(seed=request.seed))])


def negative(persona, photo, *, wait=True):
    """The verb (in the SDK: a method of Persona)."""
    uploads = Uploads(persona._backend, persona.id)
    request = build(Negative, persona_id=persona.id, photo=stored(uploads, *read(photo)))
    job = Job(persona._backend, submit(persona._backend, request, uploads=uploads, shape={"kind": "one"}))
    return job.wait() if wait else job
