"""``alloresto bench tracing``: what traces and error reports cost a call handler, beside one that has none.

Everything is measured in pairs, one handler with and one without, so that what else runs on the machine is the same for
both: their starts one right after the other, in turn first and second; their calls at the same time, with the same
caller's audio and an engine that answers at once. The collector takes what it is sent, as a program of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import handler_start
from bench.call import echo_engine
from bench.handler_start import Start
from bench.report import Figure
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port, is_ready
from devstack.stack.engines import EngineEndpoint
from devstack.stack.stack import compile_packages
from edge_bridge.calls.lane import Attempt, LaneClient
from edge_bridge.media.audio import FRAME_BYTES, SILENCE, CallAudio
from edge_bridge.media.server import MediaServer
from edge_bridge.media.stream import MediaStream
from eventing.catalogue import CallIncoming
from eventing.cloudevents import Event
from process.telemetry import spans
from protocols.media import TransferBody
from seeds.loader import seed
from stores.ciphers import SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres

CONDITIONS: dict[str, str] = {}  # no more than every bench's
PAIRS = 15
ROUND_S = 20.0
SETTLE_S = 2.0
TURN_S = 4.0
SPEECH_S = 1.0
FRAME_S = 0.020
READY_S = 20.0
POLL_S = 0.01
SPEECH = bytes([0x98] * 20 + [0x18] * 20) * (FRAME_BYTES // 40)  # a 200 Hz square wave at -14 dBFS
MASTER_KEY = base64.b64encode(bytes(32)).decode()
Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class Handler:
    process: subprocess.Popen[bytes]
    url: str

    def used_ns(self) -> int:
        return handler_start.used_ns(self.process.pid)


class Owner:
    """A call whose handler may say what it likes."""

    def accepted(self, worker: str) -> None: ...

    def connected(self) -> None: ...

    def model_answered(self, seconds: float) -> None: ...

    def stream_joined(self) -> None: ...

    def transfer_wanted(self, wish: TransferBody) -> None: ...

    def whispered(self, ulaw: bytes) -> None: ...

    def hold_wanted(self, on: bool) -> None: ...

    def prompt_wanted(self, name: str) -> None: ...

    def hangup_wanted(self, reason: str) -> None: ...


class Bridge:
    """The edge's two ends of a call: POSTs it, and is dialled back for its audio."""

    def __init__(self, restaurant_id: str) -> None:
        self._restaurant_id = restaurant_id
        self.media = MediaServer("127.0.0.1")

    async def call(self, handler: Handler, caller_gone: asyncio.Event, joined: asyncio.Event) -> None:
        """Until ``caller_gone``; ``joined`` is set once the handler can hear."""
        call_id, audio, owner = str(uuid.uuid4()), CallAudio(), Owner()
        owner.connected = joined.set  # type: ignore[method-assign]
        stream = MediaStream(call_id, audio, owner)
        url, token = self.media.open_door(call_id, 1, stream)
        client = LaneClient(handler.url, {})
        await client.open()
        talking = asyncio.create_task(_talk(audio, joined))
        try:
            event = self._incoming(call_id, url, token)
            attempt = Attempt(client, event, stream, owner, time.monotonic() + READY_S)
            await attempt.run(caller_gone, asyncio.Event(), lambda: "caller_hung_up")
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await client.close()

    def _incoming(self, call_id: str, url: str, token: str) -> Event:
        payload = CallIncoming(
            call_id=call_id,
            restaurant_id=self._restaurant_id,
            phone_line_id=str(uuid.uuid4()),
            bridge_node_id="bench",
            attempt=1,
            caller="",
            called="+33100000001",
            codec="PCMU",
            audio_stream_url=url,
            audio_stream_token=token,
            greeting="Hello.",
            received_at=datetime.now(UTC),
        )
        # A sampled trace: the handler that has traces records all of it.
        traceparent = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
        return Event.of(payload, source="/edge/bench", subject=call_id, extensions={spans.TRACEPARENT: traceparent})


async def _talk(audio: CallAudio, joined: asyncio.Event) -> None:
    """Speaks for SPEECH_S at the beginning of every TURN_S, and hears in real time."""
    await joined.wait()
    began = time.monotonic()
    for tick in itertools.count():
        await asyncio.sleep(max(began + tick * FRAME_S - time.monotonic(), 0.0))
        audio.heard(SPEECH if tick * FRAME_S % TURN_S < SPEECH_S else SILENCE)
        audio.next_frame()


@contextlib.contextmanager
def handler_process(settings: Settings) -> Iterator[Handler]:
    port = free_port()
    environment = settings | {"PORT": str(port), "HOST": "127.0.0.1", "HOSTNAME": "bench"}
    with _ready(port, "functions", "call_handler", environment=environment) as process:
        yield Handler(process, f"http://127.0.0.1:{port}/")


@contextlib.contextmanager
def collector() -> Iterator[Settings]:
    """The settings that turn everything on, and what takes it."""
    port = free_port()
    with _ready(port, "bench.trace_sink", str(port)):
        base = f"http://127.0.0.1:{port}"
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "SENTRY_DSN": f"http://bench@127.0.0.1:{port}/1"}


