"""Which pixels of another photo may be taken."""

from types import SimpleNamespace

import numpy as np

from portraitist_workers.collage.meeting import face_of


def test_what_lies_beside_the_other_face_is_not_taken_and_its_mouth_is():
    y, x = np.mgrid[:256, :256]
    grain = (((x - 128) / 60) ** 2 + ((y - 128) / 80) ** 2 < 1).astype(np.float32)
    grain[160:172, 112:144] = 0  # a mouth that opens shows what was not to be seen
    share = face_of(SimpleNamespace(grain=grain))
    assert share[166, 128] > 0.99 and share[128, 128] > 0.99
    assert share[128, 60] < 0.05 and share[128, 66] < 0.15  # beside it, where hair begins
    assert (
        grain[166, 128] == 0 == face_of(SimpleNamespace(grain=np.zeros_like(grain))).max()
    )  # the control: no face, nothing
