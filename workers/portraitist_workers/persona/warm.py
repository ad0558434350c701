"""The personas that this process holds ready, least recently used ones dropped first.

A persona is a small delta on a shared prior, but computing needs its weights whole. A used persona of 128 px takes 20 to 45 MB, and
a fifth of a second to unpack. So as many as fit stay.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from portraitist.results import PersonaRecord

from ..generator.layers import ModulatedConv
from ..operations.context import Context
from .judge import judge_for
from .model import PersonaModel

LIMIT = int(os.environ.get("PORTRAITIST_WARM_MB", "1024")) * 2**20  # bytes


class WarmPersonas:
    """`limit` bytes of models; the one in use stays even if it alone is larger. Threads may share it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._held: OrderedDict[str, _Held] = OrderedDict()  # by persona id
        self._lock = threading.Lock()

    def load(self, record: PersonaRecord, context: Context) -> PersonaModel:
        """The persona's model. Raises StorageError, PriorUnavailable."""
        with self._lock:
            held = self._held.get(record.persona_id)
        if held is None or held.weights != record.weights:
            held = _Held(record.weights, PersonaModel.from_bytes(context.blob(record.weights)))
        size = nbytes(held.model)  # grows with what is remembered while it serves
        with self._lock:
            held.size = size
            self._held[record.persona_id] = held
            self._held.move_to_end(record.persona_id)
            while sum(h.size for h in self._held.values()) > self.limit and len(self._held) > 1:
                self._held.popitem(last=False)
        return held.model

    def forget(self, persona_id: str) -> bool:
        """Drop a persona that was deleted; whether it was here."""
        with self._lock:
            return self._held.pop(persona_id, None) is not None

    def ids(self) -> tuple[str, ...]:
        """Persona ids, the most recently used last."""
        with self._lock:
            return tuple(self._held)


@dataclass
class _Held:
    weights: str  # their digest
    model: PersonaModel
    size: int = 0  # bytes


def nbytes(model: PersonaModel) -> int:
    """What a model takes beyond its prior, kernels remembered in other formats and the judge's pictures included."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(model))


def _tensors(model: PersonaModel) -> Iterator[Tensor]:
    synthesis = model.generator.synthesis
    yield from (model.anchors, model.embeddings, model.axes.steps, model.response.steps, judge_for(model).anchor_images)
    yield from synthesis.parameters()
    yield from synthesis.buffers()
    for layer, _ in synthesis.walk():
        if isinstance(layer, ModulatedConv):
            yield from layer.remembered()


warm = WarmPersonas()
