import pytest
import torch

from portraitist_workers import precision


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.delenv("PORTRAITIST_DTYPE", raising=False)
    precision.optimisation_dtype.cache_clear()
    yield
    precision.optimisation_dtype.cache_clear()


@pytest.mark.parametrize(("gain", "chosen"), [(0.55, torch.float32), (1.05, torch.float32), (1.9, torch.bfloat16)])
def test_bfloat16_has_to_be_clearly_faster(monkeypatch, gain, chosen):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: gain)
    assert precision.optimisation_dtype() == chosen
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: pytest.fail("measured twice in one process"))
    assert precision.optimisation_dtype() == chosen
    with precision.autocast():
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == chosen


def test_the_environment_decides_without_a_measurement(monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: pytest.fail("measured"))
    monkeypatch.setenv("PORTRAITIST_DTYPE", "bfloat16")
    assert precision.optimisation_dtype() == torch.bfloat16


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_gain_is_measured_whatever_the_caller_does(mode):
    with mode():
        assert 0.02 < precision.bfloat16_gain() < 50
