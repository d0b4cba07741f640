"""Makes typed calls: a call handler process of its own, and the line that its calls come over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from devstack.servers.ports import free_port, is_ready
from devstack.stack.engines import EngineEndpoint
from domain.greetings import greeting_text
from domain.restaurant import Restaurant
from evaluation.caller import HangUp, Listen, Move, Press, Say, ScriptedCaller
from evaluation.record import SAYS_NOTHING, Record
from evaluation.text.typed_line import TypedLine
from eventing.catalogue import CallIncoming
from eventing.cloudevents import Event, to_binary
from protocols import call_lane
from protocols.media import CustomParameters

START_WITHIN_S = 30.0
JOIN_WITHIN_S = 15.0
END_WITHIN_S = 15.0
HANGS_UP_FIRST_S = 0.5  # how long a caller who is done lets the other side end the call
CALLER = "+33612345678"
NODE = "evaluation"
# A caller who says nothing is asked after so long; nobody speaks here, so that it need not be the usual time.
IDLE_S = "1.5"


@dataclass(frozen=True, slots=True)
class Backends:
    """What a call handler is told of where its servers are."""

    database_url: str
    redis_url: str
    master_key: str


class TypedCalls:
    """One handler process, so one call at a time. Use as ``async with typed_calls(…) as calls``."""

    def __init__(
        self, engine: EngineEndpoint, http: aiohttp.ClientSession, port: int, handler_url: str, guided: bool
    ) -> None:
        self._engine = engine
        self._guided = guided
        self._http = http
        self._port = port
        self._handler_url = handler_url
        self._line: TypedLine | None = None

    async def ring(self, restaurant: Restaurant, caller: ScriptedCaller, *, withheld: bool) -> tuple[str, Record]:
        """One whole call, from the event to the lane's last line; its id, and what happened."""
        call_id, record = str(uuid.uuid4()), Record()
        greeting = greeting_text(restaurant)
        parameters = CustomParameters(attempt=1, restaurant_id=restaurant.id, greeting_text=greeting)
        line = self._line = TypedLine(call_id, parameters, self._engine, record, self._guided)
        record.note("assistant", greeting)
        headers, body = to_binary(
            Event.of(self._incoming(call_id, restaurant.id, greeting, withheld), source=f"/{NODE}")
        )
        try:
            async with self._http.post(f"{self._handler_url}/", data=body, headers=headers) as lane:
                if lane.status != 200:
                    record.failure = f"the handler answered {lane.status}: {await lane.text()}"
                    return call_id, record
                await line.joined(JOIN_WITHIN_S)
                await _converse(line, caller, greeting)
                record.seconds = time.monotonic() - record.began
                await asyncio.wait_for(_last_line(lane, record), END_WITHIN_S)
        except (TimeoutError, aiohttp.ClientError) as error:
            record.failure = record.failure or f"the call broke: {type(error).__name__}"
        record.trouble, record.gave_up = caller.trouble, caller.gave_up
        return call_id, record

    def _incoming(self, call_id: str, restaurant_id: str, greeting: str, withheld: bool) -> CallIncoming:
        return CallIncoming(
            restaurant_id=restaurant_id,
            call_id=call_id,
            phone_line_id=str(uuid.uuid4()),
            bridge_node_id=NODE,
            attempt=1,
            caller="" if withheld else CALLER,
            called="+33465710042",
            codec="PCMU",
            audio_stream_url=f"ws://127.0.0.1:{self._port}/media/{call_id}/1",
            audio_stream_token="once",
            greeting=greeting,
            received_at=datetime.now(UTC),
        )

    async def media(self, request: web.Request) -> web.StreamResponse:
        line = self._line
        return web.Response(status=403) if line is None else await line.media(request)

    async def realtime(self, request: web.Request) -> web.StreamResponse:
        line = self._line
        return web.Response(status=503) if line is None else await line.realtime(request, self._http)


async def _last_line(lane: aiohttp.ClientResponse, record: Record) -> None:
    async for raw in lane.content:
        line = call_lane.decode(raw)
        if isinstance(line, call_lane.EndedLine):
            record.note("call", f"ended: {line.outcome}", detail=line.reason)
            if line.outcome == "failed":
                record.failure = line.reason or "the call failed"
            return
    record.failure = "the handler lost the call"


async def _converse(line: TypedLine, caller: ScriptedCaller, greeting: str) -> None:
    move: Move = caller.opening()
    while not line.ended.is_set():
        match move:
            case HangUp():
                if move.patient:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(line.ended.wait(), HANGS_UP_FIRST_S)
                break
            case Press():
                await line.press(move.keys)
            case Listen():
                line.listen()
            case Say():
                await _say(line, caller, move)
        heard = await line.answer()
        if not heard:
            if not line.ended.is_set():
                caller.gave_up = SAYS_NOTHING
            break
        move = caller.reply(heard)
    await line.hang_up()


async def _say(line: TypedLine, caller: ScriptedCaller, said: Say) -> None:
    """With all the sentences that are said into the answer to the one before."""
    interrupting = caller.interrupting()
    await line.say(said.text, until_interrupted=interrupting is not None)
    if interrupting is not None:
        await line.hears_something()
        await _say(line, caller, interrupting)


@contextlib.asynccontextmanager
async def typed_calls(
    engine: EngineEndpoint, backends: Backends, log: Path, guided: bool = True
) -> AsyncIterator[TypedCalls]:
    """A handler that is ready to be rung. Raises RuntimeError when it does not come up; its log says why.

    Without ``guided`` the engine gets its tool results without the domain's guidance.
    """
    port, handler_port = free_port(), free_port()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)) as http:
        calls = TypedCalls(engine, http, port, f"http://127.0.0.1:{handler_port}", guided)
        async with _serving(calls, port), _handler(backends, port, handler_port, log) as process:
            await _until_ready(handler_port, process, log)
            yield calls


@contextlib.asynccontextmanager
async def _serving(calls: TypedCalls, port: int) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get("/v1/realtime", calls.realtime)
    app.router.add_get("/media/{call}/{attempt}", calls.media)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _handler(
    backends: Backends, engine_port: int, port: int, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        "DATABASE_URL": backends.database_url,
        "REDIS_URL": backends.redis_url,
        "MASTER_KEY": backends.master_key,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{engine_port}/v1",
        "OPENAI_API_KEY": TypedLine.__name__,
        "IDLE_ASK_S": IDLE_S,
        "IDLE_END_S": IDLE_S,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "HOSTNAME": NODE,
    }
    with log.open("ab") as file:
        arguments = (sys.executable, "-m", "functions", "call_handler")
        process = await asyncio.create_subprocess_exec(
            *arguments, env=os.environ | environment, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_ready(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_WITHIN_S):
            while process.returncode is None:
                if await asyncio.to_thread(is_ready, port):
                    return
                await asyncio.sleep(0.02)
    raise RuntimeError(f"the call handler did not come up; its log is {log}")
