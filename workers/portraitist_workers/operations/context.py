"""What an operation sees of the world: blobs, personas, progress, checkpoints. Nothing of queues.

Every operation is `run(request, context) -> result` (models of `portraitist.requests` and `portraitist.results`),
runs without the queue, and is deterministic for a given seed on one device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from portraitist.priors.home import PriorHome
from portraitist.priors.homes import local_home
from portraitist.results import PersonaRecord, Progress

from ..provenance.gallery import Gallery
from ..provenance.origin import MarkedImage, Origin

if TYPE_CHECKING:
    from ..live.wire import Wire
    from ..persona.rendering import Renderer


class Context(Protocol):
    """The queue's implementation is `portraitist_workers.queue.tasks`; `MemoryContext` serves scripts, tests and benchmarks."""

    pictures: set[str]  # blobs that `put_picture` has stored
    renderer: Renderer | None  # what pictures are made by; None: alone
    wire: Wire | None  # a live session's clients

    @property
    def priors(self) -> PriorHome:
        """Where the imported priors are that this job may use."""

    def blob(self, digest: str) -> bytes:
        """The bytes stored under `digest`. Raises NotFound, StorageError."""

    def put(self, data: bytes) -> str:
        """Store `data`, return its sha256 hex digest. Raises StorageFull, StorageError."""

    def put_picture(self, picture: MarkedImage, origin: Origin) -> str:
        """Store a picture to hand out, as a signed PNG. There is no other way: `run` refuses results with pictures that were only put."""

    def persona(self, persona_id: str) -> PersonaRecord:
        """The persona's record. Raises NotFound, PersonaDeleted."""

    def on_step(self, progress: Progress) -> None:
        """Report progress and renew the lease; cheap (throttled). Raises JobCancelled when the job was cancelled or taken over."""

    def check(self) -> None:
        """Ask now whether the job goes on. Raises as `on_step` does."""

    def load_checkpoint(self) -> bytes | None:
        """The newest checkpoint of this job (of any attempt), or None."""

    def save_checkpoint(self, data: bytes) -> None:
        """Replace the job's checkpoint atomically."""


class MemoryContext(Gallery):
    """Everything in dictionaries, for running an operation in the calling process.

    `checkpoint` is what an interrupted operation left. The next one resumes from it, and `run` drops it when that has succeeded.
    """

    def __init__(self, on_step: Callable[[Progress], None] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.personas: dict[str, PersonaRecord] = {}
        self.checkpoint: bytes | None = None
        self.renderer: Renderer | None = None
        self.wire: Wire | None = None
        self._on_step = on_step
        super().__init__()

    @property
    def priors(self) -> PriorHome:
        return local_home()

    def blob(self, digest: str) -> bytes:
        from portraitist.errors import NotFound

        try:
            return self.blobs[digest]
        except KeyError:
            raise NotFound(f"no blob {digest[:12]}… in memory; put() it first", param=digest) from None

    def put(self, data: bytes) -> str:
        import hashlib

        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def persona(self, persona_id: str) -> PersonaRecord:
        from portraitist.errors import NotFound

        if persona_id not in self.personas:
            raise NotFound(f"no persona {persona_id!r} in memory; run create first", param="persona_id")
        return self.personas[persona_id]

    def on_step(self, progress: Progress) -> None:
        if self._on_step is not None:
            self._on_step(progress)

    def check(self) -> None: ...

    def load_checkpoint(self) -> bytes | None:
        return self.checkpoint

    def save_checkpoint(self, data: bytes) -> None:
        self.checkpoint = data
