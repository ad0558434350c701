"""Joining photos and portraits, from the request to the picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portraitist.errors import FaceNotFound, InvalidRequest, NotFound
from portraitist.requests import Blend, Extend, Photo, Restyle, Strip, Transfer
from portraitist_workers import operations
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id

EXAMPLES = Path(__file__).parents[2] / "examples"
NEW, OTHER, NOBODY = EXAMPLES / "new.jpg", EXAMPLES / "photos" / "photo-03.jpg", EXAMPLES / "photos" / "bad-no-face.jpg"


@pytest.fixture(scope="module")
def world():
    PERSONAS.forget(persona_id(1))
    yield context(1)
    PERSONAS.forget(persona_id(1))


def photo(world, path):
    return Photo(name=path.name, blob=world.put(path.read_bytes()))


def made(world, request):
    (picture,) = operations.run(request, world).pictures
    return picture, np.asarray(Image.open(io.BytesIO(world.blob(picture.blob)))).astype(int)


def transfer(world, **more):
    return Transfer(persona_id=persona_id(1), photo=photo(world, NEW), like=photo(world, OTHER), **more)


def test_outside_the_region_the_photo_stays(world):
    picture, pixels = made(world, transfer(world, region="eyes"))
    original = np.asarray(Image.open(NEW).convert("RGB")).astype(int)
    changed = np.abs(pixels - original).max(2) > 0
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    face = Image.open(io.BytesIO(world.blob(picture.crop)))
    assert pixels.shape == original.shape and face.size == (128, 128)
    assert 0.001 < changed.mean() < 0.15 and rows[-1] - rows[0] < columns[-1] - columns[0]  # a band about the eyes
    assert set(picture.report.attributes) >= {"eyes_open"} and picture.report.outside_change == 0


def test_no_strength_is_no_change(world):
    picture, pixels = made(world, transfer(world, strength=0.0))
    assert (pixels == np.asarray(Image.open(NEW).convert("RGB"))).all()


def test_the_same_request_gives_the_same_bits(world):
    first, second = (made(world, transfer(world))[1] for _ in range(2))
    assert (first == second).all()


def test_a_blend_begins_and_ends_with_one_photo(world):
    request = {"persona_id": persona_id(1), "photo": photo(world, NEW), "other": photo(world, OTHER)}
    alone, both, other = (made(world, Blend(**request, mask=mask))[1] for mask in (0.0, "left-right", 1.0))
    assert both.shape == (256, 256, 3)
    left, right = np.s_[:, :48], np.s_[:, 208:]
    assert np.abs(both - alone)[left].mean() < np.abs(both - other)[left].mean()
    assert np.abs(both - alone)[right].mean() > np.abs(both - other)[right].mean()


def test_a_strip(world):
    request = {"persona_id": persona_id(1), "values": [{"yaw": -10}, {}, {"yaw": 10}]}
    assert made(world, Strip(**request))[1].shape == (128, 3 * 128, 3)
    picture, pixels = made(world, Strip(**request, vertical=True))
    assert pixels.shape == (3 * 128, 128, 3) and picture.report.mark > 5


def test_a_photo_without_a_face(world):
    for request in (
        Transfer(persona_id=persona_id(1), photo=photo(world, NOBODY), like=photo(world, OTHER)),
        Blend(persona_id=persona_id(1), photo=photo(world, NEW), other=photo(world, NOBODY)),
    ):
        with pytest.raises(FaceNotFound, match="bad-no-face.jpg"):
            operations.run(request, world)


def test_extending(world):
    request = Extend(persona_id=persona_id(1), photo=photo(world, NEW), size=(700, 600))
    picture, pixels = made(world, request)
    original = np.asarray(Image.open(NEW).convert("RGB")).astype(int)
    height, width = original.shape[:2]
    left = (700 - width) // 2
    assert pixels.shape == (600, 700, 3) and picture.report.mark > 3 and picture.crop is None
    assert (pixels[600 - height :, left : left + width] == original).all()
    for size in ((width - 1, 600), (width, height), (5 * width, height)):
        with pytest.raises(InvalidRequest, match="size="):
            operations.run(request.model_copy(update={"size": size}), world)


def test_restyling_a_photo_and_a_region_of_it(world):
    ask = {"persona_id": persona_id(1), "style": "toon"}
    whole, pixels = made(world, Restyle(**ask, photo=photo(world, NEW)))
    assert pixels.shape == (256, 256, 3) and whole.report.mark > 3
    none, plain = made(world, Restyle(**ask, photo=photo(world, NEW), strength=0.0))
    half, between = made(world, Restyle(**ask, photo=photo(world, NEW), strength=0.5))
    assert np.abs(pixels - between).mean() < np.abs(pixels - plain).mean() > np.abs(plain - between).mean() > 3
    picture, within = made(world, Restyle(**ask, photo=photo(world, NEW), region="eyes"))
    original = np.asarray(Image.open(NEW).convert("RGB")).astype(int)
    changed = np.abs(within - original).max(2) > 0
    assert within.shape == original.shape and 0.001 < changed.mean() < 0.15 and picture.report.outside_change == 0
    assert Image.open(io.BytesIO(world.blob(picture.crop))).size == (128, 128)


def test_restyling_a_new_portrait(world):
    ask = {"persona_id": persona_id(1), "style": "pencil", "seed": 4}
    first, second = (made(world, Restyle(**ask))[1] for _ in range(2))
    assert first.shape == (256, 256, 3) and (first == second).all()
    assert np.abs(made(world, Restyle(**ask | {"seed": 5}))[1] - first).mean() > 3
    with pytest.raises(InvalidRequest, match="region"):
        operations.run(Restyle(**ask, region="hair"), world)
    with pytest.raises(NotFound, match="no style 'oil'"):
        operations.run(Restyle(**ask | {"style": "oil"}), world)
