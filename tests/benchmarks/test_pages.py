"""The suite's quick form leaves the measured pages alone."""

import os
import subprocess
import sys

import pytest

from . import __main__ as suite
from .report import ROOT, SMOKE


@pytest.mark.parametrize("quick", [True, False])
def test_a_smoke_run_writes_elsewhere(quick, monkeypatch):
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, env: asked.append(env) or subprocess.CompletedProcess([], 0))
    monkeypatch.setattr(sys, "argv", ["benchmarks", *(["--quick"] if quick else []), "--only", "bench_import"])
    monkeypatch.delenv("BENCH_PAGES", raising=False)
    suite.main()
    assert [env.get("BENCH_PAGES") for env in asked] == [str(SMOKE) if quick else None]
    assert f"/{SMOKE.relative_to(ROOT)}/" in (ROOT / ".gitignore").read_text().splitlines()


def test_pages_and_sheets_go_where_they_are_told(tmp_path):
    code = (
        "import pathlib, sys; from PIL import Image; from tests.benchmarks import report, sheets; "
        "report.write('tried', 'T', []); sheets.save(Image.new('RGB', (9, 9)), 'tried', pathlib.Path(sys.argv[1]) / 'work')"
    )
    environment = {**os.environ, "BENCH_PAGES": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"tried.md", "tried.jpg", "work"}
    assert not list((ROOT / "docs" / "benchmarks").glob("tried*"))
