"""What the latent transformer is taught is true of the generator, and it can be learnt and kept."""

from dataclasses import asdict

import pytest
import torch

from portraitist_workers.drag.features import Features
from portraitist_workers.drag.moving import Mover, moved
from portraitist_workers.drag.tracking import Tracker
from portraitist_workers.priors import library
from portraitist_workers.priors.training import motion_training
from portraitist_workers.priors.training.motion_answers import Cost, Known, asked, faces


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


def test_it_learns_goes_on_and_is_kept(prior, known, tmp_path, monkeypatch):
    monkeypatch.setattr(motion_training, "HELD_OUT", 1)
    monkeypatch.setattr(motion_training, "BATCH", 8)
    monkeypatch.setattr(motion_training, "DIM", 32)

    def so_many(count, step, *, save, told):
        for number in range(count):
            step(number / count)
        save()
        assert "held out" in told()

    monkeypatch.setattr(motion_training, "run_for", so_many)
    folder = tmp_path / "faces"
    folder.mkdir()
    torch.save(asdict(known), folder / "faces-000.pt")
    again = motion_training.measured(folder)
    assert torch.equal(again.moves, known.moves)
    cost = Cost.of(prior)
    torch.manual_seed(0)
    start = motion_training.begun(again, prior.generator.w_dim)
    assert motion_training.explained(start, again, 1, cost)[0] == pytest.approx(0, abs=0.01)
    path = tmp_path / "network.pt"
    motion_training.train(prior, again, path, 120)
    mover = motion_training.train(prior, again, path, 2)
    assert torch.load(path, weights_only=True)["steps"] == 122
    monkeypatch.setattr(motion_training, "HELD_OUT", 3)  # what it has seen, too: three faces teach nothing about others
    assert motion_training.explained(mover.network, again, 1, cost)[0] > 0.1
    mover.save(tmp_path / "latent_transformer.safetensors")
    assert Mover.load(tmp_path / "latent_transformer.safetensors").network.sizes == mover.network.sizes
