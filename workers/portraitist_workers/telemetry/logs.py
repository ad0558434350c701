"""Log lines, as text or as JSON (`PORTRAITIST_LOG=json`), with the ids of the job that a line is about.

A line never says what a job is made of, nor whose persona it is about, because logs outlive deletions. While the persona exists,
the ledger gives it by the job's id. Our messages name ids only. An exception is shown by its type and where it was
raised, without its text, which may quote a file's name or a value. The job's own error, in the ledger, has the text.
Passwords in addresses are masked wherever they come from.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
import warnings
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from portraitist.ledger import JobRow

from .. import settings

_current: ContextVar[dict[str, Any] | None] = ContextVar("portraitist_job", default=None)
_PASSWORD = re.compile(r"(\w+://)[^/@\s]*@")
_FIELDS = ("job", "tenant", "operation", "attempt", "trace")


def about(row: JobRow, **more: Any) -> dict[str, Any]:
    """The ids of a job, for `log.…(…, extra=about(row))`."""
    return {"job": row.id, "tenant": row.tenant, "operation": row.operation, "attempt": row.attempts, **more}


def enter(row: JobRow, **more: Any) -> None:
    """From here on, what this thread logs is about `row`."""
    _current.set(about(row, **more))


def leave() -> None:
    _current.set(None)


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None
        return _masked(super().format(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(_frames(ei))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "node": settings.current().node or None,
        }
        known = _current.get() or {}
        line |= {name: getattr(record, name, None) or known.get(name) for name in _FIELDS}
        if record.exc_info:
            line["exception"] = _frames(record.exc_info)
        return _masked(json.dumps({name: value for name, value in line.items() if value not in (None, "")}))


def set_up() -> None:
    """For every process of a worker, children too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.current().log == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    apart = logging.getLogger("multiprocessing")  # billiard's, which does not hand on what it logs
    apart.handlers, apart.propagate = [handler], False
    logging.captureWarnings(True)
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.ERROR)  # it warns that memory:// names no host
    warnings.filterwarnings(
        "ignore", message="(?s).*superuser privileges"
    )  # messages are JSON: nothing in them can run


def _frames(ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]) -> list[str]:
    kind, _, where = ei
    steps = [f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(where)]
    return [f"{kind.__module__}.{kind.__qualname__}" if kind else "", *steps]


def _masked(text: str) -> str:
    return _PASSWORD.sub(r"\1…@", text)
