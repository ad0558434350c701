"""Settings from the environment: NAME, or a file named by NAME_FILE, so that a password need not stand in the environment."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InvalidRequest


def setting(name: str) -> str | None:
    """None when neither is set, or it is empty. Raises InvalidRequest when the file cannot be read."""
    if value := os.environ.get(name):
        return value
    if not (path := os.environ.get(f"{name}_FILE")):
        return None
    try:
        return Path(path).read_text().strip() or None
    except OSError as error:
        raise InvalidRequest(f"{name}_FILE={path}: {error.strerror}; name a readable file", param=name) from error
