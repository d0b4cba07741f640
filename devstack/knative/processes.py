"""Processes as containers: each leads a session of its own, so that its children end with it, and is probed.

On Linux ``setpriv`` ties it to the runtime, so that nothing survives even a SIGKILL of the runtime. Elsewhere only
``Runtime.stop`` ends the pods. Probes are plain sockets: one is sent every few milliseconds while a pod starts.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.knative.clock import Clock
from ops.manifests.fields import Probe

_SETPRIV = shutil.which("setpriv")
_TIED = () if _SETPRIV is None else (_SETPRIV, "--pdeathsig", "KILL", "--")


async def spawn(
    command: tuple[str, ...], environment: Mapping[str, str], log_file: Path | None, working_dir: Path | None
) -> asyncio.subprocess.Process:
    """Start a process in its own session, its output appended to ``log_file`` or, without one, where ours goes.

    ``working_dir`` None: in ours.
    """
    if log_file is None:
        descriptor = os.dup(2)
    else:
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *_TIED,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=dict(environment),
            cwd=working_dir,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def end_group(pid: int) -> None:
    """SIGKILL to what the process left behind: a container's processes end with its first one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def ended(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit status {code}"
    return f"killed by {signal.Signals(-code).name}"


_QUICK_FOR_S = 5.0
_SLOW_PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class Prober:
    """One probe of one container. ``port`` of each call is where the process really listens."""

    probe: Probe

    async def passes(self, port: int) -> bool:
        """One try, at most ``timeoutSeconds`` (real ones: a busy machine is slow at any clock speed)."""
        try:
            async with asyncio.timeout(max(1, self.probe.timeout_seconds)):
                return await self._try(port)
        except (OSError, TimeoutError, ValueError):
            return False

    async def until_ready(self, port: int, clock: Clock, period_s: float) -> None:
        """Poll until it passes: every ``period_s`` real seconds at first, slower when the start drags on."""
        await clock.sleep(self.probe.initial_delay_seconds)
        loop = asyncio.get_running_loop()
        quick_until = loop.time() + _QUICK_FOR_S
        while not await self.passes(port):
            await asyncio.sleep(period_s if loop.time() < quick_until else _SLOW_PERIOD_S)

    async def starts(self, port: int, clock: Clock, period_s: float) -> bool:
        """A startup probe: False when it has not passed in ``failureThreshold`` periods."""
        probe = self.probe
        try:
            async with clock.timeout(
                probe.initial_delay_seconds + max(1, probe.period_seconds) * probe.failure_threshold
            ):
                await self.until_ready(port, clock, period_s)
        except TimeoutError:
            return False
        return True

    async def changes(self, port: int, clock: Clock) -> AsyncIterator[bool]:
        """From passing on: False after ``failureThreshold`` failures in a row, True at the next success."""
        failures, passing = 0, True
        while True:
            await clock.sleep(max(1, self.probe.period_seconds))
            failures = 0 if await self.passes(port) else failures + 1
            if failures >= self.probe.failure_threshold and passing:
                passing = False
                yield False
            elif failures == 0 and not passing:
                passing = True
                yield True

    async def _try(self, port: int) -> bool:
        if self.probe.http_get is None and self.probe.tcp_socket is None:
            return True  # no probe: running is ready
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            if self.probe.http_get is None:
                return True
            extra = "".join(f"{header.name}: {header.value}\r\n" for header in self.probe.http_get.http_headers)
            writer.write(
                f"GET {self.probe.http_get.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: kube-probe/local\r\n"
                f"{extra}Connection: close\r\n\r\n".encode("latin-1")
            )
            status_line = await reader.readline()
            return 200 <= int(status_line.split()[1]) < 400
        except IndexError:
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
