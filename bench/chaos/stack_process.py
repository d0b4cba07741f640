"""The embedded stack as a process of its own, so that a fault in it, or of it, does not touch the callers.

``python -m bench.chaos.stack_process OPTIONS`` (JSON) prints its ``Description``, one line of JSON, when all is up.
Then each line on stdin is a command, answered by one line: ``pid SERVER``, ``start SERVER``, ``wipe SERVER``. It ends
with its stdin.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from devstack.servers.embedded_server import EmbeddedServer
from devstack.stack.credentials import load_or_make
from devstack.stack.engines import EngineEndpoint
from devstack.stack.running import DialableLine
from devstack.stack.stack import MANIFESTS, Stack, StackOptions
from process import logs

START_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 60.0
STOP_WITHIN_S = 40.0


_OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {manifests}
patches:
  - target:
      group: serving.knative.dev
      kind: Service
      name: call-handler
    patch: |-
      - op: replace
        path: /spec/template/metadata/annotations/autoscaling.knative.dev~1max-scale
        value: "{handlers}"
  - target: # so that the check of manifests lets too few handlers pass; the stack sets its own
      kind: StatefulSet
      name: edge-bridge
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value: {{ name: MAX_CALLS, value: "{handlers}" }}
"""


class Options(msgspec.Struct, frozen=True):
    state_dir: str
    engine_url: str
    rtp_port_min: int
    engine_key: str = "bench"
    max_calls: int = 8
    manifests: str = str(MANIFESTS)


def overlay_with(handlers: int, folder: Path) -> str:
    """The laptop's manifests with so many call handlers at most, made in ``folder``; for ``Options.manifests``."""
    overlay = folder / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(_OVERLAY.format(manifests=MANIFESTS, handlers=handlers))
    return str(overlay)


class Description(msgspec.Struct, frozen=True):
    """Where the parts are."""

    sip_port: int
    runtime_url: str
    redis_url: str
    app_url: str
    platform_url: str
    master_key: str
    web_url: str
    lines: tuple[DialableLine, ...]
    neighbours: dict[str, str] = {}
    """Addresses of the stand-ins, by the provider that they stand for."""

    @property
    def line(self) -> DialableLine:
        """Of the restaurant that speaks English."""
        return next(line for line in self.lines if line.language == "en")


class _BreakableStack(Stack):
    """Its servers can be started again after they were killed from outside."""

    def __init__(self, options: Options, tell: Callable[[str], None]) -> None:
        state_dir = Path(options.state_dir)
        engine = EngineEndpoint("an engine from outside", options.engine_url, options.engine_key)
        chosen = StackOptions(
            state_dir,
            rtp_port_min=options.rtp_port_min,
            max_calls=options.max_calls,
            engine=engine,
            manifests=Path(options.manifests),
        )
        super().__init__(chosen, tell)
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
            web_url=self.web_url,
            lines=self.lines,
            neighbours=self.neighbourhood.addresses,
        )


async def _obey(stack: _BreakableStack) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        action, _, name = line.decode().strip().partition(" ")
        server = stack.server(name)
        if action == "start":
            await server.start_again()  # the runtime beside it goes on, as a cluster would
        elif action == "wipe":
            for folder in server.data_dir.glob("appendonly*"):
                shutil.rmtree(folder)
        print(server.pid or 0, flush=True)


async def _run(options: Options) -> None:
    stack = _BreakableStack(options, lambda text: print(text, file=sys.stderr, flush=True))
    await stack.start()
    try:
        print(msgspec.json.encode(stack.describe()).decode(), flush=True)
        await _obey(stack)
    finally:
        await stack.stop()


class StackProcess:
    """The other side of it. Use as an async context manager."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._about: Description | None = None
        self._asking = asyncio.Lock()

    async def __aenter__(self) -> StackProcess:
        with (Path(self._options.state_dir) / "stack.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.chaos.stack_process"),
                msgspec.json.encode(self._options).decode(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        try:
            self._about = msgspec.json.decode(await self._next_line(START_WITHIN_S), type=Description)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def about(self) -> Description:
        assert self._about is not None, "the stack is not up"
        return self._about

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def pid_of(self, server: str) -> int:
        """0 when it does not run."""
        return int(await self._ask(f"pid {server}"))

    async def start(self, server: str) -> None:
        await self._ask(f"start {server}")

    async def wipe(self, server: str) -> None:
        """Its data is lost; it must not run."""
        await self._ask(f"wipe {server}")

    async def _ask(self, command: str) -> bytes:
        assert self._process is not None and self._process.stdin is not None
        async with self._asking:
            self._process.stdin.write(f"{command}\n".encode())
            return await self._next_line(ANSWERED_WITHIN_S)

    async def _next_line(self, timeout_s: float) -> bytes:
        """Raises RuntimeError with the end of the stack's log when none comes."""
        assert self._process is not None and self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        except TimeoutError:
            line = b""
        if not line:
            log = Path(self._options.state_dir) / "stack.log"
            raise RuntimeError(f"the stack said nothing more: {log.read_text(errors='replace')[-2000:]}")
        return line

    async def _end(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


if __name__ == "__main__":
    logs.configure("devstack")
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Options)))
