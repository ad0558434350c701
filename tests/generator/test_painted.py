"""Parts off the face, changed in a photo: painted where they have another shape, dyed where they keep their own."""

import numpy as np
import pytest
import torch

from portraitist_workers.composing.painted import cautions, dyed, painted
from portraitist_workers.detail.fields import SIDE
from portraitist_workers.detail.scene import Scene
from portraitist_workers.faces.edited import EditedFace, Layers
from portraitist_workers.generator.parts import Made, PartsConfig

CONFIG = PartsConfig(64, ("background", "skin", "hair", "clothes"), z_dim=8, code_dim=8, tone="", toned=())
HEAD, TOP = slice(8, 56), slice(8, 24)  # of 64 px: the person, and the hair of the picture before
PHOTO, BEHIND = 100.0, 30


def made(hair: slice, grey: float) -> Made:
    """A picture whose hair has the rows `hair` and that grey level. All else is in the middle."""
    segmentation = torch.zeros(1, 4, 64, 64)
    segmentation[:, 0] = 0.1
    segmentation[:, 1, 24:56, HEAD] = 1
    segmentation[:, 2, hair, HEAD] = 2
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, hair, HEAD] = grey / 127.5 - 1
    return Made(image, segmentation, segmentation[..., ::2, ::2], segmentation[..., ::2, ::2])


@pytest.fixture
def scene() -> Scene:
    def part(*rows: slice) -> np.ndarray:
        found = np.zeros((SIDE, SIDE), np.float32)
        for those in rows:
            found[those, 32:224] = 1
        return found

    person = part(slice(32, 224))
    plate = np.full((SIDE, SIDE, 4), BEHIND, np.uint8)
    layers = Layers((255 * person).astype(np.uint8), plate)
    nobody = np.zeros_like(person)
    photo = np.full((SIDE, SIDE, 3), PHOTO, np.uint8)
    return Scene(photo, np.zeros((478, 3), np.float32), part(slice(96, 224)), nobody, nobody, nobody, layers, layers)


@pytest.fixture
def face() -> EditedFace:
    nothing, whole = np.zeros((SIDE, SIDE, 3), np.float32), np.ones((SIDE, SIDE), np.float32)
    photo = np.full((SIDE, SIDE, 3), PHOTO, np.float32)
    return EditedFace(photo + 77, nothing, whole, nothing[..., :2], whole, photo)


def test_hair_of_another_shape_is_the_generators(face, scene):
    before, after = made(TOP, 127.5), made(slice(16, 24), 200)
    shown = painted(face, scene, CONFIG, before, after, ["hair"]).shown
    assert abs(shown[80, 128].mean() - (PHOTO + 77)) < 1  # hair of the new picture
    assert abs(shown[44, 128].mean() - BEHIND) < 1  # it was hair, and is the photo's background now
    assert abs(shown[160, 128].mean() - PHOTO) < 0.1  # the face
    assert painted(face, scene, CONFIG, before, after, ["skin"]) is face  # in the face, carrying does it


def test_no_line_runs_around_new_hair(face, scene):
    """Where the photo's background goes over into what stands behind the person, nothing of the generator's background is seen."""
    before, after = made(TOP, 127.5), made(slice(16, 24), 200)
    scene.small.behind[:] = PHOTO
    about = slice(0, 48), 128  # from the top of the picture into what was hair
    shown = painted(face, scene, CONFIG, before, after, ["hair"]).shown[about]
    assert np.abs(shown - PHOTO).max() < 1
    other = painted(face, scene, CONFIG, before, after, ["hair", "background"]).shown[about]
    assert other.max() > PHOTO + 70  # the generator's, which it would be


def test_strands_of_the_old_hair_go_with_it(face, scene):
    before, after = made(TOP, 127.5), made(slice(16, 24), 200)
    scene.small.behind[:] = PHOTO
    scene.small.matte[14:32, 32:224] = 255  # hair reaches farther than the generator's picture of it
    for rows in (slice(8, 12), slice(0, 2)):  # strands, and something faint that is too far away
        scene.small.matte[rows, 32:224] = 50
        face.moved[rows, 32:224] = PHOTO - 50
    shown = painted(face, scene, CONFIG, before, after, ["hair"]).shown
    assert np.abs(shown[8:12, 64:192] - PHOTO).max() < 2
    assert shown[0, 64:192].max() < PHOTO - 35


def test_hair_of_the_old_shape_takes_on_the_tone(face, scene):
    before, after = made(TOP, 127.5), made(TOP, 167.5)
    shown = dyed(face, scene, CONFIG, before, after, ["hair"]).shown
    assert abs(shown[64, 128].mean() - (PHOTO + 40)) < 2
    assert abs(shown[160, 128].mean() - PHOTO) < 0.1 and abs(shown[20, 128].mean() - PHOTO) < 0.1
    assert dyed(face, scene, CONFIG, before, after, ["skin"]) is face


def test_hair_that_leaves_the_square_is_said(scene):
    assert cautions(scene, ["hair", "eyes"]) == []
    scene.small.matte[:32, 32:224] = 255
    [said] = cautions(scene, ["hair", "eyes"])
    assert "hair goes beyond" in said and cautions(scene, ["eyes"]) == []
