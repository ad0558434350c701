"""One readable file per operation; `run` picks by the request's type."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from pydantic import BaseModel

from ..provenance.gallery import refuse_unmarked
from .context import Context, MemoryContext

__all__ = ["Context", "MemoryContext", "forget", "load", "run", "side_by_side", "warm"]

_MODULES = {
    "create": "personalize",
    "add": "add",
    "synthesize": "synthesize",
    "edit": "edit",
    "enhance": "enhance",
    "calibrate": "calibrate",
}


def run(request: BaseModel, context: Context) -> BaseModel:
    """Run `request` (a `portraitist.requests.Request`); the module is imported on first use, so that a worker starts fast."""
    module = importlib.import_module(f".{_MODULES[request.operation]}", __name__)  # type: ignore[attr-defined]
    result = module.run(request, context)
    refuse_unmarked(result, context)
    if isinstance(context, MemoryContext):  # the queue drops a job's once its result is stored
        context.checkpoint = None
    return result


def side_by_side(count: int, slots: int) -> Callable[[], AbstractContextManager[None]]:
    """For `count` threads to run one `synthesize` each in: pictures are made in shared passes of `slots` rows."""
    from ..persona.together import Together

    return Together(count, slots).member


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
    for module in (*(f".{name}" for name in _MODULES.values()), "..provenance.signing"):
        importlib.import_module(module, __name__)
