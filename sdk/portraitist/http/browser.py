"""Opening the page. Its address holds a token, which must not stand in the arguments of the browser's process for others to read."""

from __future__ import annotations

import os
import tempfile
import threading
import webbrowser
from html import escape
from pathlib import Path

_KEPT_S = 30.0  # the file that leads there; the token in it is good once anyway


def show(address: str) -> None:
    """By a file that only this user can read, and that is soon gone. Nothing happens where there is no browser."""
    handle, name = tempfile.mkstemp(prefix="portraitist-", suffix=".html")  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(address)}"><title>Portraitist</title>'
        )
    path = Path(name)
    timer = threading.Timer(_KEPT_S, path.unlink, kwargs={"missing_ok": True})
    timer.daemon = True
    timer.start()
    webbrowser.open(path.as_uri())
