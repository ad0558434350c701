"""A photo's face seen from another side: at the angle asked, the same person, and known only where it was seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from portraitist_workers.faces.attributes import load_attribute_points
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import to_tensor, to_uint8
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.faces.parser import load_parser
from portraitist_workers.faces.turning import turned


@pytest.fixture(scope="module")
def frontal(faces) -> tuple[np.ndarray, np.ndarray]:
    """The eight pictures [8, 128, 128, 3] that look most straight ahead, and their meshes [8, 478, 3]."""
    images, _, labels = faces
    order = np.argsort([np.hypot(label["yaw"], label["pitch"]) for label in labels])[:8]
    chosen = images[torch.from_numpy(order.copy())]
    return to_uint8(chosen), load_mesh()(chosen).points.double().numpy()


def pose(pictures: list[np.ndarray]) -> np.ndarray:
    """[N, 2] yaw and pitch, by the points alone."""
    with torch.no_grad():
        return load_attribute_points()(to_tensor(np.stack(pictures)))[0].numpy()[:, :2]


@pytest.mark.parametrize(("yaw", "pitch"), [(15, 0), (-15, 0), (0, 8), (0, -8)])
def test_a_turned_face_reads_as_turned(frontal, yaw, pitch):
    before = pose(list(frontal[0]))
    after = pose([turned(*pair, yaw=yaw, pitch=pitch).picture for pair in zip(*frontal, strict=True)])
    moved = np.median(after - before, 0)
    assert np.abs(moved - (yaw, pitch)).max() < 3, moved


def test_unturned_is_the_photo_itself(frontal):
    for picture, points in zip(*frontal, strict=True):
        same = turned(picture, points)
        assert np.abs(same.picture.astype(int) - picture)[same.known > 0.9].max() <= 2
        assert 0.15 < (same.known > 0.5).mean() < 0.35


def test_only_the_face_is_known(frontal):
    """Hair, neck and background do not turn with the mesh."""
    pictures, points = frontal
    parser = load_parser()
    part = parser(to_tensor(pictures)).argmax(1).numpy()
    known = np.stack([turned(*pair).known for pair in zip(pictures, points, strict=True)])

    def share(name: str) -> float:
        return float(known[part == parser.names.index(name)].mean())

    assert max(share(name) for name in ("background", "hair", "neck", "clothes")) < 0.05
    assert min(share(name) for name in ("eyes", "nose", "lips")) > 0.95


def test_what_a_turn_hides_is_not_known(frontal):
    for pair in zip(*frontal, strict=True):
        assert turned(*pair, yaw=45).known.sum() < 0.8 * turned(*pair).known.sum()


def test_the_person_stays_the_same(frontal, faces):
    """The turned face in the photo it was made from, against the photo; other people's pictures are the negative control."""
    identity, (pictures, points) = load_identity(), frontal
    laid = []
    for picture, mesh in zip(pictures, points, strict=True):
        view = turned(picture, mesh, yaw=15)
        laid.append(
            (view.known[..., None] * view.picture + (1 - view.known[..., None]) * picture).round().astype(np.uint8)
        )
    with torch.no_grad():
        before, after = identity(to_tensor(pictures)), identity(to_tensor(np.stack(laid)))
    assert (before * after).sum(1).min() > 0.8
    owners = np.array(
        [faces[1][int((faces[0] - image).abs().flatten(1).mean(1).argmin())] for image in to_tensor(pictures)]
    )
    others = (before @ after.T).numpy()[owners[:, None] != owners]
    assert others.max() < 0.8


def test_another_expression_moves_the_mouth_and_not_the_frame(frontal):
    """The corners of the mouth raised by a twentieth of the side: the lips' pixels move, the eyes' stay."""
    picture, points = frontal[0][0], frontal[1][0]
    moved = np.zeros((478, 3))
    lower = points[:, 1] > points[2, 1]  # below the nose
    moved[lower, 1] = -0.03
    plain, changed = turned(picture, points), turned(picture, points, moved=moved)
    difference = np.abs(plain.picture.astype(int) - changed.picture)[..., 0] * (plain.known * changed.known > 0.5)
    nose = int(points[2, 1] * 128)
    assert difference[: nose - 8].max() <= 2 and difference[nose + 4 :].mean() > 0.2
