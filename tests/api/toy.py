"""An operation that is a row and a verb and nothing else: as the next issue would add one."""

from typing import Literal

from portraitist.jobs import Job
from portraitist.operations import Operation
from portraitist.photos import PhotoLike, read, stored
from portraitist.requests import Photo, Request
from portraitist.results import Pictures
from portraitist.submission import Uploads, build, submit


class Negative(Request):
    """Turn a photo's colours round."""

    operation: Literal["negative"] = "negative"
    persona_id: str
    photo: Photo
    seed: int = 0


ROW = Operation(Negative, Pictures, "toy_operation", "turn round", photos=("photo",))


def negative(self, photo: PhotoLike, *, seed: int = 0, wait: bool = True):
    uploads = Uploads(self._backend, self.id)
    request = build(Negative, persona_id=self.id, photo=stored(uploads, *read(photo)), seed=seed)
    job = Job(self._backend, submit(self._backend, request, uploads=uploads, shape={"kind": "one"}))
    return job.wait() if wait else job
