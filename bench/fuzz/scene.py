"""A bridge that is rung for real while it is attacked: two callers talk all the time, and a handler listens to each.

Everything is on loopback: the callers and the peer are addresses that the bridge knows, strangers are the others.
"""

from __future__ import annotations

import asyncio
import audioop
import contextlib
import math
import queue
import random
import socket
import struct
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from devstack.edge.bridge_process import BridgeProcess
from devstack.edge.handler_app import HandledCall, HandlerApp
from devstack.edge.raw_sip import RawSip
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port
from domain.restaurant import Restaurant
from protocols import call_lane
from softphone.caller import Caller
from stores import lines, restaurants
from stores.ciphers import SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres

LOOPBACK = "127.0.0.1"
CALLERS_HOST = "127.0.0.1"
PEER_HOST = "127.0.0.2"
NUMBER, ASTERISKS = "+33100000001", "+33100000002"
CALLERS_NUMBER = "+33612345678"  # what the softphone and the raw phone say of themselves
KEPT_CALLS = 2
WARM = 1000
PLACES = 4
MASTER_KEY = "A" * 43 + "="
DOOR_OPEN_S = 1.0
SAY_MS = 500
GAP_S = 0.2
LOOK_EVERY_S = 0.02


def stranger(chance: random.Random) -> str:
    """An address that the bridge does not know."""
    return f"127.{chance.randint(1, 250)}.{chance.randint(1, 250)}.{chance.randint(1, 250)}"


def loopback_only(host: str) -> str:
    """``host``; raises ValueError for any address that leads off this machine."""
    if not host.startswith("127."):
        raise ValueError(f"{host} is not on loopback: nothing else is attacked")
    return host


def udp(host: str) -> socket.socket:
    """A socket of that address of loopback."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((loopback_only(host), 0))
    bound.setblocking(False)
    return bound


@dataclass
class Budget:
    """What one target may send: so many packets, so long, and no more than ``per_s`` a second."""

    seconds: float
    packets: int
    per_s: float = 2000.0
    warm: Callable[[], None] = lambda: None  # called once, after the first WARM packets
    sent: int = 0
    _began: float = field(default_factory=time.monotonic)

    def spend(self) -> bool:
        """Whether another one may be sent; waits where it would be too soon."""
        now = time.monotonic()
        if self.sent >= self.packets or now - self._began > self.seconds:
            return False
        ahead = self.sent / self.per_s - (now - self._began)
        if ahead > 0:
            time.sleep(ahead)
        self.sent += 1
        if self.sent == WARM:
            self.warm()
        return True


class Door:
    """A media socket that its handler has left to the attack: its call's URL and one-time token."""

    def __init__(self, call: HandledCall) -> None:
        self.path = "/" + call.event.audio_stream_url.partition("//")[2].partition("/")[2]
        self.token = call.event.audio_stream_token


@dataclass
class Scene:
    """What the targets need. ``doors`` fills with what the handlers of further calls are let in by."""

    bridge: BridgeProcess
    handler: HandlerApp
    asterisk_uuid: str
    audiosocket_port: int
    doors: queue.SimpleQueue[Door] = field(default_factory=queue.SimpleQueue)
    leaves_doors: bool = False  # the further calls' handlers: to whom wants to try them
    media: list[tuple[str, int]] = field(default_factory=list)  # where the kept calls' audio goes
    bytes_of_strangers: int = 0
    bytes_to_strangers: int = 0
    worst_amplification: float = 0.0  # of one stranger: bytes that it got for each that it sent

    def phone(self, host: str = PEER_HOST) -> RawSip:
        loopback_only(self.bridge.target[0])
        return RawSip(self.bridge.target, loopback_only(host))

    async def behave(self, call: HandledCall) -> None:
        if not self.leaves_doors:
            await call.join()
            while not call.stopped.done():
                await asyncio.wait([call.stopped], timeout=call_lane.ALIVE_EVERY_S)
                await call.line(call_lane.AliveLine())
            await call.end("answered")
            return
        await call.accept()
        self.doors.put(Door(call))
        await asyncio.sleep(DOOR_OPEN_S)


