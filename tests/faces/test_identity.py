"""The recogniser: dlib's own numbers, people told apart, and the same person under bad light and in small pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portraitist.errors import PriorUnavailable
from portraitist_workers import settings
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import read, to_tensor, to_uint8
from portraitist_workers.faces.world import FOLDER
from portraitist_workers.faces.world.dlib import read as read_dlib

from .conftest import PEOPLE, ROOT


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    """Vectors of dlib 20.0 (make_identity_reference.py) for two pictures of each of the test people."""
    with np.load(Path(__file__).with_name("identity_reference.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module")
def embedded(faces) -> np.ndarray:
    return load_identity()(faces[0]).numpy()


def own_and_others(vectors: np.ndarray, faces, embedded: np.ndarray) -> np.ndarray:
    """[N, 4] mean cosine of each of `vectors` to each person's pictures, without the picture that it was made from."""
    owners, cosine = np.array(faces[1]), vectors @ embedded.T
    np.fill_diagonal(cosine, np.nan)
    return np.stack([np.nanmean(np.where(owners == name, cosine, np.nan), 1) for name in PEOPLE], 1)


def whose(faces) -> np.ndarray:
    return np.array([PEOPLE.index(name) for name in faces[1]])


def test_the_network_gives_dlibs_numbers(reference):
    """Vectors lie 0.4 apart for one person, 0.8 for two. fp16 weights cost 0.0009; the rest is for other decoders of JPEG."""
    chips = []
    for name, (x, y, size) in zip(reference["pictures"], reference["squares"], strict=True):
        photo = read(ROOT / "tests" / "people" / str(name))
        chips.append(cv2.resize(photo[y : y + size, x : x + size], (150, 150), interpolation=cv2.INTER_AREA))
    images, network = to_tensor(np.stack(chips)), load_identity().network

    def away(pictures: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            return np.linalg.norm(network(pictures).numpy() - reference["vectors"], axis=1)

    assert away(images).max() < 0.02
    assert away(images.flip(1)).min() > 0.1  # blue for red
    assert away(images.roll(2, 0)).min() > 0.3  # another person's


def test_the_weights_are_named_and_attributed():
    assert load_identity().name.startswith("dlib-resnet@") and load_identity().measured["source"].endswith("CC0 1.0")
    assert (FOLDER / "identity.safetensors").stat().st_size < 12_000_000
    with pytest.raises(ValueError, match="not dlib_face_recognition_resnet_model_v1.dat"):
        read_dlib(b"another file")


def test_people_are_told_apart(faces, embedded):
    """One person's pictures have cosines of 0.69 and more, mean 0.88; means between two people reach 0.64."""
    assert np.linalg.norm(embedded, axis=1) == pytest.approx(1, abs=1e-4)
    cosine, owner = embedded @ embedded.T, whose(faces)
    upper = np.triu(np.ones_like(cosine, dtype=bool), 1)
    own, other = (cosine[upper & (same == (owner[:, None] == owner))] for same in (True, False))
    assert (own[:, None] > other).mean() > 0.99  # area under the ROC curve
    assert own.min() > load_identity().same_person and np.mean(other > load_identity().same_person) < 0.2
    to_each = own_and_others(embedded, faces, embedded)
    assert (to_each.argmax(1) == owner).all()


CHANGES = {
    "grey": lambda p: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
    "dark": lambda p: (0.15 * p).astype(np.uint8),
    "small": lambda p: cv2.resize(
        cv2.resize(p, (40, 40), interpolation=cv2.INTER_AREA), (128, 128), interpolation=cv2.INTER_CUBIC
    ),
}


def changed(faces, change) -> np.ndarray:
    return load_identity()(to_tensor(np.stack([change(picture) for picture in to_uint8(faces[0])]))).numpy()


@pytest.mark.parametrize("name", CHANGES)
def test_grey_dark_and_small_pictures_are_still_the_persons(faces, embedded, name):
    """Lowest mean cosine to the person's other pictures: 0.75 in grey, 0.68 in the dark, 0.67 for faces of about 24 px."""
    to_each, owner = own_and_others(changed(faces, CHANGES[name]), faces, embedded), whose(faces)
    assert (to_each.argmax(1) == owner).all()
    assert to_each[np.arange(len(owner)), owner].min() > load_identity().same_person


@pytest.mark.parametrize(
    "change", [lambda p: 255 - p, lambda p: np.ascontiguousarray(p[::-1])], ids=["negative", "upside down"]
)
def test_what_is_no_longer_the_person_does_not_count_as_them(faces, embedded, change):
    to_each = own_and_others(changed(faces, change), faces, embedded)
    assert np.mean(to_each.max(1) > load_identity().same_person) < 0.1


def test_a_picture_and_its_mirror_image_are_the_same_person(faces, embedded):
    mirrored = load_identity()(faces[0].flip(3)).numpy()
    assert (mirrored * embedded).sum(1) == pytest.approx(1, abs=0.01)


def test_gradients_reach_the_picture(faces):
    images = faces[0][:2].clone().requires_grad_()
    (load_identity()(images)[0] @ load_identity()(images)[1]).backward()
    assert images.grad is not None and (images.grad.abs().flatten(1).sum(1) > 0).all()


def test_another_recogniser_must_be_known(monkeypatch):
    monkeypatch.setattr(settings, "current", lambda: settings.Settings(identity="dlib"))
    load_identity.cache_clear()
    with pytest.raises(PriorUnavailable, match="'bundled' or 'facenet'"):
        load_identity()
    load_identity.cache_clear()
