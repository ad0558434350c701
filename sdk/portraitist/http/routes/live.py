"""Live sessions over WebSocket: docs/http.md lists every message. A socket costs no thread: one task reads, one writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from ...errors import InvalidRequest, PortraitistError
from ...ledger import JobRow
from ...live.history import Step, shown, steps_of
from ...live.messages import Frame, Json
from ...live.photo import saved
from ...live.session import LiveSession
from ..access.door import Caller, Door
from ..context import Api
from ..problems import Problem, Refusal, of_error, problem

router = APIRouter()
HELLO_S = 10.0  # for the first message
ASK_S = 15.0  # so often a key is asked for again: it may have been revoked
_INNER = ("seen", "kept", "token", "to")


@router.websocket("/v1/jobs/{job_id}/live")
async def live(socket: WebSocket, job_id: str) -> None:
    api: Api = socket.app.state.api
    door: Door = socket.app.state.door
    await socket.accept()
    api.sessions.add(socket)
    session: LiveSession | None = None
    try:
        secret = await _secret(socket)
        caller = await door.caller(secret, "make")
        session = LiveSession(caller.backend, job_id, call=api.threads.call)
        await session.start()
        await _first_done(_obey(socket, api, caller, session), _show(socket, session), _ask_again(door, secret))
        code = 1000
    except Refusal as refusal:
        code = await _ended(socket, problem(refusal.status, refusal.code, refusal.message))
    except PortraitistError as error:
        code = await _ended(socket, of_error(error, private=api.options.loopback))
    except (WebSocketDisconnect, RuntimeError):  # it hung up, perhaps while something was sent to it
        code = 0
    finally:
        api.sessions.discard(socket)
        if session is not None:
            await session.leave()
    if code:
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)


async def _secret(socket: WebSocket) -> str | None:
    """The key, from the header or else the first message."""
    scheme, _, secret = socket.headers.get("authorization", "").partition(" ")
    given = secret.strip() if scheme.lower() == "bearer" else None
    try:
        first = _read(await asyncio.wait_for(_text(socket), HELLO_S))
    except (TimeoutError, InvalidRequest):
        first = {}
    if first.get("do") != "hello":
        raise Refusal(401, "key_missing", 'say {"do": "hello", "key": "…"} first')
    key = first.get("key")
    return given or (key if isinstance(key, str) else None)


async def _obey(socket: WebSocket, api: Api, caller: Caller, session: LiveSession) -> None:
    while True:
        data: Json = {}
        try:
            data = _read(await _text(socket))
            if data.get("do") == "save":
                job_id = await _save(api, caller, session)
                await socket.send_json({"is": "saving", "job": job_id, "tag": data.get("tag")})
            elif data.get("do") != "hello":
                await session.send(data)
        except PortraitistError as error:
            told = of_error(error, private=api.options.loopback)
            refused = {"code": told.code, "message": told.detail, "param": told.param}
            await socket.send_json({"is": "refused", "tag": data.get("tag"), "do": data.get("do"), "error": refused})


async def _show(socket: WebSocket, session: LiveSession) -> None:
    while True:
        try:
            message = await session.receive()
        except EOFError:
            return
        if isinstance(message, Frame):
            await socket.send_bytes(Frame(_outer(message.head), message.picture).packed())
        elif message["is"] == "state" and "steps" in message:
            await socket.send_json(shown(message))
        else:
            await socket.send_json(_outer(message))


async def _ask_again(door: Door, secret: str | None) -> None:
    while True:
        await asyncio.sleep(ASK_S)
        await door.caller(secret, "make")


async def _save(api: Api, caller: Caller, session: LiveSession) -> str:
    await session.heard()
    steps = steps_of(session.state)

    def submit(steps: list[Step]) -> JobRow:
        return saved(caller.backend, caller.backend.ledger.job(session.job_id), steps)

    row: JobRow = await api.slow.call(submit, steps)
    return row.id


async def _first_done(*ways: Any) -> None:
    """Until one of them is over; raises what it raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _text(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1006)
    text = message.get("text")
    if not isinstance(text, str):
        raise InvalidRequest("commands are text; binary messages go the other way only", param="do")
    return text


def _read(text: str) -> Json:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("a command is JSON", param="do") from None
    if not isinstance(data, dict):
        raise InvalidRequest('a command is an object, such as {"do": "undo"}', param="do")
    return data


async def _ended(socket: WebSocket, told: Problem) -> int:
    error = {"code": told.code, "message": told.detail, "param": told.param}
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"is": "ended", "why": "failed", "error": error})
    return 4000 + told.status


def _outer(message: Mapping[str, Any]) -> Json:
    return {name: value for name, value in message.items() if name not in _INNER}
