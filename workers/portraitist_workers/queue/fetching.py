"""Photos by address become blobs before the operation runs: fetched once, by the worker, so that the app waits for nobody.

The ledger's request is amended, so a later attempt works with the same bytes and the addresses (which may hold keys) are gone. Where
photos are learnt from, one that cannot be had gets a verdict like any other unusable one; an edit or a restoration fails with the typed
error.
"""

from __future__ import annotations

import functools
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, Protocol

from pydantic import BaseModel

from portraitist.errors import DownloadFailed, UrlRefused
from portraitist.operations import operation
from portraitist.outbound.client import Outbound
from portraitist.photos import MAX_BYTES
from portraitist.requests import Photo
from portraitist.results import Progress

AT_ONCE = 4
ONE_S = 20.0  # seconds for one photo, redirects and all ...
ALL_S = 300.0  # ... and for all of a job: a worker is too dear to wait on slow servers
LISTEN_S = 0.5  # how often it looks whether the job was cancelled


class FetchContext(Protocol):
    def put(self, data: bytes) -> str: ...
    def on_step(self, progress: Progress) -> None: ...
    def amend(self, request: BaseModel) -> None: ...


def with_photos(request: Any, context: FetchContext, outbound: Outbound | None = None) -> Any:
    """`request`, with all its photos fetched. Raises UrlRefused and DownloadFailed, but not where photos get verdicts."""
    row = operation(request.operation)
    wanted = [photo for photo in row.photos_of(request) if photo.url]
    if not wanted:
        return request
    outbound, began = outbound or _outbound(), time.monotonic()

    def fetch(photo: Photo) -> None:
        if (left := ALL_S - (time.monotonic() - began)) <= 0:
            raise DownloadFailed(
                f"not fetched: the job's photos took more than {ALL_S:.0f} s; use fewer or a faster server"
            )
        photo.blob = context.put(outbound.get(photo.url, max_bytes=MAX_BYTES, timeout_s=min(ONE_S, left)))

    pool = ThreadPoolExecutor(AT_ONCE, "portraitist-fetch")
    try:
        jobs = {pool.submit(fetch, photo): photo for photo in wanted}
        waiting = set(jobs)
        while waiting:
            done, waiting = wait(waiting, LISTEN_S, FIRST_COMPLETED)
            context.on_step(Progress(stage="fetch", step=len(jobs) - len(waiting), steps=len(jobs)))
            for job in done:
                try:
                    job.result()
                except (UrlRefused, DownloadFailed) as error:
                    if not row.judges_photos:
                        raise
                    jobs[job].fault = error.message
                jobs[job].url = ""
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    context.amend(request)
    return request


@functools.cache
def _outbound() -> Outbound:
    return Outbound.from_environment()
