"""Detection, the FFHQ frame, and pasting a crop back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from portraitist_workers.faces.align import Frame, crop, ffhq_frame, resample
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.edited import still
from portraitist_workers.faces.image_io import read
from portraitist_workers.faces.paste import paste

from .conftest import PEOPLE, ROOT, person_labels, person_photos


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, Frame]:
    photo = read(person_photos("ada")[0])
    return photo, ffhq_frame(detect_faces(photo)[0].points)


def test_detected_frames_match_the_rendered_ones():
    """The engine knows where its face is. Units: 1/256 of the frame."""
    offsets = []
    for name in PEOPLE:
        for file, labels in list(person_labels(name).items())[::4]:
            faces = detect_faces(read(ROOT / "tests" / "people" / name / file))
            assert len(faces) == 1, file
            frame, (left, top, side) = ffhq_frame(faces[0].points), labels["crop"]
            offsets.append(
                [
                    (frame.centre_x - left - side / 2) / side * 256,
                    (frame.centre_y - top - side / 2) / side * 256,
                    frame.size / side - 1,
                    frame.roll - labels["roll"],
                ]
            )
    error = np.abs(offsets)
    assert error[:, :2].mean() < 1.2 and error[:, :2].max() < 5  # measured on all 96: 0.8, 2.5
    assert error[:, 2].mean() < 0.04 and error[:, 3].mean() < 2.0  # 0.025, 1.2 degrees


def test_detection_is_deterministic(portrait):
    photo, frame = portrait
    assert ffhq_frame(detect_faces(photo)[0].points) == frame


def test_no_face_in_noise_nor_in_nothing(photos):
    rng = np.random.default_rng(0)
    assert detect_faces(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)) == []
    assert detect_faces(np.full((500, 500, 3), 128, np.uint8)) == []
    assert detect_faces(np.zeros((12, 9, 3), np.uint8)) == []
    assert detect_faces(read(photos / "bad-no-face.jpg")) == []


def test_a_small_face_in_a_large_photo_is_found_on_the_second_look(portrait):
    photo, _ = portrait
    wide = np.full((1500, 3000, 3), 128, np.uint8)
    small = cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide[700 : 700 + small.shape[0], 2000 : 2000 + small.shape[1]] = small
    assert len(detect_faces(wide)) == 1


def test_faces_in_a_group_come_largest_first():
    faces = detect_faces(read(ROOT / "examples" / "group.jpg"))
    assert len(faces) >= 2
    assert all(a.side >= b.side for a, b in zip(faces, faces[1:], strict=False))


def test_frame_follows_the_rule_for_an_upright_face():
    frame = ffhq_frame(np.array([[40, 50], [60, 50], [50, 60], [42, 75], [58, 75]], float))
    assert frame.roll == pytest.approx(0)
    assert (frame.centre_x, frame.centre_y) == pytest.approx((50, 52.5))  # eyes + 0.1 x (25 down)
    assert frame.size == pytest.approx(2 * 45)  # 1.8 x 25 beats 2.0 x 20
    with pytest.raises(ValueError, match="extent"):
        ffhq_frame(np.full((5, 2), 7.0))


def test_frame_matrices_are_inverse_and_scale():
    frame = Frame(100.0, 80.0, 30.0, 10.0)
    there, back = (np.vstack([m, [0, 0, 1]]) for m in (frame.to_crop(64), frame.to_photo(64)))
    assert np.allclose(there @ back, np.eye(3))
    assert np.allclose(frame.to_photo(64) @ [32, 32, 1], [100, 80])
    assert np.allclose(frame.scaled(2).corners, 2 * frame.corners)


def test_turning_the_photo_turns_the_frame(portrait):
    """Negative control of the alignment: crops of a turned photo agree, plain squares do not."""
    photo, frame = portrait
    H, W = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((W / 2, H / 2), 12, 1)
    turned = cv2.warpAffine(photo, turn, (W, H), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    again = ffhq_frame(detect_faces(turned)[0].points)
    a, b = crop(photo, frame, 128).astype(float), crop(turned, again, 128).astype(float)
    upright = crop(turned, Frame(again.centre_x, again.centre_y, again.size / 2, 0.0), 128).astype(float)
    inner = np.s_[32:112, 32:96]
    assert np.abs(a - b)[inner].mean() < 8 < 1.5 * np.abs(a - upright)[inner].mean()
    assert abs(frame.roll - again.roll - 12) < 2.5


def test_shrinking_averages_instead_of_skipping():
    """A one-pixel checkerboard has no business in a small crop; nearest or bilinear sampling would leave moiré."""
    board = (np.indices((900, 900)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    frame = Frame(450.0, 450.0, 380.0, 90.0)
    ours = crop(board, frame, 128).astype(float)
    careless = cv2.warpAffine(
        board, frame.to_photo(128), (128, 128), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ).astype(float)
    assert ours.std() < 3 < careless.std()
    assert abs(ours.mean() - 127.5) < 1


def test_resampling_by_one_is_exact():
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(resample(picture, np.array([[1.0, 0, 0], [0, 1, 0]]), (40, 40)), picture)


def test_crop_beyond_the_edge_is_smooth_and_not_black(portrait):
    photo, frame = portrait
    moved = Frame(10.0, frame.centre_y, frame.half_x, frame.half_y)
    picture = crop(photo, moved, 128)
    assert picture[:, :40].mean() > 20
    assert picture[:, :40].astype(float).std() < photo.std()


@pytest.mark.parametrize("side", [64, 128, 256])
def test_pasting_back_an_unchanged_crop_changes_nothing(portrait, side):
    photo, frame = portrait
    pasted = paste(photo, frame, still(*[crop(photo, frame, side)] * 2))
    assert np.array_equal(pasted.image, photo) and not pasted.mask.any()
    # Negative control: the crop alone cannot hold the photo's detail.
    naive = resample(crop(photo, frame, 64), frame.to_crop(64), photo.shape[1::-1])
    centre = round(frame.centre_y), round(frame.centre_x)
    around = tuple(slice(at - 40, at + 40) for at in centre)
    assert np.abs(naive.astype(int) - photo)[around].mean() > 1


def test_pasting_another_face_leaves_the_rest_alone_and_no_seam(portrait):
    photo, frame = portrait
    other = read(person_photos("ada")[5])
    edited = crop(other, ffhq_frame(detect_faces(other)[0].points), 128)
    pasted = paste(photo, frame, still(edited, crop(photo, frame, 128)))
    outside = pasted.mask == 0
    assert outside.mean() > 0.3
    assert np.array_equal(pasted.image[outside], photo[outside]) and pasted.outside_change == 0
    inside = resample(edited, frame.to_crop(128), photo.shape[1::-1])
    centre = pasted.mask > 0.999
    assert np.abs(pasted.image.astype(float) - inside)[centre].mean() < 6  # the edit did arrive
    hard = np.where((pasted.mask > 0)[..., None], inside, photo)
    ring = cv2.morphologyEx(outside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5))) > 0

    def step(image):
        return np.abs(cv2.Laplacian(image.astype(np.float32), cv2.CV_32F))[ring].mean()

    assert step(pasted.image) < 1.3 * step(photo) < step(hard)  # negative control: without blending there is a seam


def test_other_faces_stay_untouched():
    photo = read(ROOT / "examples" / "group.jpg")
    frames = [ffhq_frame(face.points) for face in detect_faces(photo)[:2]]
    edited = 255 - crop(photo, frames[0], 128)
    centre = (round(frames[1].centre_y), round(frames[1].centre_x))
    pasted = paste(photo, frames[0], still(edited, 255 - edited), others=frames[1:])
    assert pasted.mask[centre] == 0 and np.array_equal(pasted.image[centre], photo[centre])
    assert pasted.mask[round(frames[0].centre_y), round(frames[0].centre_x)] > 0.99
