"""Handles arrive, by the word of a network that takes no part; what is fixed stays; and where they do not arrive, it is said why."""

import pytest
import torch
from small_generator import generator, latents

from portraitist_workers.drag import draggan as module
from portraitist_workers.drag.draggan import Options, draggan
from portraitist_workers.drag.freedrag import freedrag
from portraitist_workers.drag.hold import Hold
from portraitist_workers.drag.landmarks import landmarks
from portraitist_workers.drag.space import Space
from portraitist_workers.drag.task import Task

RIGHT = torch.tensor([[0.04, 0.0]])


def nose(image):
    return torch.tensor(landmarks(image)["nose"])


def ended(*args, method=draggan, **more):
    steps = list(method(*args, **more))
    assert all(not step.ends for step in steps[:-1])
    return steps


@pytest.mark.parametrize(
    ("method", "options", "most"),
    [
        (draggan, Options(), 6),
        (draggan, Options(newton=False), 40),
        (draggan, Options(newton=False, subpixel=False, rollback=False, windows=False), 40),
        (draggan, Options(blend=0.5), 8),
        (draggan, Options(dtype=torch.bfloat16), 8),
        (freedrag, Options(rate=2e-2, steps=60), 61),
    ],
)
def test_a_nose_arrives(portrait, method, options, most):
    start, way = portrait.at("nose"), RIGHT if method is draggan else RIGHT / 2
    last = ended(portrait.synthesis, portrait.w, Task(start, start + way), method=method, options=options)[-1]
    assert last.number <= most and (last.left < 0.3 * way.norm()).all()
    moved = nose(portrait.draw(last.w_plus)) - nose(portrait.image)  # by the mesh
    assert (moved - way[0]).norm() < 0.4 * way.norm()


def test_the_same_bits_and_the_last_is_the_best(portrait):
    start = portrait.at("mouth_bottom")
    task = Task(start, start + torch.tensor([[0.0, 0.02]]))
    one, two = (ended(portrait.synthesis, portrait.w, task) for _ in range(2))
    assert [s.left.tolist() for s in one] == [s.left.tolist() for s in two]
    assert torch.equal(one[-1].w_plus, two[-1].w_plus)
    assert float(one[-1].left) == min(float(s.left) for s in one)


def test_what_is_fixed_stays_and_the_rest_follows(portrait, monkeypatch):
    start = portrait.at("mouth_left")
    fixed = torch.ones(128, 128)
    fixed[int(start[0, 1] * 128) - 22 :, :] = 0  # all above the mouth stays
    task = Task(start, start + torch.tensor([[-0.01, -0.03]]), fixed)
    last = ended(portrait.synthesis, portrait.w, task)[-1]
    assert last.ends == ("arrived",)
    after = Hold(portrait.synthesis, portrait.w, fixed).image(last.w_plus).detach()
    change = (after - portrait.image).abs().mean(1)[0]
    assert change[fixed > 0].max() < 1e-5 and change[fixed == 0].mean() > 0.01
    monkeypatch.setattr(Space, "sparing", lambda self, S: self)  # without sparing, more of what is fixed wants to move
    careless = ended(portrait.synthesis, portrait.w, task)[-1]
    wants = [(portrait.draw(x.w_plus) - portrait.image).abs().mean(1)[0][fixed > 0].mean() for x in (last, careless)]
    assert wants[0] < 0.9 * wants[1]
    unheld = (portrait.draw(last.w_plus) - portrait.image).abs().mean(1)[0]
    assert unheld[fixed > 0].mean() > 0.005  # negative control: without the hold it would not have stayed


def test_several_points_and_more_than_are_solved_for_at_once(portrait):
    names = ("nose", "mouth_left", "mouth_right", "chin", "brow_left", "brow_right", "cheek_left", "cheek_right")
    start = torch.cat([portrait.at(name) for name in names])
    last = ended(portrait.synthesis, portrait.w, Task(start, start + torch.tensor([[0.03, 0.0]])))[-1]
    assert last.left.mean() < 0.008  # of .03


def test_why_a_handle_did_not_arrive(portrait, monkeypatch):
    def ends(start, to, fixed=None, **more):
        task = Task(torch.tensor([start]), torch.tensor([to]), fixed)
        return ended(portrait.synthesis, portrait.w, task, **more)[-1].ends[0]

    assert ends(portrait.landmarks["nose"], (0.05, 0.05), options=Options(steps=3)) in ("stuck", "lost")
    assert ends(portrait.landmarks["nose"], (0.6, 0.55), torch.ones(128, 128)) == "masked"
    x, y = portrait.landmarks["nose"]
    assert ends((x, y), (x + 0.02, y)) == "arrived"
    monkeypatch.setattr("portraitist_workers.drag.task.FLAT", 10.0)
    assert ends((x, y), (0.05, 0.05), options=Options(steps=3)) == "flat"


def test_a_step_astray_is_taken_back(portrait, monkeypatch):
    """Steps that go the wrong way: the drag ends, with the latent that it began with."""

    class Wrong(module.Newton):
        def __call__(self, tracker, maps, points, targets, leaf, look):
            change, _ = super().__call__(tracker, maps, points, 2 * points - targets, leaf, look)
            return change, points

    monkeypatch.setattr(module, "Newton", Wrong)
    start = portrait.at("nose")
    steps = ended(portrait.synthesis, portrait.w, Task(start, start + RIGHT))
    assert torch.equal(steps[-1].w_plus, portrait.w) and steps[-1].ends == ("stuck",)
    assert steps[-1].number == module.Newton.patience + 1


def test_w_alone_and_any_generator(portrait):
    start = portrait.at("nose")
    task = Task(start, start + RIGHT)
    last = ended(portrait.synthesis, portrait.w, task, space=Space.plain(256, shared=1.0))[-1]
    change = (last.w_plus - portrait.w)[0, :6]
    assert torch.allclose(change, change[:1].expand(6, -1), atol=1e-5) and last.ends == ("arrived",)
    small = generator(resolution=64).synthesis  # the released code cannot do without a block of 128 px
    w = small.as_w_plus(latents(1)).contiguous()
    steps = ended(small, w, Task(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.53, 0.5]])))
    assert float(steps[-1].left) < 0.03
