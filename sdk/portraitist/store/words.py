"""Personal words in the ledger's rows (file names, addresses, who consented, remarks on photos), sealed with the persona's key.

They stay where they were, as "sealed:" and base64; what Portraitist itself needs to find and order jobs stays plain. docs/storage.md lists
both. A deleted persona's words cannot be read in any copy of the ledger whose master key is not known.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from ..errors import StorageError
from .sealed import SealedStore

_MARK = "sealed:"
_FIELDS = {
    "name",
    "photo",
    "url",
    "fault",
    "person",
    "keep",
    "reason",
    "warnings",
    "nearest_photo",
    "subject",
    "by",
    "scope",
}


def sealed(store: SealedStore, data: Any) -> Any:
    """`data` (JSON: a request, or an operation's result) with its words sealed. The top `name`, the persona's own, is not."""

    def seal(text: str) -> str:
        return _MARK + base64.b64encode(store.seal_word(text.encode())).decode() if text else text

    return _walked(data, seal)


def opened(store: Callable[[], SealedStore], data: Any) -> Any:
    """As it was before `sealed`; `store` is called when there is something to open. Raises what it does, and StorageError."""

    def open_(text: str) -> str:
        if not text.startswith(_MARK):
            return text
        try:
            content = base64.b64decode(text.removeprefix(_MARK), validate=True)
        except ValueError:
            raise StorageError("a sealed word in the ledger is damaged; submit the job again") from None
        return store().open_word(content).decode()

    return _walked(data, open_)


def _walked(data: Any, change: Callable[[str], str], field: str = "", depth: int = 0) -> Any:
    if isinstance(data, dict):
        return {
            key: _walked(value, change, "" if depth == 0 and key == "name" else key, depth + 1)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_walked(value, change, field, depth + 1) for value in data]
    return change(data) if isinstance(data, str) and field in _FIELDS else data
