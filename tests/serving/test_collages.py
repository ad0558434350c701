"""Joining photos and portraits, from the request to the picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portraitist.errors import FaceNotFound, InvalidImage, InvalidRequest, NotFound
from portraitist.requests import Blend, Extend, Patch, Photo, Restyle, Strip, Transfer, Variations
from portraitist_workers import operations
from portraitist_workers.collage import smile
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import to_tensor
from portraitist_workers.persona.warm import PERSONAS

from .people import context, persona_id

pytestmark = pytest.mark.slow  # together they take minutes

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
    return Transfer(persona_id=persona_id(1), photo=photo(world, NEW), **({"like": photo(world, OTHER)} | more))


def test_outside_the_region_the_photo_stays(world):
    picture, pixels = made(world, transfer(world, region="eyes"))
    original = np.asarray(Image.open(NEW).convert("RGB")).astype(int)
    changed = np.abs(pixels - original).max(2) > 0
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    face = Image.open(io.BytesIO(world.blob(picture.crop)))
    assert pixels.shape == original.shape and face.size == (128, 128)
    assert 0.001 < changed.mean() < 0.15 and rows[-1] - rows[0] < columns[-1] - columns[0]  # a band about the eyes
    assert set(picture.report.attributes) >= {"eyes_open"} and picture.report.outside_change == 0


def test_heads_that_look_elsewhere_are_told_of(world):
    """5 degrees from each other, and 34. Of a smile no skin is taken there, so nothing is to be told."""
    for name, region, told in (
        ("photo-03.jpg", "eyes", False),
        ("photo-05.jpg", "eyes", True),
        ("photo-05.jpg", "smile", False),
    ):
        picture, _ = made(world, transfer(world, like=photo(world, EXAMPLES / "photos" / name), region=region))
        assert any("turned by" in said for said in picture.report.warnings) == told


def test_a_smile_of_a_head_that_looks_elsewhere(world, monkeypatch):
    """34 degrees: the photo's own face smiles as much, and stays the person. The control takes the other's skin, too."""
    request = transfer(world, like=photo(world, EXAMPLES / "photos" / "photo-05.jpg"))
    (own, pixels), names = made(world, request), ("smile", "mouth_open")
    missed = [abs(own.report.attributes[n].achieved - own.report.attributes[n].requested) for n in names]
    change = np.abs(pixels - original()).max(2) > 0
    assert max(missed) <= 0.1 and own.report.outside_change == 0 and 0.01 < change.mean() < 0.3
    monkeypatch.setattr(smile, "_ALIKE", 90.0)
    monkeypatch.setattr(smile, "_APART", 91.0)
    pasted, _ = made(world, request)
    before, kept, lost = (embedded(world, one) for one in (made(world, transfer(world, strength=0.0))[0], own, pasted))
    assert kept @ before > 0.85 and lost @ before < kept @ before - 0.05


def embedded(world, picture):
    face = np.asarray(Image.open(io.BytesIO(world.blob(picture.crop))))
    return load_identity()(to_tensor(face[None]))[0]


def test_no_strength_is_no_change(world):
    picture, pixels = made(world, transfer(world, strength=0.0))
    assert (pixels == np.asarray(Image.open(NEW).convert("RGB"))).all()


def test_the_same_request_gives_the_same_bits(world):
    first, second = (made(world, transfer(world))[1] for _ in range(2))
    assert (first == second).all()


def lower_face():
    """A mask of new.jpg."""
    mask = np.zeros(original().shape, np.uint8)
    mask[380:480, 160:300] = 255
    return mask


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def original():
    return np.asarray(Image.open(NEW).convert("RGB")).astype(int)


def test_outside_a_mask_of_ones_own_the_photo_stays(world):
    mask = lower_face()
    picture, pixels = made(world, transfer(world, region=None, mask=world.put(png(mask))))
    change, named = (np.abs(one - original()) for one in (pixels, made(world, transfer(world))[1]))
    assert change[mask == 0].max() == 0 and change[mask > 0].mean() > 1 and picture.report.outside_change == 0
    assert named[mask == 0].max() > 0  # the control: the smile reaches farther than this mask


def test_masks_that_cannot_be_meant(world):
    mask, corner, photo = lower_face(), np.zeros_like(lower_face()), np.asarray(Image.open(NEW).convert("RGB"))
    corner[:6, :6] = 255
    for file, error, said in (
        (png(corner), InvalidRequest, "does not touch the person's face"),
        (png(mask[:, :300]), InvalidRequest, "shapes differ"),
        (png(photo), InvalidRequest, "coloured.*a transfer's mask"),
        (png(0 * mask), InvalidRequest, "nothing is taken"),
        (png(0 * mask + 255), InvalidRequest, "nothing of the photo would stay"),
        (b"\x89PNG\r\n\x1a\n torn", InvalidImage, "mask"),
    ):
        with pytest.raises(error, match=said):
            made(world, transfer(world, region=None, mask=world.put(file)))
    for wrong in ({"region": None}, {"mask": "0" * 64}):
        with pytest.raises(ValueError, match="either a region or a mask"):
            transfer(world, **wrong)


def varied(world, **more):
    result = operations.run(Variations(persona_id=persona_id(1), photo=photo(world, NEW), **more), world)
    return result.pictures, [
        np.asarray(Image.open(io.BytesIO(world.blob(p.blob)))).astype(int) for p in result.pictures
    ]


def test_variations_differ_and_the_photo_stays_around_the_face(world):
    pictures, pixels = varied(world, n=3, seed=5)
    for one in pixels:
        changed = np.abs(one - original()).mean(2)
        assert one.shape == original().shape and changed.mean() > 0.3 and changed[:10].max() == 0
    assert min(np.abs(pixels[i] - pixels[j]).mean() for i in range(3) for j in range(i)) > 0.3
    assert all(p.report.identity is not None and p.report.identity_before is not None for p in pictures)
    again = varied(world, n=3, seed=5)[1]
    assert all((one == other).all() for one, other in zip(pixels, again, strict=True))
    assert (varied(world, n=1, strength=0.0)[1][0] == original()).all()  # the control


def test_variations_by_hand(world):
    up = Patch(box=(170, 380, 290, 470), by=(0, -12))
    pixels = varied(world, n=2, patches=[up])[1]
    half, whole = (np.abs(one - original()).mean() for one in pixels)
    assert 0 < half < whole
    assert (pixels[1] == varied(world, n=1, patches=[up])[1][0]).all()
    with pytest.raises(InvalidRequest, match="patch 1 lies outside the person's face"):
        varied(world, patches=[Patch(box=(0, 0, 4, 4), by=(1, 1))])


def test_a_blend_begins_and_ends_with_one_photo(world):
    request = {"persona_id": persona_id(1), "photo": photo(world, NEW), "other": photo(world, OTHER)}
    alone, both, other = (made(world, Blend(**request, mask=mask))[1] for mask in (0.0, "left-right", 1.0))
    assert both.shape == (256, 256, 3)
    left, right = np.s_[:, :48], np.s_[:, 208:]
    assert np.abs(both - alone)[left].mean() < np.abs(both - other)[left].mean()
    assert np.abs(both - alone)[right].mean() > np.abs(both - other)[right].mean()


def test_a_blend_by_a_part_of_the_face(world):
    """Where the mouths are it is the other photo, and the hair is the first one's."""
    request = {"persona_id": persona_id(1), "photo": photo(world, NEW), "other": photo(world, OTHER)}
    alone, both, other = (made(world, Blend(**request, mask=mask))[1] for mask in (0.0, "smile", 1.0))
    mouth, top = np.s_[165:200, 105:150], np.s_[:40]
    assert np.abs(both - other)[mouth].mean() < 0.5 * np.abs(both - alone)[mouth].mean()
    assert np.abs(both - alone)[top].mean() < 0.5 * np.abs(both - other)[top].mean()


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


