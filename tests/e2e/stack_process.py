"""The embedded stack as a process of its own, on an engine that the tests choose.

``python -m tests.e2e.stack_process OPTIONS`` (JSON) prints its ``Description``, a JSON object in one line, when all is
up, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from devstack.stack.credentials import load_or_make
from devstack.stack.engines import EngineEndpoint
from devstack.stack.running import DialableLine
from devstack.stack.stack import Stack, StackOptions
from process import logs


class Options(msgspec.Struct, frozen=True):
    state_dir: str
    engine_url: str
    engine_key: str
    rtp_port_min: int


class Description(msgspec.Struct, frozen=True):
    """Where the parts are."""

    sip_port: int
    runtime_url: str
    redis_url: str
    app_url: str
    platform_url: str
    master_key: str
    lines: tuple[DialableLine, ...]


class TestedStack(Stack):
    """Everything as in ``alloresto up``, but for an engine from outside."""

    def __init__(self, options: Options, tell: Callable[[str], None]) -> None:
        state_dir = Path(options.state_dir)
        engine = EngineEndpoint("the tests' engine", options.engine_url, options.engine_key)
        super().__init__(StackOptions(state_dir, rtp_port_min=options.rtp_port_min, engine=engine), tell)
        self._master_key = load_or_make(state_dir / "credentials.json").master_key

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


async def _until_stdin_ends() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _run(options: Options) -> None:
    stack = TestedStack(options, lambda text: print(text, file=sys.stderr, flush=True))
    await stack.start()
    try:
        print(msgspec.json.encode(stack.describe()).decode(), flush=True)
        await _until_stdin_ends()
    finally:
        await stack.stop()


if __name__ == "__main__":
    logs.configure("devstack")
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Options)))
