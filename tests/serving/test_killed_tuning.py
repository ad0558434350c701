"""A tuning that is killed twenty times costs at most a checkpoint's interval each time, and ends with the same bits.

The short form, one kill of a real worker, is in tests/queue/test_same_bits.py.
"""

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from portraitist import Studio
from portraitist.backend import embedded
from portraitist.transport import InlineTransport
from portraitist_workers.operations.checkpoint import CHECKPOINT_SECONDS
from portraitist_workers.persona.presets import PRESETS

HERE = Path(__file__).parent
PHOTOS = sorted((HERE.parents[1] / "examples" / "photos").glob("photo-*.jpg"))[:6]
STEPS = PRESETS["fast"].tuning.steps
KILLS = int(os.environ.get("CHAOS_KILLS", "20"))

pytestmark = pytest.mark.chaos


def attempt(home, job_id, kill_at, log):
    command = [sys.executable, HERE / "one_attempt.py", home, job_id, str(kill_at), log]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr[-2000:] if done.returncode > 0 else ""


def test_twenty_kills(tmp_path):
    home = tmp_path / "home"
    backend = replace(embedded(home), transport=InlineTransport(lambda job_id: None))  # nobody takes the jobs but us
    studio, ledger = Studio(backend.of()), backend.ledger
    whole, broken = (studio.personas.create(name, PHOTOS, preset="fast", seed=4) for name in ("whole", "broken"))
    assert attempt(home, whole.id, 0, tmp_path / "whole.log") == (0, "")

    kills = sorted(random.sample(range(1, STEPS), KILLS))
    steps, redone, before = 0, [], {}
    for number, kill_at in enumerate([*kills, 0]):
        log = tmp_path / f"{number}.log"
        assert attempt(home, broken.id, kill_at, log) == (-signal.SIGKILL if kill_at else 0, "")
        lines = [line.split() for line in log.read_text().splitlines()]
        done = {int(step): float(seconds) for step, seconds in lines}
        if number:  # where it began, and how long the attempt before had worked beyond that
            first = min(done)
            lost = [seconds for step, seconds in before.items() if step >= first - 1]
            redone.append(max(lost) - min(lost) if lost else 0.0)
            assert first <= kills[number - 1] + 1
        before, steps = done, steps + len(done)
        row = ledger.job(broken.id)
        if kill_at:
            ledger.requeue(row.id, row.token, reason="killed by the test", count=False)
    slowest = max(b - a for a, b in zip(list(done.values())[:-1], list(done.values())[1:], strict=True))
    read = [backend.of().sealed(job.wait().id).get(job.wait().record.weights) for job in (whole, broken)]
    print(
        f"\n{KILLS} kills at steps {kills}: {steps - STEPS} of {STEPS} steps done again, at most {max(redone):.1f} s at a time"
    )
    assert read[0] == read[1]
    assert max(redone) < CHECKPOINT_SECONDS + 3 * slowest + 1.0
