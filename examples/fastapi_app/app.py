"""A web app in which every signed-in user has a portrait generator of their own face, and nobody else's.

    pip install 'portraitist[worker,examples]'
    python examples/fastapi_app/app.py              # then open http://127.0.0.1:8000

Embedded, on this machine, until PORTRAITIST_URL and PORTRAITIST_STORE name a cluster; the code is the same. Set APP_SECRET (sessions)
and APP_URL (where workers reach this app) when it runs for others, and replace `sign_in` by your own.

Each user is a tenant, so the SDK keeps them apart: whatever id a browser sends, another user's is not found.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware.sessions import SessionMiddleware

import portraitist
from portraitist import (
    Conflict,
    InvalidRequest,
    Link,
    NotFound,
    PortraitistError,
    QueueUnavailable,
    QuotaExceeded,
    webhooks,
)

HERE = Path(__file__).parent
URL = os.environ.get("APP_URL", "http://127.0.0.1:8000")
PRESET = os.environ.get("APP_PRESET", "fast")
TERMS = (
    "I am the person in these photos, and I agree that a model of my face is made from them and kept until I delete it."
)
MAX_PHOTOS, MAX_UPLOAD = 40, 100 * 2**20  # files, and bytes of all together
ME = "me"  # every user's persona has this name, in their own tenant

# The embedded worker inherits this: it may connect to this app, although that is a private address.
os.environ.setdefault("PORTRAITIST_ALLOW_ORIGINS", URL)

app = FastAPI(title="Portraits of you", docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ.get("APP_SECRET") or secrets.token_hex(32),
    same_site="strict",
    https_only=URL.startswith("https:"),
    max_age=24 * 3600,
)
app.mount("/static", StaticFiles(directory=HERE / "static"))
told: OrderedDict[str, webhooks.WebhookEvent] = OrderedDict()  # by id; in a real app: rows of your database


# -- who is asking ---------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1000)
def studio_of(tenant: str) -> portraitist.Studio:
    return portraitist.connect(tenant=tenant, webhook=portraitist.Webhook(f"{URL}/webhooks/{tenant}"))


def signed_in(request: Request) -> portraitist.Studio:
    """The user's own studio, or 401. Whatever changes something must also carry the session's token, which no other site can know."""
    user = request.session.get("user")
    if user is None:
        raise HTTPException(401, "sign in first")
    sent = request.headers.get("X-CSRF-Token", "")
    if request.method != "GET" and not secrets.compare_digest(sent.encode(), request.session["csrf"].encode()):
        raise HTTPException(403, "reload the page")
    return studio_of(hashlib.sha256(user.encode()).hexdigest()[:32])


Mine = Annotated[portraitist.Studio, Depends(signed_in)]


@app.get("/", response_class=HTMLResponse)
def page(request: Request) -> str:
    name = "page.html" if "user" in request.session else "sign_in.html"
    text = (HERE / "static" / name).read_text()
    return text.replace("{csrf}", request.session.get("csrf", "")).replace("{terms}", TERMS)


@app.post("/sign-in")
def sign_in(request: Request, user: Annotated[str, Form(min_length=1, max_length=100)]) -> RedirectResponse:
    """A stub that believes everybody. Yours checks a password, or asks an identity provider."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise HTTPException(403, "another site sent this")
    request.session.clear()
    request.session.update(user=user, csrf=secrets.token_urlsafe(32))
    return RedirectResponse("/", 303)


@app.post("/sign-out", dependencies=[Depends(signed_in)])
def sign_out(request: Request) -> None:
    request.session.clear()


# -- their persona ---------------------------------------------------------------------------------------------------


