"""Stands in for the engine of live sessions: a picture of one colour, which says what was asked.

The `smile` of the steps, times 100, is the picture's brightness. A drag moves its point a fifth of the way in each preview. `yaw=13` cannot
be done. Every preview takes PREVIEW_S, settling SETTLE_S. While a pointer holds a drag, its confidence is a half.
"""

import io
import json
import os
import signal
import time

import numpy as np
from PIL import Image

from portraitist.errors import OutOfRange
from portraitist_workers.live import session
from portraitist_workers.live.engine import Settled, Shot
from portraitist_workers.provenance.origin import MarkedImage

PREVIEW_S, SETTLE_S = 0.02, 0.1
BRIEF_GONE = 4242  # seed of a session that does not wait long for its clients
GONE_S = session.GONE_S  # of the others
ALONE = 0.5  # a smile at which the process kills itself, on its first attempt


def hold(request, context):
    session.GONE_S = 2.0 if request.seed == BRIEF_GONE else GONE_S
    return session.Session(request, context, context.wire, lambda: Engine(context._row.attempts), encode).run()


def encode(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Engine:
    def __init__(self, attempt):
        self.attempt, self.at = attempt, None

    def about(self):
        return {"width": 16, "height": 16, "corners": [[0, 0], [16, 0], [16, 16], [0, 16]], "start": {"smile": 0.0}}

    def check(self, step):
        pass

    def check_places(self, places):
        pass

    def preview(self, steps, *, anew=True, held=False):
        last = steps[-1] if steps else None
        if last is None or last.do == "set":
            time.sleep(PREVIEW_S)
            yield Shot(colour(steps))
            return
        self.at = list(last.points[0].handle) if anew or self.at is None else self.at
        for step in range(10):
            time.sleep(PREVIEW_S)
            to = target(last.points[0])
            self.at = [a + (b - a) / 5 for a, b in zip(self.at, to, strict=True)]
            sure = 0.5 if held else 1.0
            yield Shot(colour(steps), [{"at": list(self.at), "to": list(to), "left": 1.0, "confidence": sure}], step)

    def settle(self, steps, listen):
        for _ in range(4):
            time.sleep(SETTLE_S / 4)
            listen()
        asked = smile(steps)
        if asked == ALONE and self.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        for step in steps:
            if step.do == "set" and step.values.get("yaw") == 13:
                raise OutOfRange("yaw=13 brings bad luck; ask for another", param="yaw")
        last = steps[-1] if steps else None
        if last is None or last.do == "set":
            return Settled(Shot(colour(steps)))
        there = [(pull.handle, target(pull)) for pull in last.points]
        points = [{"handle": h, "target": t, "reached": t, "left": 0.0, "confidence": 1.0} for h, t in there]
        return Settled(Shot(colour(steps)), {"points": points, "steps": 5})

    def before(self):
        return Shot(colour([]))

    def close(self):
        pass


def target(pull):
    return pull.to or tuple(a + b for a, b in zip(pull.handle, pull.by, strict=True))


def smile(steps):
    return next((step.values["smile"] for step in reversed(steps) if step.do == "set" and step.values.get("smile")), 0)


def colour(steps):
    """Brightness by the smile; how many steps there are in the corner."""
    pixels = np.full((16, 16, 3), round(100 * smile(steps)), np.uint8)
    pixels[0, 0] = len(json.dumps([step.do for step in steps]).split(",")) if steps else 0
    return MarkedImage(pixels, 9.0)
