"""Nothing that a file names is run, whichever way it is said; and the one genuine vector that carries a canary."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portraitist.errors import PriorRefused
from portraitist_workers.generator import formats
from portraitist_workers.generator.formats import nvidia, rosinality

from .malicious import bombs, families

FAMILIES = sorted(families(Path("canary")))


def test_there_are_enough():
    assert len(FAMILIES) >= 60


@pytest.mark.parametrize("family", FAMILIES)
def test_refused_with_the_file_named(family, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "weights.pkl"
    path.write_bytes(families(canary)[family])
    for load in (nvidia.load, rosinality.load):
        with pytest.raises(PriorRefused) as caught:
            load(path)
        assert str(path) in str(caught.value) and caught.value.param == str(path)
    with open(path, "rb") as file, pytest.raises((*nvidia.BAD_DATA, OSError, RecursionError)):
        formats.read(file)
    assert not canary.exists()


def test_they_would_run_if_obeyed(tmp_path):
    """Otherwise refusing them would prove nothing: Python's own unpickler obeys many of the same bytes."""
    canary = tmp_path / "canary"
    ran = 0
    for family, data in families(canary).items():
        if family in ("call os.system", "call builtins.exec", "stack_global", "getattr of __import__", "INST", "OBJ",
                      "functools.partial", "protocol 0", "map", "memo overwritten"):  # fmt: skip
            (tmp_path / "x.pkl").write_bytes(data)
            code = f"import pickle; pickle.load(open({str(tmp_path / 'x.pkl')!r}, 'rb'))"
            subprocess.run([sys.executable, "-S", "-c", code], capture_output=True)
            assert canary.exists(), family
            canary.unlink()
            ran += 1
    assert ran == 10


def test_the_canary_of_the_reference_vector_stays_untouched(vectors, tmp_path, monkeypatch):
    canary = tmp_path / "touched"
    monkeypatch.setenv("PORTRAITIST_CANARY", str(canary))
    with open(vectors / "nvidia_ada_64.pkl", "rb") as file:
        found = formats.read(file)
    assert found.layout == "nvidia" and not canary.exists()


LOCKED = """
import io, sys
from portraitist_workers.priors import convert, lockdown
convert._warm_up()
files = [(path, open(path, "rb")) for path in sys.argv[2:]]
lockdown.lock(memory=2**30, seconds=60, output=2**20)
if sys.argv[1] == "read":
    for path, file in files:
        try:
            lockdown.guarded(lambda: convert.convert(file, io.BytesIO(), None))
        except PermissionError as error:
            print("WALL", path, error)
            lockdown.violations.clear()
        except Exception as error:
            print("refused", path, type(error).__name__)
else:
    import socket
    tries = {
        "open": lambda: open("/etc/passwd"), "write": lambda: open(sys.argv[2], "w"), "socket": lambda: socket.socket(),
        "system": lambda: __import__("os").system("true"), "fork": lambda: __import__("os").fork(),
        "exec": lambda: __import__("os").execv("/bin/true", ["true"]), "import": lambda: __import__("antigravity"),
        "compile": lambda: compile("1", "x", "eval"), "eval": lambda: eval("1"), "unlink": lambda: __import__("os").unlink(sys.argv[2]),
        "memory": lambda: bytearray(4 * 2**30), "ctypes": lambda: __import__("ctypes").CDLL(None),
        "kill": lambda: __import__("os").kill(1, 0), "swallowed": lambda: lockdown.guarded(swallow),
    }
    def swallow():
        try:
            open("/etc/passwd")
        except Exception:
            return {"layout": "nvidia"}
    for name, attempt in tries.items():
        try:
            attempt()
            print("GOT THROUGH", name)
        except (PermissionError, MemoryError, OSError, RuntimeError) as error:
            print("stopped", name, type(error).__name__)
sys.stdout.flush()
__import__("os")._exit(0)
"""


def test_the_walls_are_not_even_reached(tmp_path):
    """The reader refuses all of them by itself; behind it, the walls stand and nobody has knocked."""
    canary, paths = tmp_path / "canary", []
    for index, data in enumerate(families(canary).values()):
        paths.append(tmp_path / f"{index}.bin")
        paths[-1].write_bytes(data)
    run = subprocess.run([sys.executable, "-c", LOCKED, "read", *map(str, paths)], capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == len(paths), run.stderr
    assert [line for line in lines if not line.startswith("refused")] == []
    assert not canary.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits need Linux")
def test_bombs_take_neither_time_nor_memory(tmp_path):
    """Refused by counting, before any limit is felt: all of them in 5 s of processor time, which a loaded machine does not change."""
    paths = []
    for bomb, data in bombs().items():
        paths.append(tmp_path / f"{bomb}.bin")
        paths[-1].write_bytes(data)
    code = LOCKED.replace("memory=2**30, seconds=60", "memory=250 * 2**20, seconds=5")
    run = subprocess.run([sys.executable, "-uc", code, "read", *map(str, paths)], capture_output=True, text=True)
    assert len(run.stdout.splitlines()) == len(paths), (run.returncode, run.stdout, run.stderr)
    assert all(line.startswith("refused") and "MemoryError" not in line for line in run.stdout.splitlines()), run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits need Linux")
def test_the_walls_stand(tmp_path):
    """Code that did get in could not open, write, connect, fork, run or import anything."""
    mine = tmp_path / "mine"
    mine.write_text("")
    run = subprocess.run([sys.executable, "-c", LOCKED, "attack", str(mine)], capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == 14 and all(line.startswith("stopped") for line in lines), run.stdout + run.stderr
