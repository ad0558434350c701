"""Operations compute on the device they are told, with nothing left on the CPU: on a stand-in for a GPU (elsewhere.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from portraitist.requests import Synthesize
from portraitist_workers import operations

from .elsewhere import ELSEWHERE, Elsewhere, Remote
from .people import context, persona_id, pixels


@pytest.mark.slow
def test_every_operation_keeps_to_its_device():
    script, env = Path(__file__).with_name("everywhere.py"), {**os.environ, "PORTRAITIST_DEVICE": "meta"}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads(done.stdout)
    assert set(made) == {"create", "synthesize", "edit", "enhance"}
    request = Synthesize(persona_id=persona_id(1), values=[{"yaw": 8, "smile": 0.6}, {}], seed=3)
    world = context(1)
    here = [pixels(world, p) for p in operations.run(request, world).pictures]
    assert made["synthesize"] == here  # a seed means the same


def test_the_stand_in_notices_a_stray_tensor():
    with Elsewhere():
        there = torch.ones(3).to(ELSEWHERE)
        assert isinstance(there * 2, Remote) and not isinstance(there.cpu(), Remote)
        with pytest.raises(AssertionError, match="mixes devices"):
            there + torch.ones(3)
