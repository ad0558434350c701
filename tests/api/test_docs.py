"""The examples of docs/http.md, run with curl in their order; and its tables."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from portraitist.http.problems import Refusal
from portraitist.testing import fake_backend

from .conftest import serving

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "http.md").read_text()


def examples():
    return [block for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) if "curl" in block]


def test_the_curl_examples_work(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with serving(fake_backend()) as served:
        environment = {
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "STUDIO": served.url,
            "KEY": served.keys["acme", "admin"],
        }
        told = []
        for block in examples():
            run = subprocess.run(
                ["bash", "-euc", block], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
            )
            assert run.returncode == 0, run.stderr
            told.append(run.stdout)
    learnt, made, _, edits, receipt = told
    assert json.loads(learnt)["status"] == json.loads(made)["status"] == "succeeded"
    assert (tmp_path / "ana.png").read_bytes().startswith(b"\x89PNG")
    first, second = re.findall(r'"id":"(job_\w+)"', edits)
    assert first == second and json.loads(receipt)["signature"]


def test_every_route_is_on_the_page():
    with serving(fake_backend()) as served:
        document = httpx.get(served.url + "/openapi.json", timeout=60).json()
    rows = {(m, re.sub(r"\{\w+\}", "{}", p)) for m, p in re.findall(r"`(GET|POST|DELETE) (/[\w/{}.]*)`", PAGE)}
    for path, methods in document["paths"].items():
        for method in methods:
            row = method.upper(), re.sub(r"\{\w+\}", "{}", path)
            generic = row == ("POST", "/v1/personas/{}/" + path.rpartition("/")[2])
            assert row in rows or generic or path == "/v1/session", row


def test_every_code_of_http_is_on_the_page():
    source = "\n".join(p.read_text() for p in (ROOT / "sdk" / "portraitist" / "http").rglob("*.py"))
    codes = set(re.findall(r'Refusal\(\s*\d{3},\s*"(\w+)"', source))
    assert len(codes) > 8 and Refusal
    assert not [code for code in codes if f"`{code}`" not in PAGE]
