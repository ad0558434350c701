"""The command line on a studio in memory."""

import sys

import pytest
from PIL import Image

from portraitist.cli import admin, composing, faces, joining, main, make, pulling, tenants
from portraitist.studio import Studio
from portraitist.testing import fake_backend


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    """cli("create", "ana", ...) -> (exit code, stdout, stderr), on the fake studio, in an empty folder."""
    backend = fake_backend()

    def connect(home=None, tenant=None):
        return Studio(backend.of(tenant))

    monkeypatch.setattr(make, "connect", connect)
    for commands in (composing, faces, pulling, joining):
        monkeypatch.setattr(commands, "connect", connect)
    monkeypatch.setattr(admin, "connect", connect)
    monkeypatch.setattr(tenants, "open_backend", lambda url, home, store: backend)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in zip("abc", ("red", "green", "blue"), strict=True):
        Image.new("RGB", (16, 16), colour).save(folder / f"{name}.jpg")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["portraitist", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    call.studio = connect()
    return call
