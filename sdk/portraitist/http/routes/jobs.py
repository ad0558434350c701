"""Jobs: lists, one, its events as they come, its pictures, its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ...errors import NotFound, WaitTimeout
from ...ledger.protocol import TERMINAL, Status
from .. import shown
from ..access.door import Caller, Maker, Reader
from ..context import PROBLEMS, Api, api_of
from ..problems import Refusal, of_error

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=PROBLEMS)
JobId = Annotated[str, Path(pattern="^job_[0-9a-f]{1,64}$", description="job_…")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]

KEEP_ALIVE_S = 15.0  # between two signs of life in a stream
_PICTURES = "private, max-age=0, must-revalidate"  # a browser asks again: the person may have been deleted


@router.get("", response_model=shown.Page[shown.JobShown], summary="Jobs, newest first")
async def list_jobs(
    request: Request,
    caller: Reader,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = 50,
    cursor: Annotated[
        str | None, Query(pattern="^job_[0-9a-f]{1,64}$", description="`next` of the page before")
    ] = None,
) -> JSONResponse:
    def look() -> shown.Page[shown.JobShown]:
        rows = caller.backend.ledger.jobs(status=status, before=cursor, limit=limit + 1)
        found = [shown.job(caller.backend, row, alone=False) for row in rows[:limit]]
        return shown.Page(items=found, next=found[-1].id if len(rows) > limit else None)

    return shown.answer(await api_of(request).threads.call(look))


@router.get("/{job_id}", response_model=shown.JobShown, summary="One job, with progress or result")
async def get_job(
    request: Request, caller: Reader, job_id: JobId, prefer: Annotated[str, Header()] = ""
) -> JSONResponse:
    return await told(api_of(request), caller, job_id, prefer, 200)


@router.post("/{job_id}/cancel", response_model=shown.JobShown, summary="Stop a job")
async def cancel_job(request: Request, caller: Maker, job_id: JobId) -> JSONResponse:
    """Queued: it is cancelled now. Running: it stops at its next step. Over: nothing happens."""
    api = api_of(request)
    await api.threads.call(caller.studio.jobs.cancel, job_id)
    return await told(api, caller, job_id, "", 200)


@router.get(
    "/{job_id}/events",
    summary="A job's events as they come (Server-Sent Events)",
    response_class=StreamingResponse,
    responses={
        200: {"description": "One message an event", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        204: {"description": "The job is over, and there is no event after the last one seen"},
    },
)
async def follow_job(
    request: Request,
    caller: Reader,
    job_id: JobId,
    last_event_id: Annotated[int, Header(ge=0, le=2**53, description="The last event seen")] = 0,
    after: Annotated[int, Query(ge=0, le=2**53, description="The same, for who cannot set headers")] = 0,
) -> Response:
    """`id` is the event's number, `event` its kind, `data` the event as JSON. The stream ends with the job. A browser that is cut off
    says which event it has seen, and goes on there."""
    api = api_of(request)
    if "head" in request.scope:
        raise Refusal(405, "method_not_allowed", "a stream is read with GET")
    after = max(after, last_event_id)
    rows, over = await api.threads.call(_events, caller, job_id, after)
    if over and not rows:
        return Response(status_code=204)
    return StreamingResponse(
        _stream(api, caller, job_id, after), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@router.api_route(
    "/{job_id}/pictures/{number}",
    methods=["GET"],
    summary="One picture of a job's result",
    response_class=Response,
    responses={
        200: {
            "description": "A PNG file, signed",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The one that you have is the same"},
    },
)
async def get_picture(
    request: Request,
    caller: Reader,
    job_id: JobId,
    number: Annotated[int, Path(ge=0, le=1_000_000)],
    if_none_match: Annotated[str | None, Header()] = None,
    download: Annotated[bool, Query(description="Offer it as a file to save")] = False,
) -> Response:
    """The address stands in the job's result. A picture never changes, so its ETag is its digest."""

    def read() -> tuple[str, bytes | None]:
        row = caller.backend.ledger.job(job_id)
        if row.status not in TERMINAL:
            raise WaitTimeout(f"job {job_id} is still {row.status}; its pictures come with its result", job_id=job_id)
        found = shown.pictures(caller.backend, row)
        if number >= len(found):
            raise NotFound(f"job {job_id} has {len(found)} pictures, and none of number {number}", param="number")
        if matches(if_none_match, found[number]):
            return found[number], None
        return found[number], caller.backend.sealed(row.persona_id).get(found[number])

    blob, data = await api_of(request).threads.call(read)
    return picture(blob, data, f"{job_id}-{number}.png" if download else None)


def picture(blob: str, data: bytes | None, save_as: str | None = None) -> Response:
    """`data=None`: who asks has it."""
    headers = {"ETag": f'"{blob}"', "Cache-Control": _PICTURES, "Vary": "Authorization"}
    if save_as is not None:
        headers["Content-Disposition"] = f'attachment; filename="{save_as}"'
    if data is None:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/png", headers=headers)


def matches(if_none_match: str | None, blob: str) -> bool:
    """Weak comparison, as RFC 9110 asks for it here."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or f'"{blob}"' in tags


async def told(api: Api, caller: Caller, job_id: str, prefer: str, status: Literal[200, 202]) -> JSONResponse:
    """The job as it is; with `Prefer: wait=N` as it is when it is over, if that is within N seconds."""
    headers: dict[str, str] = {}
    if (seconds := waited(prefer, api.options.wait_s)) is not None:
        await api.threads.call(caller.backend.ledger.job, job_id)  # it is the caller's
        headers["Preference-Applied"] = f"wait={seconds:g}"
        if await api.follower.over(job_id, seconds):
            status = 200
    found = await api.threads.call(lambda: shown.job(caller.backend, caller.backend.ledger.job(job_id)))
    if status == 202:
        headers["Location"] = f"/v1/jobs/{job_id}"
    return shown.answer(found, status, headers)


def waited(prefer: str, most: float) -> float | None:
    """The seconds of `wait=N` (RFC 7240), of what may be asked; None: no such preference."""
    for one in prefer.replace(";", ",").split(","):
        name, _, value = one.partition("=")
        text = value.strip().strip('"')
        if name.strip().lower() == "wait" and text.isascii() and text.isdigit():
            return min(float(text[:9]), most)
    return None


async def _stream(api: Api, caller: Caller, job_id: str, after: int) -> AsyncIterator[bytes]:
    api.follower.streams += 1
    fresh, trouble = True, None
    try:
        yield b"retry: 1000\n\n"
        while not api.follower.closed:
            events, over = await api.threads.call(_events, caller, job_id, after)
            for event in events:
                after = event.seq
                yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n".encode()
            if over:
                return
            standing = await api.follower.moved(job_id, after, KEEP_ALIVE_S, fresh=fresh)
            fresh = False
            if standing is None:
                yield b": still here\n\n"
            if api.follower.trouble is not None and api.follower.trouble is not trouble:
                trouble = api.follower.trouble
                problem = of_error(trouble, private=api.options.loopback)
                yield f"event: unavailable\ndata: {problem.model_dump_json()}\n\n".encode()
    except NotFound:
        return  # it was forgotten meanwhile
    finally:
        api.follower.streams -= 1


def _events(caller: Caller, job_id: str, after: int) -> tuple[list[shown.EventShown], bool]:
    """Those after `after`, and whether there will be no more. The state is read first: the last event must not slip between."""
    job = caller.backend.ledger.job(job_id)
    rows = caller.backend.ledger.events(job_id, after=after)
    return [shown.event(caller.backend, job.persona_id, row) for row in rows], job.status in TERMINAL
