"""The mesh of a face and palms before it: MediaPipe's networks give MediaPipe's numbers, and see what is there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from portraitist_workers.faces.hands import decode, load_hands
from portraitist_workers.faces.image_io import read, to_tensor
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.faces.networks import load_network
from portraitist_workers.faces.world import FOLDER

from .conftest import ROOT

IRISES, EYE_CORNERS, LIDS, CHIN = (
    (468, 473),
    ((33, 133), (362, 263)),
    ((159, 145), (386, 374)),
    152,
)  # lids: upper, lower


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    """Outputs of MediaPipe 0.10.21 (make_mesh_reference.py) for three of the test people's pictures."""
    with np.load(Path(__file__).with_name("mesh_reference.npz")) as file:
        return dict(file)


def squares(reference, side: int) -> torch.Tensor:
    """[3, 3, side, side] in [-1, 1]: the pictures' faces, about in the FFHQ frame."""
    pictures = []
    for name, (x, y, size) in zip(reference["pictures"], reference["squares"], strict=True):
        photo = read(ROOT / "tests" / "people" / str(name))
        pictures.append(cv2.resize(photo[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA))
    return to_tensor(np.stack(pictures))


# -- the same numbers --


def test_the_person_is_cut_out_as_the_original_does(reference):
    network, _ = load_network("person", FOLDER)
    with torch.no_grad():
        found = network((squares(reference, 256)[:1] + 1) / 2)["person"][0, 0, ::4, ::4].numpy()
    difference = np.abs(found - reference["person"])
    assert difference.max() < 0.05 and 0.2 < reference["person"].mean() < 0.9
    assert np.abs(found[:, ::-1] - reference["person"]).mean() > 0.05  # the mirrored picture's does not fit


def test_the_network_gives_the_original_runtimes_numbers(reference):
    """Raw outputs, in px of 192: they differ by 0.0001 here; the rest is for other decoders of JPEG."""
    network, _ = load_network("mesh", FOLDER)
    with torch.no_grad():
        out = network((squares(reference, 192) + 1) / 2)
    for name in ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris"):
        difference = np.abs(out[name].reshape(3, -1).numpy() - reference[name])
        assert difference.max() < 0.05, (name, difference.max())
    assert (
        np.abs(out["presence"].reshape(3, 1).sigmoid().numpy() - 1 / (1 + np.exp(-reference["presence"]))).max() < 0.02
    )


def test_points_are_those_of_the_original_pipeline(reference):
    """Its windows are cut by another rule of where a pixel's middle is, which moves all points by up to half a px of 192."""
    points = load_mesh()(squares(reference, 256)).points.numpy()
    away = np.linalg.norm((points - reference["points"])[..., :2], axis=2)
    assert away.mean() < 0.003 and away.max() < 0.012
    assert np.abs((points - reference["points"])[..., 2]).mean() < 0.005
    assert (
        np.linalg.norm((points[[1, 2, 0]] - reference["points"])[..., :2], axis=2).mean() > 0.03
    )  # another picture's do not fit


def test_palms_are_decoded_as_the_original_does(reference):
    network, _ = load_network("palms", FOLDER)
    with torch.no_grad():
        out = network((squares(reference, 192)[:1] + 1) / 2)
    assert np.abs(out["scores"].flatten().numpy() - reference["palm_scores"]).max() < 0.05
    assert np.abs(out["boxes"][0, :, :4].numpy() - reference["palm_boxes"]).max() < 0.5
    centre = decode(torch.zeros(1, 2016, 18))[0, :, :2]  # of boxes without extent: the middles of cells of 8 and 16 px
    assert centre[[0, 2, 48, 1152, 1158]].tolist() == [[4, 4], [12, 4], [4, 12], [8, 8], [24, 8]]


# -- what they see --


def test_points_are_where_they_are_in_a_face(reference):
    points = load_mesh()(squares(reference, 128)).points
    for iris, (outer, inner), (upper, lower) in zip(IRISES, EYE_CORNERS, LIDS, strict=True):
        low, high = torch.minimum(points[:, outer], points[:, inner]), torch.maximum(points[:, outer], points[:, inner])
        assert ((points[:, iris] > low)[:, 0] & (points[:, iris] < high)[:, 0]).all()
        assert (points[:, upper, 1] < points[:, lower, 1]).all()
    assert (points[:, CHIN, 1] > points[:, :468, 1].quantile(0.95, 1)).all()
    assert (points[:, 1, 2] < points[:, [234, 454], 2].amin(1)).all()  # the nose is nearer than the cheeks' edges


def test_points_follow_the_picture(reference):
    """Shifted, turned and shrunk, a face has its points in the same places; unless the points are brought back, they are elsewhere."""
    images, mesh = squares(reference, 256), load_mesh()
    turn = torch.tensor([[1.05, -0.08], [0.08, 1.05]])
    theta = torch.cat([turn, torch.tensor([[0.03], [-0.04]])], 1).expand(3, -1, -1)
    moved = F.grid_sample(
        images, F.affine_grid(theta, images.shape, align_corners=False), padding_mode="reflection", align_corners=False
    )
    before, after = mesh(images).points[..., :2], mesh(moved).points[..., :2]
    back = ((2 * after - 1) @ turn.T + theta[:, None, :, 2] + 1) / 2
    assert (back - before).norm(dim=2).mean() < 0.006 < 0.015 < (after - before).norm(dim=2).mean()


def test_a_face_is_told_from_what_is_none(reference):
    mesh, generator = load_mesh(), torch.Generator().manual_seed(0)
    noise = torch.rand(2, 3, 128, 128, generator=generator) * 2 - 1
    hills = torch.linspace(0.8, -0.6, 128)[None, None, :, None].expand(2, 3, 128, 128) + 0.1 * F.interpolate(
        noise[:, :, :16, :16], 128
    )
    assert (mesh(squares(reference, 128)).presence > 0.99).all()
    assert (mesh(noise).presence < 0.05).all() and (mesh(hills).presence < 0.05).all()


def test_the_same_at_any_size_and_in_any_company(reference):
    mesh, images = load_mesh(), squares(reference, 256)
    whole = mesh(images).points
    assert torch.allclose(mesh(images[1:2]).points, whole[1:2], atol=1e-5)
    for side, error in ((512, 0.002), (128, 0.005), (64, 0.012)):
        assert (mesh(squares(reference, side)).points - whole)[..., :2].norm(dim=2).mean() < error, side


def test_gradients_of_an_eye_reach_the_eye(reference):
    images = squares(reference, 128).requires_grad_()
    upper, lower = LIDS[0]
    points = load_mesh()(images).points
    (points[:, lower, 1] - points[:, upper, 1]).sum().backward()
    strength = images.grad.abs().sum(1)
    x, y = (points[0, IRISES[0], :2].detach() * 128).long().tolist()
    assert strength[0, y - 8 : y + 9, x - 12 : x + 13].mean() > 5 * strength[0].mean()


def drawn_hand(image: np.ndarray) -> np.ndarray:
    """A palm, five fingers and a forearm, drawn onto the middle of [256, 256, 3] uint8."""
    image, skin, lines = image.copy(), (205, 160, 135), (148, 115, 97)
    for colour, more in ((lines, 2), (skin, 0)):
        cv2.ellipse(image, (128, 160), (33 + more, 37 + more), 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.line(image, (128, 184), (128, 256), colour, 37 + 2 * more, cv2.LINE_AA)
        for begin, end in (
            ((103, 139), (91, 91)),
            ((119, 130), (116, 76)),
            ((136, 130), (140, 79)),
            ((151, 137), (164, 94)),
            ((101, 175), (69, 148)),
        ):
            cv2.line(image, begin, end, colour, 12 + 2 * more, cv2.LINE_AA)
    for begin, end in (((104, 148), (149, 143)), ((104, 161), (152, 155)), ((113, 151), (125, 190))):
        cv2.line(image, begin, end, lines, 2, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def test_a_palm_is_found_and_a_face_is_none(reference):
    hands = load_hands()
    ground = np.full((256, 256, 3), (70, 90, 110), np.uint8)
    (found,), empty = hands(to_tensor(drawn_hand(ground))), hands(to_tensor(ground))
    assert len(found) == 1 and found[0].score > 0.7 and empty == [[]]
    x1, y1, x2, y2 = found[0].box
    assert x1 < 128 / 256 < x2 and y1 < 160 / 256 < y2 and 0.1 < x2 - x1 < 0.4
    assert hands(squares(reference, 256)) == [[], [], []]
    assert hands(torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1) == [[], []]