@contextlib.asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[Scene]:
    """A bridge with a database, a store and a handler of its own."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    postgres.start()  # in the main thread, with which the two end
    try:
        valkey.start()
        try:
            async with _with(folder, postgres, valkey.url()) as scene:
                yield scene
        finally:
            valkey.stop()
    finally:
        postgres.stop()


@contextlib.asynccontextmanager
async def _with(folder: Path, postgres: EmbeddedPostgres, redis_url: str) -> AsyncIterator[Scene]:
    app, platform = "alloresto_app", "alloresto_platform"
    await migrate(postgres.url(), app_password=postgres.password(app), platform_password=postgres.password(platform))
    asterisk_uuid = await seed(postgres.url(platform))
    sink, audiosocket_port = free_port(), free_port()
    bridge = BridgeProcess(
        folder,
        postgres.url(platform),
        redis_url,
        MASTER_KEY,
        sink,
        SIP_PEERS=f"{CALLERS_HOST}/32,{PEER_HOST}/32",
        # Far above what is sent: what is judged here has to get past the limits.
        SIP_REQUESTS_PER_S="100000",
        SIP_IN_DIALOG_PER_S="100000",
        AUDIOSOCKET_BIND_ADDRESS=LOOPBACK,
        AUDIOSOCKET_PORT=str(audiosocket_port),
        AUDIOSOCKET_PEERS=f"{CALLERS_HOST}/32",
    )
    async with HandlerApp(sink) as handler:
        await asyncio.to_thread(bridge.start)
        try:
            scene = Scene(bridge, handler, asterisk_uuid, audiosocket_port)
            handler.behave = scene.behave
            yield scene
        finally:
            await asyncio.to_thread(bridge.stop)


async def seed(platform_url: str) -> str:
    """Two lines of a restaurant; gives the UUID of Asterisk's."""
    platform = Postgres(platform_url)
    await platform.open()
    try:
        async with platform.platform() as connection:
            owner = Restaurant(
                id=str(uuid.uuid4()), name="Fuzz", language="en", currency="EUR", zone="Europe/Paris", pickup=True
            )
            await restaurants.create(connection, owner)
            cipher = SipPasswordCipher(MASTER_KEY)
            await lines.create(connection, restaurant_id=owner.id, number=NUMBER, cipher=cipher)
            asterisks = await lines.create(
                connection, restaurant_id=owner.id, number=ASTERISKS, cipher=cipher, provider="audiosocket"
            )
            return asterisks.audiosocket_uuid
    finally:
        await platform.close()


def tone(ms: int, hertz: int = 440) -> bytes:
    """A loud µ-law tone."""
    samples = (int(9000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(ms * 8))
    return audioop.lin2ulaw(b"".join(struct.pack("<h", sample) for sample in samples), 2)


class KeptCalls:
    """The callers that talk all the time, and how well they and their handlers hear."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._stack = contextlib.AsyncExitStack()
        self._callers: list[Caller] = []
        self._watching: asyncio.Task[None] | None = None
        self._ears: list[tuple[int, float]] = []  # how much each has heard, and since when no more
        self.gaps: list[float] = []  # longer than GAP_S, in seconds, in either direction
        self.late_looks: list[float] = []  # how long this process itself was kept from looking

    async def __aenter__(self) -> KeptCalls:
        for number in range(1, KEPT_CALLS + 1):
            caller = await self._stack.enter_async_context(Caller(self._scene.bridge.target, NUMBER))
            result = await caller.invite()
            if result.status != 200:
                raise RuntimeError(f"a call was not taken: {result.status}")
            self._callers.append(caller)
            assert caller.rtp.remote is not None
            self._scene.media.append(caller.rtp.remote)
            call = await self._scene.handler.call(number)
            async with asyncio.timeout(10):
                while not call.heard:
                    await asyncio.sleep(LOOK_EVERY_S)
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._stack.aclose()

    def end_watch(self) -> None:
        """What is not heard by now counts as a gap."""
        now = time.monotonic()
        self.gaps += [now - since for _, since in self._ears if now - since > GAP_S]

    @property
    def hung_up(self) -> int:
        return sum(caller.hung_up.is_set() for caller in self._callers)

    @property
    def silent_share(self) -> float:
        """Of what the handlers heard of the callers, who never pause, how much was silence, in percent."""
        calls = self._scene.handler.calls[:KEPT_CALLS]
        frames = [call.heard[at : at + 160] for call in calls for at in range(8000, len(call.heard) - 8000, 160)]
        silent = sum(audioop.rms(audioop.ulaw2lin(bytes(frame), 2), 2) < 500 for frame in frames)
        return 100 * silent / max(len(frames), 1)

    async def _watch(self) -> None:
        """Both ways: packets at the callers, audio at the handlers."""
        pairs = list(zip(self._callers, self._scene.handler.calls, strict=False))
        ears = self._ears = [(0, time.monotonic())] * (2 * len(pairs))
        speech = tone(SAY_MS)
        said_until, looked = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            late, looked = now - looked - LOOK_EVERY_S, now
            if late > GAP_S / 2:
                self.late_looks.append(late)
            if said_until < now + 0.3:
                said_until = max(said_until, now) + SAY_MS / 1000
                for caller in self._callers:
                    caller.say(speech)
            heard = [len(caller.rtp.received) for caller, _ in pairs] + [len(call.heard) for _, call in pairs]
            for ear, amount in enumerate(heard):
                before, since = ears[ear]
                if amount == before:
                    continue
                if now - since - max(late, 0.0) > GAP_S:
                    self.gaps.append(now - since)
                ears[ear] = (amount, now)
