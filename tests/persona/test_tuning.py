"""Tuning: it reduces the loss, and a run that is killed and resumed ends with the same weights as one that is not."""

import io
import lzma

import pytest
import torch
from small_generator import distance, generator

from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.persona.compact import _FILTERS, decode, encode
from portraitist_workers.persona.organizers import Frozen, Regression
from portraitist_workers.persona.presets import PRESETS
from portraitist_workers.persona.tuning import Schedule, Tuning


def make(organizer=None, steps=12):
    prior = generator()
    rng = torch.Generator().manual_seed(5)
    anchors = torch.randn(6, 16, generator=rng)
    photos = torch.randn(6, 3, 32, 32, generator=rng).clamp(-1, 1)
    values = torch.stack([torch.linspace(-20, 20, 6), torch.rand(6, generator=rng)], 1)
    names = ("yaw", "smile")
    organizer = organizer or Regression(names, torch.randn(2, 16, generator=rng) * 0.02)
    loss = Reconstruction(distance, shift=2)
    tuning = Tuning(
        prior, photos, anchors, values, organizer, loss, Schedule(steps=steps, batch=4), w_std=torch.ones(16), seed=3
    )
    return prior, tuning


class Killed(Exception):
    pass


def test_resumed_run_equals_unbroken_run():
    _, whole = make()
    expected, expected_anchors, _ = whole.run()

    for kill_at in (1, 5, 11):
        _, first = make()
        saved = io.BytesIO()

        def on_step(step, steps, loss, first=first, saved=saved, kill_at=kill_at):
            if step == kill_at:
                torch.save(first.state(), saved)
                raise Killed

        with pytest.raises(Killed):
            first.run(on_step)
        _, second = make()
        second.load(torch.load(io.BytesIO(saved.getvalue()), weights_only=True))
        resumed, anchors, _ = second.run()
        assert torch.equal(anchors, expected_anchors)
        for a, b in zip(resumed.parameters(), expected.parameters(), strict=True):
            assert torch.equal(a, b)


def test_loss_falls_and_mystyle_keeps_its_anchors():
    losses = []
    names = ("yaw", "smile")
    _, tuning = make(Frozen(names, torch.randn(2, 16, generator=torch.Generator().manual_seed(1))), steps=40)
    start = tuning.anchors.clone()
    _, anchors, _ = tuning.run(lambda step, steps, loss: losses.append(loss))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert torch.equal(anchors, start)


def test_every_photo_is_visited_equally():
    _, tuning = make(steps=3)
    seen = torch.cat([tuning._rows(step) for step in range(3)])  # 3 updates of 4 = 2 epochs of 6
    assert seen.bincount(minlength=6).tolist() == [2] * 6


def test_compact_delta_round_trip():
    prior, tuning = make(steps=6)
    tuned, anchors, _ = tuning.run()
    tensors = encode(tuned, prior, step=0.05)
    back = decode(tensors, prior)
    fine = (back.synthesis(anchors) - tuned.synthesis(anchors)).abs().mean()
    change = (prior.synthesis(anchors) - tuned.synthesis(anchors)).abs().mean()
    assert fine < 0.05 * change
    coarse = encode(tuned, prior, step=1.0)
    assert coarse["delta.codes"].numel() < tensors["delta.codes"].numel()
    with pytest.raises(ValueError, match="another prior"):
        decode(tensors, generator(resolution=64))
    codes = lzma.decompress(bytes(tensors["delta.codes"].tolist()), lzma.FORMAT_RAW, filters=_FILTERS)
    thorough = lzma.compress(codes, lzma.FORMAT_RAW, filters=_FILTERS)  # as personas were packed before
    before = decode(tensors | {"delta.codes": torch.frombuffer(bytearray(thorough), dtype=torch.uint8)}, prior)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), back.parameters(), strict=True))


def test_a_larger_picture_is_tuned_for_longer():
    preset = PRESETS["balanced"]
    steps = preset.tuning.steps
    assert [preset.tuning_at(R).steps for R in (64, 128, 256, 512)] == [steps, steps, round(steps * 2**0.5), 2 * steps]
    assert preset.tuning_at(256).lr == preset.tuning.lr
