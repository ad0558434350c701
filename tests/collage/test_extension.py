"""A photo with more background: every pixel stays, no second head appears, and the joins do not show."""

from pathlib import Path

import numpy as np
import pytest

from portraitist_workers.collage.extension import Room, extended
from portraitist_workers.faces import image_io
from portraitist_workers.faces.align import ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.outline import person_area

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOM = Room(200, 120, 240, 0)


@pytest.fixture(scope="module")
def photo():
    return image_io.read(EXAMPLES / "new.jpg")


@pytest.fixture(scope="module")
def frame(photo):
    return ffhq_frame(detect_faces(photo)[0].points)


@pytest.fixture(scope="module")
def area(photo, frame):
    return person_area(photo, frame)


def test_the_person_is_where_the_face_is(photo, frame, area):
    x, y = int(frame.centre_x), int(frame.centre_y)
    assert area.shape == photo.shape[:2] and area[y, x] > 0.9 and area[-1, x] > 0.9  # face and body
    assert area[5, 5] == area[5, -5] == 0 and 0.05 < (area > 0.5).mean() < 0.5


def test_the_photo_stays_and_its_joins_do_not_show(photo, area):
    height, width = photo.shape[:2]
    wide = extended(photo, area, ROOM)
    assert wide.shape == (height + 120, width + 440, 3)
    assert (wide[120:, 200 : 200 + width] == photo).all()

    def join(image):
        """Mean step across both side borders, above the shoulders, by that between the columns just inside."""
        grey = image.astype(float).mean(2)[130 : 120 + height // 2]
        steps = np.abs(np.diff(grey, axis=1)).mean(0)
        borders = [199, 199 + width]
        return np.mean(steps[borders]) / np.mean([*steps[202:212], *steps[187 + width : 197 + width]])

    assert join(wide) <= 1.15
    plain = np.full_like(wide, photo.mean())  # the control: one colour about the photo
    plain[120:, 200 : 200 + width] = photo
    assert join(plain) > 2


def test_no_second_head(photo, frame, area):
    """The head close to the border, where the published padding repeats it."""
    left = max(0, int(frame.centre_x - 0.33 * frame.size))
    near, covered = photo[:, left:], area[:, left:]
    wide = extended(near, covered, Room(250, 0, 0, 0))
    assert len(detect_faces(wide)) == 1
    assert len(detect_faces(np.pad(near, ((0, 0), (250, 0), (0, 0)), mode="symmetric"))) > 1


def test_a_body_at_the_border_goes_on_falling(photo, area):
    """Cut through the shoulder: beyond the border there is cloth, lower and lower, and background above it."""
    rows = np.flatnonzero((area > 0.5).any(1))
    columns = np.flatnonzero((area > 0.5)[rows[-1]])
    cut = (columns[0] + columns[-1]) // 2 - len(columns) // 4
    wide = extended(photo[:, cut:], area[:, cut:], Room(60, 0, 0, 0)).astype(float)
    cloth, ground = photo[-3, cut + 2].astype(float), photo[rows[0], 5].astype(float)

    def is_cloth(column):
        return np.abs(wide[:, column] - cloth).sum(1) < np.abs(wide[:, column] - ground).sum(1)

    near, far = is_cloth(57), is_cloth(20)
    assert near[-5] and near.sum() > far.sum()


def test_memory_grows_with_the_width_alone(photo, area, monkeypatch):
    from portraitist_workers.collage import extension

    whole = extended(photo, area, ROOM)
    monkeypatch.setattr(extension, "_ROWS", 37)
    assert np.abs(extended(photo, area, ROOM).astype(int) - whole).max() <= 1