def test_colours_of_another_picture(world):
    """Faces stay where they are; the mean colour goes towards the other picture's."""
    ask = {"persona_id": persona_id(1), "style": "toon", "photo": photo(world, NEW)}
    plain = made(world, Restyle(**ask))[1]
    like = made(world, Restyle(persona_id=persona_id(1), style="toon", seed=4))[0]
    taken = Photo(name="toon.png", blob=like.blob)
    wanted = np.asarray(Image.open(io.BytesIO(world.blob(like.blob)))).astype(int)
    coloured = made(world, Restyle(**ask, like=taken))[1]
    middle = np.s_[60:220, 70:190]
    before, after = (np.abs(one[middle].mean((0, 1)) - wanted[middle].mean((0, 1))).sum() for one in (plain, coloured))
    assert after < 0.85 * before and np.abs(coloured - plain).mean() > 3
    with pytest.raises(FaceNotFound, match="bad-no-face.jpg: no face was seen in it"):
        made(world, Restyle(**ask, like=photo(world, NOBODY)))


def test_restyling_a_new_portrait(world):
    ask = {"persona_id": persona_id(1), "style": "pencil", "seed": 4}
    first, second = (made(world, Restyle(**ask))[1] for _ in range(2))
    assert first.shape == (256, 256, 3) and (first == second).all()
    assert np.abs(made(world, Restyle(**ask | {"seed": 5}))[1] - first).mean() > 3
    with pytest.raises(InvalidRequest, match="region"):
        operations.run(Restyle(**ask, region="hair"), world)
    with pytest.raises(NotFound, match="no style 'oil'"):
        operations.run(Restyle(**ask | {"style": "oil"}), world)
