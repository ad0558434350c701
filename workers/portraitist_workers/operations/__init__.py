"""One readable file per operation; `run` picks by the request's type."""

from __future__ import annotations

import importlib
import sys

from pydantic import BaseModel

from .context import Context, MemoryContext

__all__ = ["Context", "MemoryContext", "forget", "load", "run", "warm"]

_MODULES = {"create": "personalize", "synthesize": "synthesize", "edit": "edit", "enhance": "enhance",
            "calibrate": "calibrate"}


def run(request: BaseModel, context: Context) -> BaseModel:
    """Run `request` (a `portraitist.requests.Request`); the module is imported on first use, so that a worker starts fast."""
    module = importlib.import_module(f".{_MODULES[request.operation]}", __name__)  # type: ignore[attr-defined]
    return module.run(request, context)


def warm() -> tuple[str, ...]:
    """Ids of the personas that this process holds ready; nobody before torch is loaded."""
    held = getattr(sys.modules.get("portraitist_workers.persona.warm"), "warm", None)
    return held.ids() if held else ()


def forget(persona_id: str) -> None:
    """Drop a persona that was deleted from this process's memory."""
    if persona_id in warm():
        sys.modules["portraitist_workers.persona.warm"].warm.forget(persona_id)


def load() -> None:
    """Import all of it now, so that a worker's first job need not."""
    for module in _MODULES.values():
        importlib.import_module(f".{module}", __name__)
