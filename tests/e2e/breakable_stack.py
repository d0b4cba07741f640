"""The embedded stack as a process of its own whose servers can be stopped and started by the tests.

``python -m tests.e2e.breakable_stack OPTIONS`` (JSON) prints its ``Description``, a JSON object in one line, when
all is up. Then each line on stdin (``stop postgres``, ``start valkey``…) is done and echoed. It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from devstack.servers.embedded_server import EmbeddedServer
from devstack.stack.credentials import load_or_make
from devstack.stack.engines import EngineEndpoint
from devstack.stack.running import DialableLine
from devstack.stack.stack import Stack, StackOptions
from process import logs


class Options(msgspec.Struct, frozen=True):
    """``handler`` and ``edge`` are environment variables for the two ends of a call, over the manifests' own."""

    state_dir: str
    engine_url: str
    engine_key: str
    rtp_port_min: int
    handler: dict[str, str]
    edge: dict[str, str]


class Description(msgspec.Struct, frozen=True):
    """Where the parts are."""

    sip_port: int
    runtime_url: str
    redis_url: str
    app_url: str
    platform_url: str
    master_key: str
    lines: tuple[DialableLine, ...]


class BreakableStack(Stack):
    """Everything as in ``alloresto up``, but for an engine from outside and more environment for the handlers."""

    def __init__(self, options: Options, tell: Callable[[str], None]) -> None:
        state_dir = Path(options.state_dir)
        engine = EngineEndpoint("the tests' engine", options.engine_url, options.engine_key)
        super().__init__(
            StackOptions(
                state_dir, rtp_port_min=options.rtp_port_min, engine=engine, edge_environment=dict(options.edge)
            ),
            tell,
        )
        self._handler_environment = options.handler
        self._master_key = load_or_make(state_dir / "credentials.json").master_key

    def server(self, name: str) -> EmbeddedServer:
        return {"postgres": self._database, "valkey": self._valkey}[name]

    def describe(self) -> Description:
        return Description(
            sip_port=self.sip_port,
            runtime_url=self.runtime.admin_url,
            redis_url=self.redis_url,
            app_url=self.app_url,
            platform_url=self.platform_url,
            master_key=self._master_key,
            lines=self.lines,
        )

    def _overrides(self) -> dict[str, dict[str, str]]:
        return super()._overrides() | {"call-handler": self._handler_environment}


async def _obey(stack: BreakableStack) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        action, _, name = line.decode().strip().partition(" ")
        server = stack.server(name)
        if action == "stop":
            await asyncio.to_thread(server.stop)
        else:
            server.start()  # must be the main thread; what the runtime forwards waits those 200 ms
        print(f"{action} {name}", flush=True)


async def _run(options: Options) -> None:
    stack = BreakableStack(options, lambda text: print(text, file=sys.stderr, flush=True))
    await stack.start()
    try:
        print(msgspec.json.encode(stack.describe()).decode(), flush=True)
        await _obey(stack)
    finally:
        await stack.stop()


if __name__ == "__main__":
    logs.configure("devstack")
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Options)))
