"""The operations that this process runs."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from .. import settings


@functools.cache
def operations() -> ModuleType:
    """The tests of the queue put a module of their own in its place, through the worker's environment."""
    return importlib.import_module(settings.current().operations)
