"""A person learnt on `default-parts`, changed part by part in a photo: the real networks, and few steps of everything."""

import base64
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portraitist.requests import Compose, CreatePersona, PartChange, Photo
from portraitist_workers.operations import MemoryContext, run
from portraitist_workers.persona import presets
from portraitist_workers.persona.tuning import Schedule

PEOPLE = Path(__file__).parents[1] / "people"
FEW = presets.Preset(2, Schedule(steps=12), edit_steps=3, project_steps=3)


def file(name):
    return (PEOPLE / name[: name.index("-")] / name).read_bytes()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTRAITIST_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(presets.PRESETS, "fast", FEW)
        made = MemoryContext()
        photos = [Photo(name=f"ada-{n:02d}.jpg", blob=made.put(file(f"ada-{n:02d}.jpg"))) for n in range(4)]
        made.personas["bea"] = run(
            CreatePersona(
                persona_id="bea", name="bea", photos=photos, prior="default-parts", preset="fast", attributes=["yaw"]
            ),
            made,
        )
        yield made


def composed(world, *changes, **more):
    """The photo before and after [H, W, 3], class map [R, R], names of the classes, and the report."""
    photo = file("ada-18.jpg")
    request = Compose(
        persona_id="bea", photo=Photo(name="ada-18.jpg", blob=world.put(photo)), changes=list(changes), **more
    )
    [made] = run(request, world).pictures
    before, after = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float) for data in (photo, world.blob(made.blob))
    )
    classes = np.frombuffer(zlib.decompress(base64.b64decode(made.classes.data)), np.uint8)
    return before, after, classes.reshape(made.classes.side, -1), made.classes.names, made.report


def test_a_part_alone(world):
    before, after, classes, names, report = composed(world, PartChange(part="lips", values={"mouth_open": 0.8}))
    assert report.inside_parts > 20 * report.outside_parts
    for masks in (report.mask_iou, report.parser_iou):  # its own, and the parser's of what is handed out
        assert masks["lips"] < 0.9 < min(masks[name] for name in ("nose", "hair", "skin", "background"))
    assert min(report.mask_iou[name] for name in ("nose", "brows", "hair")) > 0.99
    assert np.abs(after - before).max() > 30 and np.abs(after - before)[:20].max() <= 4  # the mark alone
    assert {names[k] for k in np.unique(classes)} >= {"background", "skin", "hair", "lips", "eyes"}


def test_hair_of_another_photo_is_seen_in_the_photo(world):
    other = Photo(name="dario-03.jpg", blob=world.put(file("dario-03.jpg")))
    before, after, *_, report = composed(world, PartChange(part="hair", like=0), like=[other])
    changed = np.abs(after - before).max(2) > 25
    assert changed.mean() > 0.01 and report.inside_parts > 20 * report.outside_parts
    assert report.mask_iou["hair"] < 0.8 and report.parser_iou["hair"] < 0.9
    texture = PartChange(part="hair", like=0, shape=False)
    _, dyed, *_, dyed_report = composed(world, texture, like=[other])
    assert set(dyed_report.mask_iou.values()) == {1.0} and dyed_report.parser_iou["hair"] > 0.95
    assert (np.abs(dyed - before).max(2) > 25).sum() < changed.sum()  # of the old shape
