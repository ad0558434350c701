"""The recipe of the shipped priors: its steps fit each other, and it goes on where it stopped."""

import itertools
import json
import os
import runpy
import signal
import sys
import threading

import pytest

pytest.importorskip("numba", reason="the engine needs the extra `train`")

from portraitist_workers.priors.training.recipe import STEPS, Step, run

PLACES = {"data": "DATA", "out": "DIR", "threads": 2}


def lines() -> list[list[str]]:
    return [step.line(share=1.0, **PLACES) for step in STEPS]


def test_a_step_reads_what_earlier_ones_wrote():
    there: set[str] = set()
    for step, line in zip(STEPS, lines(), strict=True):
        written = {path for option, path in itertools.pairwise(line) if option in ("--out", "--save-to")}
        needed = {word for word in line if word.startswith("DIR/")} - written
        missing = {path for path in needed if not any(path == made or path.startswith(f"{made}/") for made in there)}
        assert not missing - {"DIR/folds", "DIR/default"}, step.name  # made up by several steps
        there |= written
    assert {"DIR/default", "DIR/default-256", "DIR/default-parts"} <= there


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")  # as runpy says of what another test imported
@pytest.mark.parametrize(
    "command", sorted({" ".join(word for word in line[:2] if not word.startswith("--")) for line in lines()})
)
def test_the_options_exist(command, capsys, monkeypatch):
    used = {
        word for line in lines() if " ".join(line).startswith(command + " ") for word in line if word.startswith("--")
    }
    monkeypatch.setattr(sys, "argv", [*command.split(), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command.split()[0], run_name="__main__")
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert used and not {option for option in used if f"{option} " not in told}


def test_a_short_run_is_shorter():
    step = Step("some", "x --out {out}", {"count": 40_000, "minutes": 10.0, "sets": 4})
    assert step.line(share=0.1, out="o")[1:] == ["--out", "o", "--count", "4000", "--minutes", "1.0", "--sets", "1"]
    assert step.line(share=0.0001, out="my folder")[2:5] == ["my folder", "--count", "200"]


def test_what_ended_well_is_not_run_again(tmp_path, capfd):
    done, line = tmp_path / "done" / "some.json", ["json.tool", "--help"]
    run(STEPS[0], line, ["one"], done)
    assert "usage" in capfd.readouterr().out and json.loads(done.read_text())["meaning"] == ["one"]
    run(STEPS[0], ["no.such.module"], ["one"], done)
    with pytest.raises(SystemExit, match="made in another way"):
        run(STEPS[0], line, ["two"], done)


def test_what_failed_or_was_stopped_is_not_done(tmp_path):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    done = tmp_path / "some.json"
    try:
        with pytest.raises(SystemExit, match="goes on with it"):
            run(STEPS[0], ["no.such.module"], ["one"], done)
        threading.Timer(2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(SystemExit, match=f"ended with {-signal.SIGTERM}"):
            run(STEPS[0], ["http.server", "0"], ["one"], done)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert not done.exists()
