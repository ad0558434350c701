"""Operations compute on the device they are told, with nothing left on the CPU: on a stand-in for a GPU (elsewhere.py)."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from portraitist.errors import InvalidRequest
from portraitist.requests import Synthesize
from portraitist_workers import device, operations
from portraitist_workers.precision import optimisation_dtype

from .elsewhere import ELSEWHERE, Elsewhere, Remote
from .people import context, persona_id, raw


@pytest.mark.slow
def test_every_operation_keeps_to_its_device():
    script, dtype = Path(__file__).with_name("everywhere.py"), str(optimisation_dtype()).removeprefix("torch.")
    env = {
        **os.environ,
        "PORTRAITIST_DEVICE": "meta",
        "PORTRAITIST_DTYPE": dtype,
    }  # else bf16 there, whatever is faster here
    # With other threads, bf16 sums are rounded differently, which moves what is measured, and with it where the loop goes.
    env["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    assert set(made) == {"create", "synthesize", "edit", "enhance"}
    request = Synthesize(persona_id=persona_id(1), values=[{"yaw": 8, "smile": 0.6}, {}], seed=3)
    world = context(1)
    there = [np.frombuffer(base64.b64decode(picture), np.uint8).astype(int) for picture in made["synthesize"]]
    here = [np.frombuffer(raw(world, p), np.uint8) for p in operations.run(request, world).pictures]
    # A seed means the same. Sums are rounded differently: fp32 convolutions of many channels are Winograd's on a CPU alone.
    assert len(here) == 2 and all(np.abs(a - b).max() <= 1 for a, b in zip(here, there, strict=True))


def test_the_stand_in_notices_a_stray_tensor():
    with Elsewhere():
        there = torch.ones(3).to(ELSEWHERE)
        assert isinstance(there * 2, Remote) and not isinstance(there.cpu(), Remote)
        with pytest.raises(AssertionError, match="mixes devices"):
            there + torch.ones(3)
        with pytest.raises(AssertionError, match="a generator of the CPU"):
            torch.multinomial(there, 1, generator=torch.Generator())


def test_a_gpu_that_is_not_there_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(device.settings, "current", lambda: SimpleNamespace(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidRequest, match="PORTRAITIST_DEVICE is cuda, and torch finds no GPU") as told:
        device.device.__wrapped__()
    assert told.value.param == "PORTRAITIST_DEVICE"
