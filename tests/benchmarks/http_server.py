"""The server that `bench_http` measures, in a process of its own: real SQLite ledger and store in a folder, and nobody who works.

python -m tests.benchmarks.http_server DIR   prints its address and an API key, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path

from portraitist.backend import Backend, embedded
from portraitist.http.access.secret import create_key
from portraitist.http.options import Options
from portraitist.http.server import Running
from portraitist.studio import Studio
from portraitist.testing import _execute, plain_pictures
from portraitist.transport import InlineTransport


def main() -> None:
    backend = replace(embedded(Path(sys.argv[1])), transport=InlineTransport(lambda job_id: None))
    learn(backend)
    _, key = create_key(backend, "default", "benchmark", "admin", rate=1e8)
    running = Running(backend, Options(port=0), say=lambda _: None)
    print(running.address, key, flush=True)

    def until_closed() -> None:
        sys.stdin.read()
        running.stop()

    threading.Thread(target=until_closed, daemon=True).start()
    asyncio.run(running.serve())


def learn(backend: Backend) -> None:
    """One person, by fake work."""

    def work(job_id: str) -> None:
        row = backend.ledger.claim(job_id, worker="inline", lease_s=3600.0)
        assert row is not None
        _execute(backend, row, plain_pictures)

    Studio(replace(backend, transport=InlineTransport(work)).of("default")).personas.create(
        "ana", [b"1", b"2", b"3"], wait=True
    )


if __name__ == "__main__":
    main()
