"""One readable file per operation; `run` picks by the table `portraitist.operations.OPERATIONS`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pydantic import BaseModel

from portraitist import recipes
from portraitist.operations import OPERATIONS, operation
from portraitist.results import Pictures

from ..provenance.gallery import refuse_unmarked
from .context import Context, MemoryContext

if TYPE_CHECKING:
    from ..persona.rendering import Renderer

__all__ = ["Context", "MemoryContext", "forget", "load", "run", "side_by_side", "warm_ids"]


def run(request: BaseModel, context: Context) -> BaseModel:
    """Run a request of `portraitist.operations.OPERATIONS`; the module is imported on first use, so that a worker starts fast. Of
    several pictures the first one's report holds the recipe."""
    row = operation(request.operation)  # type: ignore[attr-defined]  # every request has one
    module = importlib.import_module(row.module)
    # Before the work: where the person learns meanwhile, the recipe is of before, and is refused rather than wrong.
    record = context.persona(request.persona_id) if row.makes_pictures else None  # type: ignore[attr-defined]
    result = module.run(request, context)
    refuse_unmarked(result, context.pictures)
    if isinstance(result, Pictures) and record is not None:
        result.pictures[0].report.recipe = recipes.made(request, record, context.blob)
    if isinstance(context, MemoryContext):  # the queue drops a job's once its result is stored
        context.checkpoint = None
    return result


def side_by_side(count: int, slots: int) -> Callable[[], AbstractContextManager[Renderer]]:
    """For `count` threads to run one operation each in: pictures are made in shared passes of `slots` rows. Each thread enters what the
    function gives, and hands the renderer on in its context."""
    from ..persona.shared_passes import SharedPasses

    return SharedPasses(count, slots).member


def warm_ids() -> tuple[str, ...]:
    """Ids of the personas that this process holds ready; nobody before torch is loaded."""
    held = getattr(sys.modules.get("portraitist_workers.persona.warm"), "PERSONAS", None)
    return held.ids() if held else ()


def forget(persona_id: str) -> None:
    """Drop a persona that was deleted from this process's memory."""
    if persona_id in warm_ids():
        sys.modules["portraitist_workers.persona.warm"].PERSONAS.forget(persona_id)


def load() -> None:
    """Import all of it now, so that a worker's first job need not."""
    for module in (*(row.module for row in OPERATIONS.values()), "portraitist_workers.provenance.signing"):
        importlib.import_module(module)
