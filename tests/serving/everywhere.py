"""Every operation, short, on the device named by PORTRAITIST_DEVICE; prints what came out: the weights' digest, and pixels in base 64.

PORTRAITIST_DEVICE=meta python everywhere.py      (test_device.py compares it with cpu)
"""

import base64
import contextlib
import json
import os
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from portraitist.degradations import Downsample, GaussianBlur, Jpeg, MotionBlur  # noqa: E402
from portraitist.requests import CreatePersona, Edit, Enhance, Photo, Synthesize  # noqa: E402
from portraitist_workers import operations  # noqa: E402
from portraitist_workers.device import device  # noqa: E402
from portraitist_workers.persona import presets, reach, tuning  # noqa: E402
from portraitist_workers.priors import library  # noqa: E402
from serving.elsewhere import Elsewhere, Remote  # noqa: E402
from serving.people import context, persona_id, raw  # noqa: E402

EXAMPLES = HERE.parent.parent / "examples"


def main():
    presets.PRESETS["fast"] = presets.Preset(2, tuning.Schedule(steps=3, batch=3), edit_steps=2, project_steps=2)
    reach.PROBED = {"yaw": (-30, 30)}  # one of them is surely beyond what three photos show
    world = context(1)
    photos = [photo(world, p) for p in sorted((EXAMPLES / "photos").glob("photo-*.jpg"))[:3]]
    new, who = photo(world, EXAMPLES / "new.jpg"), {"persona_id": persona_id(1)}
    chain = [GaussianBlur(1.0), MotionBlur(5, 30), Jpeg(60), Downsample(2)]
    requests = {
        "create": CreatePersona(
            persona_id="per_new", name="new", photos=photos, attributes=["yaw", "smile"], preset="fast"
        ),
        "synthesize": Synthesize(**who, values=[{"yaw": 8, "smile": 0.6}, {}], seed=3),
        "edit": Edit(**who, photo=new, values=[{"yaw": 5}], space="s"),
        "enhance": Enhance(**who, photo=new, degradation=chain, values={"smile": 0.5}),
    }
    made = {}
    for name in sys.argv[1:] or requests:
        result = operations.run(requests[name], world)
        made[name] = (
            [result.weights]
            if name == "create"
            else [base64.b64encode(raw(world, p)).decode() for p in result.pictures]
        )
    generator = library.load().generator
    assert isinstance(next(generator.parameters()).data, Remote) == (device().type == "meta")
    print(json.dumps(made))


def photo(world, path):
    return Photo(name=path.name, blob=world.put(path.read_bytes()))


if __name__ == "__main__":
    elsewhere = os.environ.get("PORTRAITIST_DEVICE") == "meta"
    if elsewhere:
        torch.autocast = lambda kind, dtype: contextlib.nullcontext()  # there is none for "meta"
    with Elsewhere() if elsewhere else contextlib.nullcontext():
        torch.manual_seed(0)
        main()
