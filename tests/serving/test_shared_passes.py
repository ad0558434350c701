"""Jobs that share passes: every picture is, bit for bit, the one that its job makes alone."""

import threading

import pytest
import torch
from small_generator import generator

from portraitist.errors import JobCancelled
from portraitist.requests import Synthesize
from portraitist_workers import operations
from portraitist_workers.generator.crowd import crowd
from portraitist_workers.persona.shared_passes import SharedPasses

from .people import context, persona_id, pixels

SLOTS = 3


def side_by_side(*calls, slots=SLOTS):
    """What each call returns or raises, called with its renderer in a thread of its own."""
    member, results = operations.side_by_side(len(calls), slots), [None] * len(calls)

    def one(index, call):
        with member() as renderer:
            try:
                results[index] = call(renderer)
            except Exception as error:
                results[index] = error

    threads = [threading.Thread(target=one, args=item) for item in enumerate(calls)]
    [thread.start() for thread in threads]
    [thread.join(timeout=120) for thread in threads]
    return results


def pictures(renderer, number, **more):
    world = context(number)
    world.renderer = renderer
    result = operations.run(Synthesize(persona_id=persona_id(number), **more), world)
    return [pixels(world, p) for p in result.pictures]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_crowd_shows_what_its_members_show(dtype):
    members = [generator(seed) for seed in range(3)]
    for member in members:
        for layer, _ in member.synthesis.walk():
            if hasattr(layer, "noise_const"):
                layer.noise_const.copy_(torch.ones_like(layer.noise_const).triu())
                layer.noise_strength.fill_(0.1)
    w = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([m.synthesis(w[i : i + 1], dtype=dtype) for i, m in enumerate(members)])
    error = (crowd(members)(w, dtype=dtype) - alone).abs().max()
    assert error < (1e-5 if dtype == torch.float32 else 0.1) and alone.std() > 0.1


def test_company_changes_no_bit():
    calls = [
        lambda renderer: pictures(renderer, 1, seed=1, values=[{"yaw": 8}]),
        lambda renderer: pictures(renderer, 2, seed=2, values=[{"smile": 0.7}, {}]),
        lambda renderer: pictures(renderer, 1, seed=3),
    ]
    side = side_by_side(*calls)
    assert side == [side_by_side(call)[0] for call in calls]
    assert side[2:0:-1] == side_by_side(calls[2], calls[1])
    assert len({digest for digests in side for digest in digests}) == 4  # and they are four pictures


def test_one_that_fails_or_stops_spoils_nobody():
    models, w = [generator(seed) for seed in range(3)], torch.randn(2, 16, generator=torch.Generator().manual_seed(2))
    expected = side_by_side(lambda render: render(models[0], w))[0]

    def stops(render):
        render(models[1], w)
        raise JobCancelled("job was cancelled")

    def fails(render):
        render(models[2], w)
        return render(models[2], w[:, :3])  # a latent of the wrong size

    def goes_on(render):
        return [render(models[0], w) for _ in range(3)]

    stopped, failed, fine = side_by_side(stops, fails, goes_on)
    assert isinstance(stopped, JobCancelled) and isinstance(failed, RuntimeError)
    assert all(torch.equal(images, expected) for images in fine)


def test_a_pass_that_fails_for_all_is_tried_by_each_alone(monkeypatch):
    model, w = generator(0), torch.randn(2, 16)
    expected, rows = side_by_side(lambda render: render(model, w))[0], SharedPasses._rows

    def too_many(self, owners, w, dtype):
        if len(w) > 2:
            raise MemoryError
        return rows(self, owners, w, dtype)

    monkeypatch.setattr(SharedPasses, "_rows", too_many)
    assert all(torch.equal(images, expected) for images in side_by_side(*[lambda render: render(model, w)] * 3))
