"""The people that this process holds ready, least recently used ones dropped first.

A persona is a small delta on a shared prior, but computing needs its weights whole. A used persona of 128 px takes 20 to 45 MB, and
a fifth of a second to unpack. So as many as fit stay, and with each the photos that were opened last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol, TypeVar

from torch import Tensor

from portraitist.errors import PersonaDeleted
from portraitist.priors.home import PriorHome
from portraitist.results import PersonaRecord

from .. import settings
from ..generator.layers import ModulatedConv
from .judge import Judge
from .model import PersonaModel

OPENED = 2  # photos that are kept open for each person: an opened one takes as much as the person

Read = Callable[[str], bytes]  # a blob's bytes


class Opened(Protocol):
    """A photo that was made ready for changes (`editing.opening`)."""

    def tensors(self) -> Iterator[Tensor]: ...


P = TypeVar("P", bound=Opened)


class WarmPersona:
    """One person, ready: the model, the judge, the photos that are open. All of it ends with `end()`."""

    def __init__(self, persona_id: str, weights: str, model: PersonaModel) -> None:
        self.persona_id, self.weights = persona_id, weights
        self.pins = 0  # sessions that need it; it stays as long
        self._model: PersonaModel | None = model
        self._opened: OrderedDict[Hashable, Opened] = OrderedDict()

    @property
    def model(self) -> PersonaModel:
        """Raises PersonaDeleted after `end()`."""
        if self._model is None:
            raise PersonaDeleted("this persona was deleted; its model is no longer held", param="persona_id")
        return self._model

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.model)

    def opened(self, key: Hashable, open_it: Callable[[], P]) -> P:
        """The opened photo of that key, from `open_it` if it is not held."""
        found = self._opened.get(key)
        if found is None:
            found = open_it()
        self._opened[key] = found
        self._opened.move_to_end(key)
        while len(self._opened) > OPENED:
            self._opened.popitem(last=False)
        return found  # type: ignore[return-value]  # what `open_it` made for this key

    def end(self) -> None:
        """Let go of everything, whoever still holds this object."""
        self._model = None
        self._opened.clear()
        self.__dict__.pop("judge", None)

    def nbytes(self) -> int:
        """What it takes beyond its prior, kernels remembered in other formats included. Zero after `end()`."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._tensors())

    def _tensors(self) -> Iterator[Tensor]:
        model, judge = self._model, self.__dict__.get("judge")
        if model is None:
            return
        synthesis = model.generator.synthesis
        yield from (model.anchors, model.embeddings, model.axes.steps, model.response.steps)
        yield from synthesis.parameters()
        yield from synthesis.buffers()
        for layer, _ in synthesis.walk():
            if isinstance(layer, ModulatedConv):
                yield from layer.remembered()
        if judge is not None:
            yield judge.anchor_images
        for photo in list(self._opened.values()):
            yield from photo.tensors()


class WarmPersonas:
    """`limit` bytes of people (None: as the settings say). The one in use stays even if it alone is larger, and so does
    who is pinned. Threads may share it."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._held: OrderedDict[str, WarmPersona] = OrderedDict()  # by persona id
        self._lock = threading.Lock()

    def load(self, record: PersonaRecord, read: Read, priors: PriorHome | None = None) -> WarmPersona:
        """The person as `record` says. `read` gets the weights' blob; `priors` has her prior, if it was imported.

        Raises StorageError, PriorUnavailable."""
        with self._lock:
            held = self._held.get(record.persona_id)
        if held is None or held.weights != record.weights:
            model = PersonaModel.from_bytes(read(record.weights), priors)
            held = WarmPersona(record.persona_id, record.weights, model)
        with self._lock:
            self._held[record.persona_id] = held
            self._held.move_to_end(record.persona_id)
            self._make_room()
        return held

    @contextmanager
    def pinned(self, record: PersonaRecord, read: Read, priors: PriorHome | None = None) -> Iterator[WarmPersona]:
        """`load`, and it is not dropped for want of memory before the block is over. A deletion ends it all the same."""
        person = self.load(record, read, priors)
        with self._lock:
            person.pins += 1
        try:
            yield person
        finally:
            with self._lock:
                person.pins -= 1
                self._make_room()

    def forget(self, persona_id: str) -> bool:
        """End a persona that was deleted; whether it was here."""
        with self._lock:
            held = self._held.pop(persona_id, None)
        if held is not None:
            held.end()
        return held is not None

    def ids(self) -> tuple[str, ...]:
        """Persona ids, the most recently used last."""
        with self._lock:
            return tuple(self._held)

    def _make_room(self) -> None:
        limit = settings.current().warm_mb * 2**20 if self.limit is None else self.limit
        sizes = {persona_id: person.nbytes() for persona_id, person in self._held.items()}  # they grow while they serve
        for persona_id in list(self._held)[:-1]:
            if sum(sizes.values()) <= limit:
                return
            if not self._held[persona_id].pins:
                del self._held[persona_id], sizes[persona_id]


PERSONAS = WarmPersonas()
