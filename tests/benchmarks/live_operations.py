"""What a worker runs for `bench_live`: sessions whose pictures are there already, so that only the channel is measured."""

import functools
import io

import numpy as np
from PIL import Image

from portraitist.requests import CreatePersona
from portraitist.results import PersonaRecord, PhotoVerdict, Reach
from portraitist_workers.live.engine import Settled, Shot
from portraitist_workers.live.session import Session
from portraitist_workers.provenance.origin import MarkedImage

SIDE = 448


def load():
    pass


def warm_ids():
    return ()


def run(request, context):
    if isinstance(request, CreatePersona):
        return PersonaRecord(
            persona_id=request.persona_id,
            name=request.name,
            prior="none",
            organizer=request.organizer,
            preset=request.preset,
            attributes=request.attributes,
            photos=[PhotoVerdict(name=p.name, accepted=True) for p in request.photos],
            reach=[Reach(attribute=a, unit="", low=0, high=1) for a in request.attributes],
            weights=context.put(b"none"),
        )
    return Session(request, context, context.wire, Engine, lambda pixels: file()).run()


@functools.cache
def file():
    """As large as a frame usually is, 20 kB."""
    smooth = np.add.outer(np.linspace(0, 200, SIDE), np.linspace(0, 55, SIDE)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 12, (SIDE, SIDE)).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(np.stack([smooth + noise // 2] * 3, 2)).save(data, "JPEG", quality=88)
    return data.getvalue()


class Engine:
    shot = Shot(MarkedImage(np.zeros((SIDE, SIDE, 3), np.uint8), 9.0))

    def about(self):
        return {"width": SIDE, "height": SIDE, "corners": [[0, 0]] * 4, "start": {}}

    def check(self, step):
        pass

    def check_places(self, places):
        pass

    def preview(self, steps, *, anew=True, held=False):
        yield self.shot

    def settle(self, steps, listen):
        return Settled(self.shot)

    def before(self):
        return self.shot

    def close(self):
        pass