@contextlib.contextmanager
def _ready(
    port: int, module: str, argument: str, *, environment: Settings | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, argument],
        env=os.environ | (environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        by = time.monotonic() + READY_S
        while not is_ready(port):
            if time.monotonic() > by or process.poll() is not None:
                raise RuntimeError(f"not ready within {READY_S:g} s; run: python -m {module} {argument}")
            time.sleep(POLL_S)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def starts(pairs: int, traced: Settings) -> list[Figure]:
    """The first pair, which warms the disk, is dropped. Beside a load, only processor time says something."""
    without: list[Start] = []
    with_traces: list[Start] = []
    for pair in range(pairs + 1):
        both: list[tuple[list[Start], Settings]] = [(without, {}), (with_traces, traced)]
        for samples, settings in both if pair % 2 else reversed(both):
            samples.append(handler_start.start_to_ready(settings))
    plain, telling = without[1:], with_traces[1:]
    more_ms = [one.took_ms - other.took_ms for one, other in zip(telling, plain, strict=True)]
    more_used_ms = [one.used_ms - other.used_ms for one, other in zip(telling, plain, strict=True)]
    more_mib = [one.resident_mib - other.resident_mib for one, other in zip(telling, plain, strict=True)]
    return [
        Figure("handler start → ready without, median", statistics.median(one.took_ms for one in plain), "ms"),
        Figure("handler start → ready with them, median", statistics.median(one.took_ms for one in telling), "ms"),
        Figure("what they add to a start, median of pairs", statistics.median(more_ms), "ms"),
        Figure("processor time of a start without, median", statistics.median(one.used_ms for one in plain), "ms"),
        Figure("what they add to it, median of pairs", statistics.median(more_used_ms), "ms", "≤ 10"),
        Figure("what they add to its memory then, median of pairs", statistics.median(more_mib), "MiB"),
    ]


async def calls(rounds: int, restaurant_id: str, shared: Settings, traced: Settings) -> list[Figure]:
    """Two handlers, a call each at a time, ``rounds`` of them; processor time between joined and hung up."""
    bridge = Bridge(restaurant_id)
    await bridge.media.start("127.0.0.1", 0)
    shares: dict[str, list[float]] = {"without": [], "with": []}
    try:
        with handler_process(shared) as plain, handler_process(shared | traced) as telling:
            for _ in range(rounds + 1):
                used = await _round(bridge, {"without": plain, "with": telling})
                for name, share in used.items():
                    shares[name].append(share)
            resident = [_resident_mib(one) for one in (plain, telling)]
    finally:
        bridge.media.stop()
    more = [one - other for one, other in zip(shares["with"][1:], shares["without"][1:], strict=True)]
    return [
        Figure("handler in a call without, median", statistics.median(shares["without"][1:]), "% of a core"),
        Figure("handler in a call with them, median", statistics.median(shares["with"][1:]), "% of a core"),
        Figure("what they add in a call, median of pairs", statistics.median(more), "% of a core", "≤ 0.1"),
        Figure("what they add to its memory after the calls", resident[1] - resident[0], "MiB"),
    ]


async def _round(bridge: Bridge, handlers: dict[str, Handler]) -> dict[str, float]:
    gone = asyncio.Event()
    joined = [asyncio.Event() for _ in handlers]
    running = [
        asyncio.create_task(bridge.call(handler, gone, event))
        for handler, event in zip(handlers.values(), joined, strict=True)
    ]
    try:
        async with asyncio.timeout(READY_S):
            for event in joined:
                await event.wait()
        await asyncio.sleep(SETTLE_S)
        began, before = time.monotonic(), {name: handler.used_ns() for name, handler in handlers.items()}
        await asyncio.sleep(ROUND_S)
        took_ns = (time.monotonic() - began) * 1e9
        used = {name: handler.used_ns() - before[name] for name, handler in handlers.items()}
    finally:
        gone.set()
        await asyncio.gather(*running)
    return {name: ns / took_ns * 100 for name, ns in used.items()}


def _resident_mib(handler: Handler) -> float:
    pages = int(Path(f"/proc/{handler.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextlib.asynccontextmanager
async def stores(folder: Path, engine: EngineEndpoint) -> AsyncIterator[tuple[str, Settings]]:
    """A restaurant's id, and the settings of a handler that serves it."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    postgres.start()
    valkey.start()
    platform = Postgres(postgres.url("alloresto_platform"))
    try:
        await migrate(
            postgres.url(),
            app_password=postgres.password("alloresto_app"),
            platform_password=postgres.password("alloresto_platform"),
        )
        await platform.open()
        seeded = await seed(platform, always_open=True, cipher=SipPasswordCipher(MASTER_KEY))
        settings = {
            "DATABASE_URL": postgres.url("alloresto_app"),
            "REDIS_URL": valkey.url(),
            "MASTER_KEY": MASTER_KEY,
            "OPENAI_BASE_URL": engine.base_url,
            "OPENAI_API_KEY": engine.api_key,
        }
        yield seeded.restaurants[0].id, settings
    finally:
        await platform.close()
        valkey.stop()
        postgres.stop()


async def run(runs: int) -> list[Figure]:
    """Starts in PAIRS pairs; ``runs`` rounds of calls, of which the first is dropped."""
    compile_packages()
    with tempfile.TemporaryDirectory(prefix="alloresto-bench-") as name, collector() as traced:
        folder = Path(name)
        figures = await asyncio.to_thread(starts, PAIRS, traced)
        with echo_engine(folder / "stamps") as engine:
            async with stores(folder, engine) as (restaurant_id, shared):
                return figures + await calls(runs, restaurant_id, shared, traced)
