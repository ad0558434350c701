"""What a process gives up before it looks at a file from elsewhere.

The file is already read as inert data (generator/formats/inert.py); these are the walls behind that one:

    no new file or socket     RLIMIT_NOFILE 0: the kernel hands out no descriptor any more; what is open stays open
    no network of its own     a network namespace without interfaces, where the system lets us have one (Linux)
    no other program          refused by an audit hook together with everything else that the reading does not need
    memory and time           RLIMIT_AS (Linux), RLIMIT_CPU, RLIMIT_FSIZE, and no core file
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress

# Audit events of plain computation. Any other ends the attempt, whoever catches the exception.
HARMLESS = frozenset(
    {
        "object.__getattr__",
        "object.__setattr__",
        "object.__delattr__",
        "builtins.id",
        "sys._getframe",
        "sys.excepthook",
        "sys.unraisablehook",
        "cpython._PySys_ClearAuditHooks",
        "array.__new__",
        "gc.get_objects",
        "gc.get_referrers",
        "gc.get_referents",
        "mmap.__new__",
    }
)

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38

violations: list[str] = []


def lock(*, memory: int, seconds: int, output: int) -> list[str]:
    """From now on `memory` further bytes, `seconds` of processor time, files of at most `output` bytes, nothing else.

    Returns the walls that stand. Call it once everything that will be needed has been imported and opened.
    """
    walls = []
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            walls.append("network namespace")
        with suppress(OSError, ValueError):
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
            walls.append("memory")
    spent = int(sum(os.times()[:2]))
    for name, most in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", output),
        ("RLIMIT_CPU", spent + seconds),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 0),
    ):
        with suppress(OSError, ValueError, AttributeError):
            number = getattr(resource, name)
            resource.setrlimit(number, (most, most))
            walls.append(name.removeprefix("RLIMIT_").lower())
    sys.addaudithook(_refuse)
    walls.append("audit hook")
    return walls


def _refuse(event: str, arguments: tuple) -> None:
    if event in HARMLESS or _is_known_import(event, arguments):
        return
    if len(violations) < 20:
        violations.append(f"{event} {arguments!r}"[:200] if event in ("open", "import") else event)
    raise PermissionError(f"refused while reading a foreign file: {event}")


def _is_known_import(event: str, arguments: tuple) -> bool:
    return event == "import" and arguments[0] in sys.modules


def guarded(read: Callable[[], object]) -> object:
    """`read()`, but what it returns or raises counts only if it tried nothing forbidden. Raises PermissionError."""
    try:
        result = read()
    except Exception:
        if violations:
            raise PermissionError(f"it tried what no weights file needs ({violations[0]})") from None
        raise
    if violations:
        raise PermissionError(f"it tried what no weights file needs ({violations[0]})")
    return result
