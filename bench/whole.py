"""The whole stack for ``bench around``, in this process, so that its stand-ins can be looked at; and callers.

Admin, Postgres, relay, functions, bridge and call handlers are processes, as ever. The callers are those
of ``bench.chaos``: they order in tones, hear the order read back, say yes, and hear that it is confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.tones import VOICES, Voice
from devstack.stack.engines import EngineEndpoint
from devstack.stack.running import DialableLine
from devstack.stack.stack import Stack, StackOptions
from devstack.stand_ins import connecting
from stores import connections
from stores.postgres import Postgres

CALLERS_AT_ONCE = 2
RTP_PORT_MIN = 21_600  # away from a stack that the developer has running, and from the other benches'


@dataclass
class Whole:
    """``line`` is of the restaurant that all is about."""

    stack: Stack
    postgres: Postgres
    engine: Engine
    line: DialableLine
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def connect(self, names: Iterable[str]) -> Sequence[connections.Connection]:
        """Each as its owner would in the admin."""
        known = self.stack.neighbourhood.addresses
        async with self.postgres.platform() as connection:
            return [
                await connecting.connect(
                    connection, self.line.restaurant_id, name, known[name], self.stack.pii_cipher, created_by="bench"
                )
                for name in names
            ]

    async def ring(self, calls: int) -> list[Experience]:
        """So many, CALLERS_AT_ONCE at a time."""
        told, left = list[Experience](), iter(range(calls))

        async def one_after_the_other(voice: Voice) -> None:
            for _ in left:
                number = next(self._numbers)
                wish = Wish(f"Caller {'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[number % 26]}son", 1, voice)
                self.engine.expect(wish)
                target = ("127.0.0.1", self.stack.sip_port)
                told.append(await ScriptedCaller(target, self.line.line_id, wish, f"+336900{number:05d}").run())

        await asyncio.gather(*(one_after_the_other(voice) for voice in VOICES[:CALLERS_AT_ONCE]))
        return told

    def kill(self, *names: str) -> int:
        """SIGKILL to every pod of these Services and workloads; how many there were."""
        pods = [pod for name in names for pod in self.stack.runtime.pods(name) if pod.pid]
        for pod in pods:
            self.stack.runtime.kill_pod(pod.name)
        return len(pods)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Whole]:
    async with contextlib.AsyncExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="alloresto-around-")))
        engine = Engine()
        await engine.start()
        held.push_async_callback(engine.stop)
        endpoint = EngineEndpoint("one that takes an order by a script", engine.base_url, "bench")
        stack = Stack(StackOptions(folder / "state", rtp_port_min=RTP_PORT_MIN, engine=endpoint), lambda _: None)
        held.push_async_callback(stack.stop)
        await stack.start()
        postgres = Postgres(stack.platform_url, max_size=10)
        await postgres.open()
        held.push_async_callback(postgres.close)
        yield Whole(stack, postgres, engine, next(line for line in stack.lines if line.language == "en"))
