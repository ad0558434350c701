"""One readable file per operation; `run` picks by the request's type."""

from __future__ import annotations

import importlib

from pydantic import BaseModel

from ..provenance.gallery import refuse_unmarked
from .context import Context, MemoryContext

__all__ = ["Context", "MemoryContext", "run"]

_MODULES = {"create": "personalize", "synthesize": "synthesize", "edit": "edit", "enhance": "enhance",
            "calibrate": "calibrate"}


def run(request: BaseModel, context: Context) -> BaseModel:
    """Run `request` (a `portraitist.requests.Request`); the module is imported on first use, so that a worker starts fast."""
    module = importlib.import_module(f".{_MODULES[request.operation]}", __name__)  # type: ignore[attr-defined]
    result = module.run(request, context)
    refuse_unmarked(result, context)
    return result


def load() -> None:
    """Import all of it now, so that a worker's first job need not."""
    for module in _MODULES.values():
        importlib.import_module(f".{module}", __name__)
