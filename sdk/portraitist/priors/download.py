"""Fetching a large file so that it can be cut off at any time: it goes on where it was, and counts only when it is whole."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from ..errors import DownloadFailed, StorageError, StorageFull
from .assets import file_sha256

OnBytes = Callable[[int, int | None], None]  # (bytes so far, bytes in all if known)

_CHUNK = 1 << 20
_TIMEOUT_S = 30.0
_TRIES = 5  # in a row without a single new byte
MOST = 4 * 2**30  # bytes


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    on_bytes: OnBytes | None = None,
    pause_s: float = 0.5,
) -> str:
    """The file at `url` in `target`; returns its SHA-256. `target.part` and `target.part.json` keep what an earlier call got.

    Raises DownloadFailed (no network, wrong bytes), StorageError, StorageFull."""
    part, note = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _continue(url, part, note, size, on_bytes)
            break
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 416:  # the note and the server disagree
                _forget(part, note)
            elif isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in (408, 429):
                raise _failed(
                    url, f"the server says {error.code} {error.reason}", "check the address in a browser"
                ) from error
            grew = part.exists() and part.stat().st_size > before
            failures = 0 if grew else failures + 1
            if failures >= _TRIES:
                reason = getattr(error, "reason", None) or error
                raise _failed(url, str(reason), "check the network and call again: it goes on where it was") from error
            time.sleep(pause_s * 2**failures)
        except OSError as error:
            kind = StorageFull if error.errno in (28, 122) else StorageError
            raise kind(
                f"cannot write {part}: {error.strerror or error}; free some space and call again", param=str(part)
            ) from error
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        _forget(part, note)
        raise _failed(
            url,
            f"what came has the SHA-256 {found[:16]}…, expected {sha256[:16]}…",
            "it was thrown away; do not use it",
        )
    os.replace(part, target)
    with suppress(OSError):
        note.unlink()
    return found


def _continue(url: str, part: Path, note: Path, size: int | None, on_bytes: OnBytes | None) -> None:
    """One request, for what is missing. Raises when it ends early."""
    have = part.stat().st_size if part.exists() else 0
    known = _read(note)
    if have and (known.get("url") != url or not known.get("validator")):
        have = 0  # nothing says that the rest would fit
    if have and have == known.get("total"):
        return  # cut off between the last byte and the check
    headers = {"User-Agent": "portraitist", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": str(known["validator"])}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S) as answer:
        if answer.status != 206:
            have = 0
        total = _total(answer, have)
        if (size is not None and total is not None and total != size) or (total or 0) > MOST:
            raise _failed(
                url, f"the server offers {total} bytes, expected {size or f'at most {MOST}'}", "it may have moved"
            )
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if validator and validator.startswith("W/"):  # weak: says nothing about the bytes
            validator = answer.headers.get("Last-Modified")
        note.write_text(json.dumps({"url": url, "validator": validator, "total": total}))
        with open(part, "r+b" if have else "wb") as file:
            file.truncate(have)
            file.seek(have)
            while data := answer.read(_CHUNK):
                file.write(data)
                have += len(data)
                if on_bytes is not None:
                    on_bytes(have, total)
                if have > MOST:
                    raise _failed(url, f"it does not end after {MOST} bytes", "it may have moved")
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _total(answer: HTTPResponse, have: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return have + int(length) if length and length.isdigit() else None


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _forget(*paths: Path) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()


def _failed(url: str, what: str, remedy: str) -> DownloadFailed:
    return DownloadFailed(f"{url} could not be fetched: {what}; {remedy}", param=url)
