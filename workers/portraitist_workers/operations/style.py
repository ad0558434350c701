"""A style learnt from pictures of faces: each is seen by the prior's encoder, and the generator learns to draw it at that latent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import torch

from portraitist import __version__
from portraitist.errors import Conflict, InvalidImage
from portraitist.requests import LearnStyle
from portraitist.styles.library import LEAST
from portraitist.styles.record import StyleRecord, read

from ..faces import image_io
from ..faces.align import crop, ffhq_frame
from ..faces.detect import detect_faces
from ..faces.mesh import load_mesh
from ..generator import Generator
from ..precision import optimisation_dtype
from ..priors import library
from ..styles.delta import to_bytes
from ..styles.learning import Learning, Schedule
from ..styles.meaning import Meaning
from ..styles.pairs import seen
from .checkpoint import CHECKPOINT_SECONDS, Checkpoint
from .context import Context
from .progress import Stages

WEIGHTS = {"intake": 0.05, "learn": 0.95}
STEPS = 400
FEW = 20  # pictures: with fewer, faces that are unlike them come out weaker
SQUARE = 1.4  # longest to shortest side of a picture that is taken whole, where no face is detected
SURE = 0.5  # the mesh's probability of a face in it


def run(request: LearnStyle, context: Context) -> StyleRecord:
    """Raises InvalidImage (faces in too few pictures), Conflict (the name was taken meanwhile), PriorUnavailable; JobCancelled through
    `on_step`. A run that is cut off goes on where it was."""
    clock, began = Stages(context, WEIGHTS), time.monotonic()
    prior = library.load(request.base, home=context.priors)
    pictures, refused = [], {}
    looking = clock.steps("intake")
    for number, (name, found) in enumerate(_looked_at(request, context, prior.resolution), 1):
        if isinstance(found, str):
            refused[name] = found
        else:
            pictures.append(found)
        looking(number, len(request.images))
    if len(pictures) < LEAST:
        told = "; ".join(f"{name}: {reason}" for name, reason in list(refused.items())[:5])
        raise InvalidImage(
            f"only {len(pictures)} of {len(request.images)} pictures can be used, and a style needs {LEAST}: {told}. Give pictures that "
            "show one face each, from the front or half turned",
            param="images",
        )
    learning = Learning(
        prior.generator,
        seen(prior, pictures),
        prior.w_std,
        Schedule(steps=request.steps or STEPS),
        meaning=Meaning.of(prior.generator),
        seed=request.seed,
        dtype=optimisation_dtype(),
    )
    styled = _resumed(learning, context, clock)
    error, share = Meaning.of(prior.generator, seed=1).measured(styled)
    record = StyleRecord(
        name=request.name,
        base=prior.name,
        base_sha256=prior.sha256,
        pictures=len(pictures),
        refused=refused,
        steps=learning.step,
        seed=request.seed,
        figures={"mouth_error": round(error, 4), "faces_found": round(share, 3)},
        warnings=_warnings(len(pictures), learning),
        seconds=round(time.monotonic() - began, 1),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    data = to_bytes(styled, prior.generator, record)
    if not context.styles.keep(request.name, data):
        there = context.styles.data(request.name)
        if _weights(there) == _weights(data):  # an earlier attempt of this job kept it, and was killed then
            return read(there, request.name)
        raise Conflict(f"there is a style {request.name!r} by now; learn this one under another name", param="name")
    return record


def _weights(data: bytes) -> bytes:
    """A style's file without its header."""
    return data[8 + int.from_bytes(data[:8], "little") :]


def _resumed(learning: Learning, context: Context, clock: Stages) -> Generator:
    checkpoint = Checkpoint(context)
    if (state := checkpoint.get("style")) is not None:
        learning.load(state)
    tell = clock.steps("learn")

    def on_step(step: int, steps: int, loss: float) -> None:
        if time.monotonic() - checkpoint.saved > CHECKPOINT_SECONDS and step < steps:
            checkpoint.put(style=learning.state())
        tell(step, steps, loss)

    return learning.run(on_step)


@torch.no_grad()
def _looked_at(request: LearnStyle, context: Context, side: int) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each picture's name, and its face [side, side, 3] uint8 or why there is none."""
    for photo in request.images:
        if photo.fault:
            yield photo.name, photo.fault
            continue
        try:
            picture = image_io.decode(context.blob(photo.blob), photo.name)
        except InvalidImage as error:
            yield photo.name, error.message
            continue
        yield photo.name, aligned(picture, side)


def aligned(picture: np.ndarray, side: int) -> np.ndarray | str:
    """The largest face of a picture [H, W, 3] uint8. Drawn faces are not always detected as faces: where none is, a picture that is about
    square counts as aligned, if the mesh sees a face in it."""
    faces = detect_faces(picture)
    if faces:
        return crop(picture, ffhq_frame(max(faces, key=lambda face: face.side).points), side)
    height, width = picture.shape[:2]
    if max(height, width) <= SQUARE * min(height, width):
        length = min(height, width)
        top, left = (height - length) // 2, (width - length) // 2
        tensor = image_io.to_tensor(picture[None, top : top + length, left : left + length])
        whole = image_io.at_side(tensor, side)
        if float(load_mesh()(whole).presence[0]) > SURE:
            return image_io.to_uint8(whole)[0]
    return "no face was seen in it"


def _warnings(pictures: int, learning: Learning) -> list[str]:
    found = []
    if pictures < FEW:
        found.append(f"{pictures} pictures are few: faces that are unlike them take the style less; give {FEW} to 50")
    if learning.ended:
        found.append(f"it ended after {learning.step} steps, since faces began to lose their expression")
    return found
