"""Which faces a photo shows, and how like the person each is: so that one can be named."""

from __future__ import annotations

from portraitist.errors import FaceNotFound
from portraitist.requests import FindFaces
from portraitist.results import Faces, FoundFace, Progress

from ..faces import image_io
from ..persona.subject import find
from ..persona.warm import PERSONAS
from .context import Context


def run(request: FindFaces, context: Context) -> Faces:
    """Strangers' faces, too. Raises InvalidImage."""
    person = PERSONAS.load(context.persona(request.persona_id), context.blob, context.priors)
    photo = image_io.decode(context.blob(request.photo.blob), request.photo.name)
    context.on_step(Progress(stage="faces", step=0, steps=1))
    try:
        found = find(photo, person.model, request.photo.name, damaged=True).faces
    except FaceNotFound:
        found = []
    return Faces(faces=[FoundFace.model_validate(face) for face in found])
