"""Which views hold the person where no photo is: of frontal photos many, of photos from all sides none."""

import numpy as np
import torch
from small_generator import distance, generator, latents

from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.persona.elsewhere import ENDS, MOVED, Views, _expression, _wanted

FRONTAL = np.array([[0.0, 0.0, 0.2], [2.0, 1.0, 0.2], [-2.0, -1.0, 0.2]])
ALL = np.ones(3, bool)


def ends(values: np.ndarray, usable: np.ndarray | None = None) -> np.ndarray:
    """[V, 3] where the views end up."""
    usable = np.ones(len(values), bool) if usable is None else usable
    return np.array([values[n] + change for n, change in _wanted(values, usable, 0)]).reshape(-1, len(MOVED))


def test_frontal_photos_are_turned_to_both_sides_and_smile():
    found = ends(FRONTAL)
    assert found[:, 0].min() < -20 and found[:, 0].max() > 20
    assert found[:, 1].min() < -8 and found[:, 1].max() > 7 and found[:, 2].max() > 0.9
    assert np.abs(found[:, :2]).max() < 30


def test_what_photos_show_already_needs_no_view():
    turned = np.concatenate([FRONTAL, [[25.0, 0.0, 0.2], [17.0, -4.0, 0.2]]])
    most = [
        max(change[0] for _, change in _wanted(values, np.ones(len(values), bool), 0)) for values in (turned, FRONTAL)
    ]
    assert most[0] < 15 < most[1]
    everywhere = np.array([np.where(np.isnan(end), 0.2, end) for end in ENDS])
    assert len(ends(everywhere)) == 0


def test_photos_that_count_for_little_give_no_views():
    few = _wanted(FRONTAL, np.array([True, False, False]), 0)
    assert {n for n, _ in few} == {0} and len(few) < len(_wanted(FRONTAL, ALL, 0))
    assert _wanted(FRONTAL, ~ALL, 0) == []


def test_many_photos_give_a_bounded_number_by_the_seed():
    many = np.tile(FRONTAL, (20, 1))
    first, again, other = (_wanted(many, np.ones(60, bool), seed) for seed in (1, 1, 2))
    assert len(first) == len(other) == 96
    assert [n for n, _ in first] == [n for n, _ in again] != [n for n, _ in other]


def test_an_expression_moves_the_mouth_by_the_faces_own_size_and_not_the_eyes():
    rng = np.random.default_rng(0)
    before = rng.random((478, 3))
    before[[33, 133, 362, 263], 1], before[152, 1] = 0.4, 0.9
    before[33, 0], before[263, 0] = 0.3, 0.7
    before[61, 1] = 0.8
    after = before.copy()
    after[61, 1] -= 0.05
    half = 0.5 * before
    change = _expression(before, after, half)
    assert np.allclose(change[61], (0, -0.025, 0), atol=1e-6) and np.allclose(np.delete(change, 61, 0), 0, atol=1e-6)


def test_an_update_sees_three_views_of_the_pictures_side_and_the_likeness_of_one():
    prior, anchors, looked = generator(), latents(3), []

    def likeness_of(images):
        looked.append((tuple(images.shape), torch.is_autocast_enabled("cpu")))
        return images.new_full((len(images),), 0.5)

    def losses(likeness, side=32, dtype=torch.float32):
        pictures, moved = torch.zeros(20, 3, 32, 32), torch.zeros(20, 16)
        counts, photo, often = torch.ones(20, 1, 32, 32), torch.arange(20) % 3, torch.ones(20)
        views = Views(pictures, counts, photo, moved, 0, likeness_of, often, 0.9, likeness=likeness)
        assert views.each_update == 3
        loss = Reconstruction(distance, shift=2, dtype=dtype)
        return [float(views.loss(prior, anchors, loss, step, dtype, side)) for step in range(4)]

    assert np.allclose(np.subtract(losses(1.0), losses(0.0)), 0.4, atol=1e-5)
    assert losses(1.0) == losses(1.0) and len(set(losses(1.0))) == 4
    looked.clear()
    losses(1.0, side=16)
    losses(1.0, dtype=torch.bfloat16)
    assert looked == [((1, 3, 16, 16), False)] * 4 + [((1, 3, 32, 32), True)] * 4
