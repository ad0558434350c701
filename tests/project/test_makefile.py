"""`make install` takes any Python that is new enough, and says so when there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEW, OLD = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize(
    "found, taken",
    [
        ({"python3.12": NEW, "python3.11": NEW}, "python3.12"),
        ({"python3.11": NEW, "python3": OLD}, "python3.11"),
        ({"python3.11": OLD, "python3": NEW}, "python3"),
    ],
)
def test_the_newest_python_is_taken(tmp_path, found, taken):
    assert f"|| {taken} -m venv .venv" in make(tmp_path, found, "-n", "install").stdout


def test_without_one_it_says_what_to_do(tmp_path):
    run = make(tmp_path, {"python3": OLD}, "install")
    assert run.returncode != 0 and "no Python 3.11 or newer" in run.stderr and "PYTHON=" in run.stderr


def make(folder: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """In `folder`, with no programs on the PATH but the named ones and a shell."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("sh"))
    for name, script in pythons.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=folder, env={"PATH": os.fspath(tools)}, capture_output=True, text=True)
