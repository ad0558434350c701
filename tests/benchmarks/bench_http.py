"""What the HTTP API costs: time to submit at 100 clients; memory of 1,000 followers and 200 sessions. Writes docs/benchmarks/http.md.

The server runs in a process of its own with a real SQLite ledger and store, and without a worker: only the API is measured. Live sessions
have a socket each, and wait for a worker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

from .report import table, write

CLIENTS, FOLLOWERS, SESSIONS = 100, 1000, 200
WANTED = {"submit": 30.0, "memory": 400.0}


class Client:
    """One connection that is kept: as small as can be, since it runs beside what it measures."""

    def __init__(self, address: str, key: str) -> None:
        self._host, _, port = address.removeprefix("http://").partition(":")
        self._port, self._key = int(port), key

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port)

    async def send(self, method: str, path: str, body: bytes = b"") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{head}{kind}\r\n".encode() + body)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        return int(head.split(b" ", 2)[1]), body


async def submits(address: str, key: str, each: int, pause_s: float) -> list[float]:
    """Milliseconds of every submission of CLIENTS clients, each of which waits about `pause_s` between two."""
    found: list[float] = []

    async def one(number: int) -> None:
        client, draw = Client(address, key), random.Random(number)
        await client.open()
        await asyncio.sleep(draw.random() * pause_s)
        for _ in range(each):
            began = time.perf_counter()
            await client.send("POST", "/v1/personas/ana/synthesize", b'{"values": {"yaw": 10}}')
            status, body = await client.answer()
            found.append(1000 * (time.perf_counter() - began))
            assert status == 202, body
            await asyncio.sleep(pause_s * (0.5 + draw.random()))
        client.writer.close()

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return found


async def follow(address: str, key: str, server: psutil.Process) -> dict[str, float]:
    """Memory, idle processor time, and how long a step takes to reach everybody."""

    async def listed() -> list[str]:
        client = Client(address, key)
        await client.open()
        ids, cursor = [], ""
        while len(ids) < FOLLOWERS:
            await client.send("GET", f"/v1/jobs?limit=200&status=queued{cursor}")
            _, body = await client.answer()
            page = json.loads(body)
            ids += [job["id"] for job in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        return ids[:FOLLOWERS]

    jobs = await listed()
    before = server.memory_info().rss / 1e6
    clients = []
    began = time.perf_counter()
    for job in jobs:
        client = Client(address, key)
        await client.open()
        await client.send("GET", f"/v1/jobs/{job}/events")
        clients.append(client)
    for client in clients:
        await client.reader.readuntil(b"event: queued")
    opened = time.perf_counter() - began
    await asyncio.sleep(2)
    used = sum(server.cpu_times()[:2])
    await asyncio.sleep(10)
    idle = (sum(server.cpu_times()[:2]) - used) / 10
    memory, threads = server.memory_info().rss / 1e6, server.num_threads()
    async with AsyncExitStack() as stack:
        await hold(address, key, stack)
        held, held_threads = server.memory_info().rss / 1e6, server.num_threads()
    canceller = Client(address, key)
    await canceller.open()
    delays = []
    for job, client in list(zip(jobs, clients, strict=True))[::20]:
        began = time.perf_counter()
        await canceller.send("POST", f"/v1/jobs/{job}/cancel")
        await client.reader.readuntil(b"event: cancelled")
        delays.append(1000 * (time.perf_counter() - began))
        await canceller.answer()
    for client in clients:
        client.writer.close()
    return {
        "followers": len(jobs), "before": before, "memory": memory, "threads": threads, "opened": opened, "idle": idle,
        "p50": quantile(delays, 0.5), "p95": quantile(delays, 0.95), "held": held, "held_threads": held_threads,
    }  # fmt: skip


async def hold(address: str, key: str, stack: AsyncExitStack) -> None:
    """SESSIONS live sessions, each with a socket of its own that was told their state."""
    client = Client(address, key)
    await client.open()
    for number in range(SESSIONS):
        await client.send("POST", "/v1/personas/ana/open", json.dumps({"seed": number}).encode())
        status, body = await client.answer()
        assert status == 202, body
        line = f"{address.replace('http', 'ws', 1)}/v1/jobs/{json.loads(body)['id']}/live"
        socket = await stack.enter_async_context(connect(line, additional_headers={"Authorization": f"Bearer {key}"}))
        await socket.send('{"do": "hello"}')
        assert json.loads(await socket.recv())["is"] == "state"
    client.writer.close()


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def both(times: list[float]) -> str:
    return f"{quantile(times, 0.5):.1f} ms, {quantile(times, 0.95):.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.http_server", str(Path(folder) / "home")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdin is not None
        address, key = process.stdout.readline().split()
        server = psutil.Process(process.pid)
        try:
            asyncio.run(submits(address, key, 1, 0.5))  # everything is loaded
            used = sum(server.cpu_times()[:2])
            calm = asyncio.run(submits(address, key, 3 if args.quick else 15, 4.0))
            cost = 1000 * (sum(server.cpu_times()[:2]) - used) / len(calm)
            rush = asyncio.run(submits(address, key, 5 if args.quick else 10, 0.0))
            told = asyncio.run(follow(address, key, server))
        finally:
            process.stdin.close()
            process.wait(timeout=30)
    rows = [
        ("submit, 100 clients, about 25 a second: median, p95", both(calm), f"p95 {WANTED['submit']:g} ms"),
        ("the server's processor time for one", f"{cost:.1f} ms", ""),
        ("submit, 100 clients without a pause: median, p95", both(rush), ""),
        ("... submissions a second", f"{1000 * CLIENTS * len(rush) / sum(rush):.0f}", ""),
        (
            f"memory with {told['followers']:.0f} followers (without)",
            f"{told['memory']:.0f} MB ({told['before']:.0f} MB)",
            f"{WANTED['memory']:g} MB",
        ),
        ("threads", f"{told['threads']:.0f}", ""),
        (f"memory with {SESSIONS} live sessions beside them", f"{told['held']:.0f} MB", f"{WANTED['memory']:g} MB"),
        ("threads", f"{told['held_threads']:.0f}", ""),
        ("to let all followers in", f"{told['opened']:.1f} s", ""),
        ("processor while nothing happens to their jobs", f"{100 * told['idle']:.0f} % of a core", ""),
        ("a job's end until its follower has it: median, p95", f"{told['p50']:.0f} ms, {told['p95']:.0f} ms", ""),
    ]
    write("http", "The HTTP API", [(__doc__ or "").partition("\n\n")[2].strip(), table(("", "seen", "wanted"), rows)])


if __name__ == "__main__":
    main()
