"""A studio without an engine, for the tests of your app: no worker process, no torch, results in milliseconds.

    from portraitist.testing import fake_studio
    studio = fake_studio()
    ana = studio.personas.create("ana", photos=[b"1", b"2", b"3"]).wait()
    assert ana.synthesize(yaw=20).report.attributes["yaw"].achieved == 20

The jobs, errors, idempotency and deletion are the real ones; only the pictures are plain colours. Pass `run` to script
results or failures: it gets the request (`portraitist.requests`) and a context with `blob`, `put`, `persona`, `on_step`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from pydantic import BaseModel

from . import recipes
from .attributes import ATTRIBUTES
from .backend import Backend
from .errors import JobCancelled, JobFailed, PhotosUnusable, PortraitistError
from .ledger import JobRow, LeaseLost, Ledger, MemoryLedger, rules
from .operations import operation, parsed
from .pulls import movement
from .requests import (
    AddPhotos,
    Compose,
    CreatePersona,
    Drag,
    DragStep,
    Edit,
    FindFaces,
    Move,
    Open,
    Pull,
    Retouch,
    Strip,
    Variations,
)
from .results import (
    AttributeReport,
    ClassMap,
    Faces,
    FoundFace,
    PersonaRecord,
    PhotoVerdict,
    PictureReport,
    PictureResult,
    Pictures,
    PointReport,
    Progress,
    Reach,
)
from .store import MemoryStore
from .studio import Studio
from .transport import InlineTransport


class FakeContext(Protocol):
    """What `run` sees: the same as a real operation."""

    def blob(self, digest: str) -> bytes: ...
    def put(self, data: bytes) -> str: ...
    def persona(self, persona_id: str) -> PersonaRecord: ...
    def on_step(self, progress: Progress) -> None: ...


Run = Callable[[Any, FakeContext], BaseModel]


def fake_studio(run: Run | None = None) -> Studio:
    """A Studio in memory whose jobs are done by `run`, by default `plain_pictures`."""
    return Studio(fake_backend(run).of())


def fake_backend(run: Run | None = None, *, ledger: Ledger | None = None) -> Backend:
    """What several tenants share: `Studio(backend.of("acme"))`."""

    def execute(job_id: str) -> None:
        row = backend.ledger.claim(job_id, worker="inline", lease_s=3600.0)
        if row is not None:
            _execute(backend, row, run or plain_pictures)

    backend = Backend(ledger or MemoryLedger(), MemoryStore(), InlineTransport(execute))
    return backend


def plain_pictures(request: Any, context: FakeContext) -> BaseModel:
    """The default `run`: accepts every photo (3 at least), achieves exactly what is asked, paints a colour per picture."""
    if isinstance(request, CreatePersona):
        verdicts = [PhotoVerdict(name=p.name, accepted=True) for p in request.photos]
        if len(verdicts) < 3 and not request.nobody:
            photos = [v.model_dump() for v in verdicts]
            raise PhotosUnusable(
                f"only {len(verdicts)} photos can be used; 3 are needed, 10 to 20 are good", photos=photos
            )
        context.on_step(Progress(stage="tune", step=1, steps=1, eta=0.0))
        return PersonaRecord(
            persona_id=request.persona_id,
            name=request.name,
            prior=request.prior,
            organizer=request.organizer,
            preset=request.preset,
            attributes=request.attributes,
            photos=verdicts,
            reach=[_reach(name) for name in request.attributes],
            seed=request.seed,
            weights=context.put(b"no weights"),
        )
    if isinstance(request, AddPhotos):
        record = context.persona(request.persona_id)
        verdicts = [*record.photos, *(PhotoVerdict(name=p.name, accepted=True) for p in request.photos)]
        return record.model_copy(update={"photos": verdicts, "seed": request.seed})
    if isinstance(request, Open):
        raise JobFailed("a fake studio holds no live sessions; test those with a real worker")
    if isinstance(request, FindFaces):
        corners = [(0.0, 0.0), (64.0, 0.0), (64.0, 64.0), (0.0, 64.0)]
        return Faces(faces=[FoundFace(corners=corners, likeness=1.0, theirs=True)])
    if operation(request.operation).result is not Pictures:
        raise JobFailed("a fake studio has only the bundled prior")
    record = context.persona(request.persona_id)
    values = {} if isinstance(request, Strip) else getattr(request, "values", {})  # a strip is one picture
    batch = values if isinstance(values, list) else [values]
    batch = batch * (1 + request.frames) if isinstance(request, (Compose, Drag, Edit, Move)) else batch
    batch = batch * request.n if isinstance(request, Variations) else batch
    pictures = []
    for index, values in enumerate(batch):
        context.on_step(Progress(stage="draw", step=index, steps=len(batch)))
        reports = {n: AttributeReport(requested=v, target=v, achieved=v, error=0.0) for n, v in values.items()}
        blob = context.put(_colour(f"{request.model_dump_json()} {index}"))
        report = PictureReport(attributes=reports, seed=request.seed)
        pictures.append(
            PictureResult(blob=blob, report=report, classes=_PLAIN if isinstance(request, Compose) else None)
        )
    if isinstance(request, (Drag, Move, Retouch)):
        pictures[0].report.points = [_arrived(pull) for pull in _pulls(request)]
    pictures[0].report.recipe = recipes.made(request, record, context.blob)
    columns = getattr(request, "columns", None)
    return Pictures(pictures=pictures, sheet=context.put(_colour("sheet", columns, len(batch))) if columns else None)


_PLAIN = ClassMap(names=["background"], side=2, data=base64.b64encode(zlib.compress(bytes(4))).decode())


class _Context:
    def __init__(self, backend: Backend, row: JobRow) -> None:
        self._ledger, self._row = backend.ledger, row
        self._store = backend.sealed(row.persona_id, row.id)
        self.blob = self._store.get

    def put(self, data: bytes) -> str:
        digest = self._store.put(data)
        self._ledger.refer(self._row.id, self._row.token, [digest])
        return digest

    def persona(self, persona_id: str) -> PersonaRecord:
        row = self._ledger.persona(persona_id)
        rules.usable(row, persona_id)
        return PersonaRecord.model_validate(row.record)

    def on_step(self, progress: Progress) -> None:
        if self._ledger.heartbeat(self._row.id, self._row.token, lease_s=3600.0):
            raise JobCancelled(f"job {self._row.id} was cancelled", job_id=self._row.id)
        self._ledger.progress(self._row.id, self._row.token, progress.model_dump(mode="json"))


def _execute(backend: Backend, row: JobRow, run: Run) -> None:
    ledger = backend.ledger
    try:
        try:
            request = parsed(backend.readable(row.persona_id, row.request))
            result = run(request, _Context(backend, row)).model_dump(mode="json")
            ledger.finish(row.id, row.token, "succeeded", result=result)
        except JobCancelled:
            ledger.finish(row.id, row.token, "cancelled", error=rules.cancelled_error(row.id))
        except PortraitistError as error:
            ledger.finish(row.id, row.token, "failed", error=error.to_dict())
        except LeaseLost:
            raise
        except Exception as error:
            failed = JobFailed(f"{type(error).__name__}: {error}", job_id=row.id)
            ledger.finish(row.id, row.token, "failed", error=failed.to_dict())
    except LeaseLost:
        pass  # its persona was deleted meanwhile


def _pulls(request: Drag | Move | Retouch) -> list[Pull]:
    if isinstance(request, Drag):
        return request.pulls
    if isinstance(request, Move):
        return movement(request.at, request.by, request.dz, request.anchors)
    drags = [step for step in request.steps if isinstance(step, DragStep)]
    return drags[-1].points if drags else []


def _arrived(pull: Pull) -> PointReport:
    box = (0.0, 0.0) * 2 if isinstance(pull.handle, str) else (*pull.handle, *pull.handle)[:4]
    handle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2  # of a region its middle
    by = pull.by or (0.0, 0.0)
    target = pull.to or (handle[0] + by[0], handle[1] + by[1])
    return PointReport(handle=handle, target=target, reached=target, left=0.0, confidence=1.0)


def _reach(name: str) -> Reach:
    known = ATTRIBUTES.get(name)
    return Reach(attribute=name, unit=known.unit, low=known.low, high=known.high) if known else _anything(name)


def _anything(name: str) -> Reach:
    return Reach(attribute=name, unit="", low=0.0, high=100.0)


def _colour(text: str, columns: int = 1, count: int = 1) -> bytes:
    from PIL import Image

    red, green, blue = hashlib.sha256(text.encode()).digest()[:3]
    file = io.BytesIO()
    size = 66 * columns - 2, 66 * -(-count // columns) - 2  # as a sheet of so many
    Image.new("RGB", size, (red, green, blue)).save(file, "PNG")
    return file.getvalue()
