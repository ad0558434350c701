import pytest
import torch

from portraitist_workers import precision, settings
from portraitist_workers.inversion.reconstruction import Reconstruction

XEON = {"vendor_id": "GenuineIntel", "flags": "fma avx512f avx512_bf16 avx_vnni"}
PROCESSORS = [
    ({}, torch.float32),
    ({"vendor_id": "GenuineIntel", "flags": "fma avx2 avx512f"}, torch.float32),
    (XEON, torch.float32),  # half as fast in bfloat16
    (XEON | {"flags": XEON["flags"] + " amx_bf16 amx_tile"}, torch.bfloat16),
    (XEON | {"vendor_id": "AuthenticAMD"}, torch.bfloat16),
]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(settings, "current", settings.Settings)
    precision.optimisation_dtype.cache_clear()
    yield
    precision.optimisation_dtype.cache_clear()


@pytest.mark.parametrize(("processor", "chosen"), PROCESSORS)
def test_the_kind_of_processor_decides(monkeypatch, processor, chosen):
    monkeypatch.setattr(precision, "_processor", lambda: processor)
    assert precision.optimisation_dtype() == chosen
    with precision.autocast():
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == chosen


def test_no_clock_is_asked(monkeypatch):
    for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        monkeypatch.setattr(f"time.{clock}", lambda clock=clock: pytest.fail(f"{clock} was asked"))
    assert precision.optimisation_dtype() in (torch.float32, torch.bfloat16)


def test_the_environment_overrides(monkeypatch):
    for chosen in (torch.bfloat16, torch.float32):
        precision.optimisation_dtype.cache_clear()
        told = settings.Settings.of({"PORTRAITIST_DTYPE": str(chosen).removeprefix("torch.")})
        monkeypatch.setattr(settings, "current", lambda told=told: told)
        assert precision.optimisation_dtype() == chosen


def test_this_processor_is_read():
    told = precision._processor()
    assert told == {} or "processor" in told


def test_the_perceptual_network_alone_computes_in_the_losss_format():
    seen = []

    def perceptual(a, b):
        seen.append(torch.nn.functional.linear(a.flatten(1), torch.ones(1, 3 * 16 * 16)).dtype)
        return (a - b).square().flatten(1).mean(1)

    photo = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    image = (0.5 * photo).requires_grad_()
    losses = [Reconstruction(perceptual, dtype=dtype)(image, photo, 0) for dtype in (torch.float32, torch.bfloat16)]
    assert seen == [torch.float32, torch.bfloat16]
    assert all(loss.dtype == torch.float32 for loss in losses) and torch.equal(*losses)  # of which nothing is a network
    with torch.autocast("cpu", torch.bfloat16):
        Reconstruction(perceptual)(image, photo, 0)
    assert seen[2] == torch.bfloat16  # a caller's own format stays
