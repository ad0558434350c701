"""The closed loop on a made-up face: attributes answer to W nonlinearly and with cross-talk."""

import torch

from portraitist_workers.persona.control import measure_response, solve

NAMES = ("yaw", "pitch", "smile")
D = 12
STEPS = torch.zeros(3, D)
STEPS[0, 0], STEPS[1, 1], STEPS[2, 2] = 0.1, 0.1, 4.0
CROSSTALK = torch.tensor([[9.0, 1.5, 0.02], [0.0, 8.0, 0.05], [0.4, 0.3, 0.2]])


def measure(w):
    x = w[:, :3] if w.ndim == 2 else w.mean(1)[:, :3]
    bent = torch.stack([x[:, 0], x[:, 1], torch.tanh(x[:, 2] / 4) * 4], 1)
    return bent @ CROSSTALK


def test_reaches_the_target_and_holds_the_rest():
    w = torch.randn(6, D, generator=torch.Generator().manual_seed(0)) * 0.3
    response = measure_response(NAMES, STEPS, w, measure)
    base = measure(w)
    targets = torch.full((6, 3), float("nan"))
    targets[:, 0] = base[:, 0] + 10
    solved = solve(w, targets, base, response, measure, rounds=6)
    assert (solved.measured[:, 0] - targets[:, 0]).abs().max() < 0.8
    assert (solved.measured[:, 1] - base[:, 1]).abs().max() < 1.0
    # Negative control: the open-loop step misses, because of the cross-talk.
    open_loop = measure(w + STEPS[0] * 10)
    assert (open_loop[:, 0] - targets[:, 0]).abs().min() > 0.8


def test_works_on_w_plus_and_never_gets_worse():
    w_plus = torch.randn(2, 6, D, generator=torch.Generator().manual_seed(1)) * 0.3
    response = measure_response(NAMES, STEPS, w_plus.mean(1), measure)
    base = measure(w_plus)
    targets = torch.full((2, 3), float("nan"))
    targets[:, 2] = 50.0  # impossible
    solved = solve(w_plus, targets, base, response, measure)
    assert solved.w.shape == w_plus.shape
    assert (solved.measured[:, 2] >= base[:, 2] - 1e-6).all()
    assert solved.w.abs().max() < 50  # a deaf attribute does not drive the latent away


def test_a_face_that_hardly_answers_smiles_as_much_as_was_asked():
    """As of photos without a smile: a step's worth shows a fifth at first, and more the broader the smile is."""

    def smile(w):
        reply = w[:, :1] / 4.0
        return 0.2 * reply + 0.3 * reply.clamp(min=0) ** 2

    w, steps = torch.zeros(1, D), 4.0 * torch.eye(D)[:1]
    response = measure_response(("smile",), steps, w, smile)
    solved = solve(w, torch.tensor([[0.6]]), smile(w), response, smile)
    assert abs(float(solved.measured) - 0.6) < 0.04
    # Negative control: with shorter steps it stays behind.
    short = solve(w, torch.tensor([[0.6]]), smile(w), response, smile, limit=2.0)
    assert float(short.measured) < 0.4