@app.get("/api/me")
def me(studio: Mine) -> dict[str, Any]:
    """Where things stand: nothing yet, learning, failed, or ready."""
    latest = next((job for job in studio.jobs.list() if job.operation == "create"), None)
    last = next((e for e in reversed(told.values()) if latest and e.job_id == latest.id), None)
    answer: dict[str, Any] = {"state": "nothing", "told": last and f"{last.status} at {last.time:%H:%M:%S}"}
    try:
        person = studio.personas.get(ME)
        reach = {r.attribute: [r.low, r.high, r.unit] for r in person.record.reach}
        photos = [v.model_dump(include={"name", "accepted", "reason"}) for v in person.photos]
        return {**answer, "state": "ready", "reach": reach, "photos": photos}
    except NotFound:
        status = latest.status if latest else None
    if isinstance(status, portraitist.Queued | portraitist.Running):
        answer["state"] = "learning"
    elif isinstance(status, portraitist.Failed):
        answer |= {"state": "failed", "error": status.error.message}
    return answer


@app.post("/api/photos")
async def learn(request: Request, studio: Mine) -> dict[str, str]:
    """Photos as files, as addresses, or both."""
    if not 0 < int(request.headers.get("Content-Length") or 0) <= MAX_UPLOAD:
        raise HTTPException(413, f"at most {MAX_UPLOAD >> 20} MiB together")
    async with request.form(max_files=MAX_PHOTOS, max_fields=4, max_part_size=64 * 1024) as form:
        if form.get("agreed") != "yes":
            raise HTTPException(422, "your consent is needed")
        files = [f for f in form.getlist("photos") if isinstance(f, UploadFile) and f.filename]
        photos: list[Any] = [(f.filename or "", await f.read()) for f in files]
        # Link: what a user types is never taken for a path on this machine.
        photos += [Link(line.strip()) for line in str(form.get("addresses") or "").splitlines() if line.strip()]
    user = request.session["user"]
    consent = portraitist.Consent(subject=user, by=user, text=TERMS)
    create = functools.partial(studio.personas.create, ME, photos, preset=PRESET, consent=consent)
    return {"job": (await run_in_threadpool(create)).id}


@app.get("/api/progress")
def progress(studio: Mine) -> StreamingResponse:
    """Server-sent events until the persona is there."""

    def events() -> Iterator[str]:
        for job in studio.jobs.list():
            if job.operation == "create":
                for event in job.events():
                    told_now = (
                        event.progress.model_dump(include={"stage", "step", "steps", "eta"}) if event.progress else {}
                    )
                    yield f"data: {json.dumps({'kind': event.kind, **told_now})}\n\n"
                return

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


class Wish(BaseModel):
    values: dict[str, float] = Field(default={}, max_length=10)
    seed: int = Field(default=0, ge=0, lt=2**31)


@app.post("/api/portraits")
def portrait(wish: Wish, studio: Mine) -> dict[str, Any]:
    person = studio.personas.get(ME)
    values = {
        name: value for name, value in wish.values.items() if name in person.reach
    }  # not synthesize's other arguments
    picture = person.synthesize(seed=wish.seed, **values)
    image = "data:image/png;base64," + base64.b64encode(picture.read()).decode()
    achieved = {name: round(a.achieved, 2) for name, a in picture.report.attributes.items()}
    return {"image": image, "achieved": achieved, "clamped": picture.report.clamped}


@app.delete("/api/me")
def forget(studio: Mine) -> None:
    studio.personas.delete(ME)


# -- what the workers tell -------------------------------------------------------------------------------------------


@app.post("/webhooks/{tenant}")
async def webhook(tenant: str, request: Request) -> None:
    """No session here: the signature says who speaks."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 64 * 1024:
            raise HTTPException(413)
    event = webhooks.verify(body, request.headers, studio_of(tenant).webhooks.secret())
    told[event.id] = event  # the same one twice changes nothing
    while len(told) > 1000:
        told.popitem(last=False)


@app.exception_handler(PortraitistError)
def refused(request: Request, error: PortraitistError) -> JSONResponse:
    statuses = {NotFound: 404, Conflict: 409, QuotaExceeded: 429, QueueUnavailable: 503, InvalidRequest: 422}
    status = next((code for cls, code in statuses.items() if isinstance(error, cls)), 400)
    return JSONResponse({"detail": error.message, "code": error.code}, status)


@app.middleware("http")
async def harden(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(URL.rpartition(":")[2]) if URL.count(":") == 2 else 8000)
