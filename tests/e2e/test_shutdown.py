"""The end of the whole service, in the middle of a call: nothing that it started outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from devstack.stack.running import Running, read_running
from softphone.caller import Caller
from tests.e2e.house import REPOSITORY, eventually
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.e2e

UP_WITHIN_S = 90.0
DOWN_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Service:
    """``python -m devstack.stack.service``. Everything it starts inherits a PYTHONPATH that names ``folder``."""

    process: subprocess.Popen[bytes]
    running: Running
    folder: Path
    seen: set[psutil.Process] = field(default_factory=set)

    def logged(self, workload: str) -> str:
        logs = (self.folder / "state" / "runtime" / "pods").glob(f"{workload}-*.log")
        return "".join(log.read_text(errors="replace") for log in logs)

    def family(self) -> set[psutil.Process]:
        """Itself, its descendants, and what has the mark: a pod whose parent died is no descendant any more, and
        a server that renames itself has lost the mark."""
        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in process.environ().get("PYTHONPATH", ""):
                    found.add(process)
        with contextlib.suppress(psutil.NoSuchProcess):
            itself = psutil.Process(self.process.pid)
            found |= {itself, *itself.children(recursive=True)}
        self.seen.update(found)
        return found


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as engine:
        yield engine


@pytest.fixture
async def service(engine: FakeEngine, open_folder: Path) -> AsyncIterator[Service]:
    state_dir = open_folder / "state"
    state_dir.mkdir()
    log = open_folder / "service.log"
    process = start(state_dir, log, engine.base_url, marked_path=open_folder)

    async def running() -> Running | None:
        assert process.poll() is None, log.read_text()
        return read_running(state_dir)

    try:
        described = await eventually(running, timeout_s=UP_WITHIN_S)
        assert described is not None
        service = Service(process, described, open_folder)
        yield service
        for left in service.family() | service.seen:  # only where the test has failed
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
    finally:
        process.kill()
        process.wait()


def start(state_dir: Path, log: Path, engine_url: str, marked_path: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": engine_url,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(marked_path)]),
    }
    arguments = ["--state-dir", str(state_dir), "--listen", "127.0.0.1", "--sip-port", "0", "--web-port", "0"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "devstack.stack.service", *arguments],
            env=environment,
            stdout=output,
            stderr=output,
            cwd=REPOSITORY,
        )


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def alive(process: psutil.Process) -> bool:
    """A zombie is dead: whoever adopted it has not looked yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_sigterm_in_mid_call_ends_everything_and_leaves_no_process_behind(
    service: Service, engine: FakeEngine
) -> None:
    host, _, port = service.running.sip.rpartition(":")
    async with Caller((host, int(port)), service.running.lines[0].line_id) as caller:

        async def answered() -> bool:
            return (await caller.invite()).status == 200

        await eventually(answered, timeout_s=UP_WITHIN_S)
        await engine.session(timeout_s=20)
        family = service.family()
        commands = [command_of(process) for process in family]

        service.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(service.process.wait, DOWN_WITHIN_S)
        left = [process for process in family | service.family() if alive(process)]
        told = caller.hung_up.is_set()

    for part in (
        "devstack.stack.service",
        "postgres",
        "valkey",
        "edge_bridge.nursery",
        "functions call_handler",
        "relay",
    ):
        assert any(part in command for command in commands), f"{part} was not running: {commands}"
    assert (status, left) == (0, [])
    assert told, "the caller was left on a dead line"
    assert "pjsip is destroyed" in service.logged("edge-bridge"), "the bridge was killed"
