"""What the latent transformer is taught is true of the generator, and it can be learnt and kept."""

import copy

import pytest
import torch

from portraitist_workers.drag.features import Features
from portraitist_workers.drag.moving import moved
from portraitist_workers.drag.tracking import Tracker
from portraitist_workers.priors import library
from portraitist_workers.priors.calibration import motion, motion_answers
from portraitist_workers.priors.calibration.motion_answers import Cost, Known, asked, faces


@pytest.fixture(scope="module")
def prior():
    prior = library.load()
    prior.generator.requires_grad_(False)
    return prior


@pytest.fixture(scope="module")
def drawn(prior):
    with torch.no_grad():
        return faces(prior.generator, 3, torch.Generator().manual_seed(0)).contiguous()


@pytest.fixture(scope="module")
def known(prior, drawn):
    rng = torch.Generator().manual_seed(0)
    return Known.joined([Known.of(prior.generator, w[None], rng) for w in drawn])


def test_answers_move_what_was_asked_for(prior, drawn, known):
    """Half a pixel of the map of 64, on the generator itself; the answer for another face misses by more."""
    cost, features = Cost.of(prior), Features(prior.generator.synthesis)
    gone, elsewhere = [], []
    for face in range(3):
        rng = torch.Generator().manual_seed(face)
        questions = asked(known, torch.tensor([face]), 1, cost.space, rng)
        chosen = int((known.features[face] == questions.features[0, 0].half()).all(1).nonzero()[0, 0])
        point = known.places[face, chosen : chosen + 1] * 128
        for w, found in ((drawn[face], gone), (drawn[face - 1], elsewhere)):
            with torch.no_grad():
                tracker = Tracker(features(w[None], point), point)
                after = features(moved(w[None], questions.answer / 2), point)
                found.append(tracker.find(after, point).points[0] - point[0] - questions.motion[0, 0, :2])
    assert torch.stack(gone).norm(dim=1).max() < 0.35
    assert torch.stack(elsewhere).norm(dim=1).mean() > 1.5 * torch.stack(gone).norm(dim=1).mean()


def test_questions(prior, known):
    cost = Cost.of(prior)
    questions = asked(known, torch.arange(3).repeat(8), 4, cost.space, torch.Generator().manual_seed(1))
    assert torch.allclose(questions.motion.norm(dim=2).amax(1), torch.ones(24)) and not questions.motion[..., 2].any()
    assert ((questions.motion == 0).all(2).sum(1) > 0).float().mean() > 0.3  # some points stay
    motion, change = questions.missed(questions.answer, cost)
    assert not motion.any() and not change.any()
    motion, change = questions.missed(torch.zeros_like(questions.answer), cost)
    assert torch.allclose(motion, torch.ones(24), atol=0.7) and (change > 0.1).all()
    light = prior.nuisance[0].expand(1, 6, -1)
    turn = torch.nn.functional.normalize(prior.steps_for(("yaw",)), dim=1).expand(1, 6, -1)
    assert cost(light) > 20 * cost(turn)  # no answer changes the light


def test_it_learns_and_goes_on(prior, known, monkeypatch):
    monkeypatch.setattr(motion, "HELD_OUT", 3)  # the first of the three
    monkeypatch.setattr(motion, "BATCH", 8)
    monkeypatch.setattr(motion, "DIM", 32)
    lessons = motion.Lessons(known, Cost.of(prior), steps=120, seed=0)
    assert lessons.explained(1)[0] == pytest.approx(0, abs=0.01)
    for _ in range(100):
        lessons.step()
    again = motion.Lessons(known, Cost.of(prior), steps=120, seed=0)
    again.load(copy.deepcopy(lessons.state()))
    for one in (lessons, again):
        for _ in range(20):
            one.step()
    assert lessons.done == again.done == 120 and lessons.mover().to_bytes() == again.mover().to_bytes()
    monkeypatch.setattr(motion, "_held", lambda known: torch.tensor([False, True, True]))  # what it has seen: two faces
    assert lessons.explained(1)[0] > 0.1  # teach nothing about others


def test_measured_faces_are_kept(prior, tmp_path, monkeypatch):
    monkeypatch.setattr(motion_answers, "PLACES", 2)
    told = []

    def measure(count):
        return motion.measure(prior.generator, count, tmp_path, seed=3, on_step=lambda *done: told.append(done))

    first = measure(2)
    (tmp_path / "00001.safetensors").write_bytes(b"half a file")
    again = measure(3)
    assert told == [(1, 2), (2, 2), (2, 3), (3, 3)]  # the damaged one was measured again
    assert torch.equal(again.moves[:2], first.moves) and not torch.equal(again.moves[2], first.moves[1])
    other = motion.measure(prior.generator, 1, tmp_path / "other", seed=4, on_step=lambda *done: None)
    assert not torch.equal(other.w, first.w[:1])
