"""How much a photo counts and which of its pixels: every reason to count for less, on both of its sides."""

import numpy as np
import pytest

from portraitist_workers.faces.hands import Palm
from portraitist_workers.faces.weighing import LEAST, head_first, weigh

GOOD = {"face_px": 200.0, "blur": 1.1, "brightness": 120.0, "contrast": 80.0, "clipped": 0.0, "presence": 1.0}
INSIDE = np.ones((128, 128), np.float32)


def test_a_good_photo_counts_in_full():
    weighed = weigh(GOOD, INSIDE, [], 1)
    assert (weighed.weight, weighed.notes) == (1.0, []) and weighed.known.min() == 1


@pytest.mark.parametrize(
    ("figure", "bad", "almost", "weight", "said"),
    [
        ("face_px", 96.0, 128.0, 0.75, "smaller than the 128 px"),
        ("blur", 2.5, 1.5, (1.8 / 2.5) ** 2, "blurred"),
        ("brightness", 30.0, 40.0, 0.5, "too dark, too bright"),
        ("brightness", 240.0, 230.0, 0.5, "too dark, too bright"),
        ("contrast", 30.0, 33.0, 0.5, "without contrast"),
        ("clipped", 0.35, 0.25, 0.5, "35% without detail"),
        ("presence", 0.4, 0.6, 0.5, "perhaps covered"),
    ],
)
def test_what_is_bad_is_said_and_counts_for_less(figure, bad, almost, weight, said):
    weighed = weigh(GOOD | {figure: bad}, INSIDE, [], 1)
    assert weighed.weight == pytest.approx(weight, abs=0.001) and len(weighed.notes) == 1 and said in weighed.notes[0]
    good = weigh(GOOD | {figure: almost}, INSIDE, [], 1)
    assert (good.weight, good.notes) == (1.0, [])


def test_everything_at_once_still_counts_a_little():
    worst = {"face_px": 80.0, "blur": 4.0, "brightness": 10.0, "contrast": 5.0, "clipped": 0.9, "presence": 0.0}
    weighed = weigh(worst, INSIDE, [], 3)
    assert weighed.weight == LEAST and len(weighed.notes) == 5 and weighed.notes[-1] == "2 other faces set aside"


def test_nothing_is_learnt_from_under_a_hand_nor_from_beyond_the_photo():
    inside = INSIDE.copy()
    inside[:10] = 0
    weighed = weigh(GOOD, inside, [Palm((0.6, 0.6, 0.8, 0.8), 0.9)], 1)
    assert weighed.known[90, 90] == 0 and weighed.known[40, 40] == 1 and weighed.known[:10].max() == 0
    assert weighed.known[72, 72] == 0  # fingers reach beyond the palm
    assert weighed.weight == 1 and "a hand" in weighed.notes[0]
    assert inside[90, 90] == 1  # what was given stays as it was


def test_the_face_comes_before_what_is_behind_it():
    counts = head_first(128)
    assert counts[64, 64] == 1 and counts.max() == 1 and 0 < counts[0, 0] < 0.9 and counts.min() == counts[0, 0]
    assert np.allclose(counts, counts[:, ::-1])


def test_a_photo_unlike_the_others_counts_for_less_and_says_so():
    usual, unlike, far = (weigh(GOOD, INSIDE, [], 1, unlike=x) for x in (0.11, 0.2, 0.9))
    assert usual.weight == 1 and usual.notes == []
    assert unlike.weight == pytest.approx(0.84) and "other photos" in unlike.notes[0]
    assert far.weight == pytest.approx(0.4)
