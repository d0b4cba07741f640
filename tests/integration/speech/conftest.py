"""One speech server, as its own process, for all tests of the part: its models take seconds to load."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class SpeechServer:
    """``grpc_url`` is "" where gRPC is not installed."""

    base_url: str
    key: str
    pid: int
    grpc_url: str


@pytest.fixture(scope="session")
def speech_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeechServer]:
    with socket.socket() as probe, socket.socket() as another:
        probe.bind(("127.0.0.1", 0))
        another.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        grpc_port = another.getsockname()[1] if find_spec("grpc") else 0
    log: Path = tmp_path_factory.mktemp("speech") / "log"
    environment = os.environ | {"PORT": str(port), "SPEECH_API_KEY": "test-key", "GRPC_PORT": str(grpc_port)}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "devstack.speech"], env=environment, stderr=out)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health/ready", process, log)
        grpc_url = f"http://127.0.0.1:{grpc_port}" if grpc_port else ""
        yield SpeechServer(f"http://127.0.0.1:{port}/v1", "test-key", process.pid, grpc_url)
        process.send_signal(signal.SIGTERM)
        # uvicorn ends itself by the signal that it was asked to end with.
        assert process.wait(STOPPED_WITHIN_S) in (0, -signal.SIGTERM), log.read_text()
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"not ready within {READY_WITHIN_S:g} s: {log.read_text()}")


@pytest.fixture
async def client(speech_server: SpeechServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=speech_server.key, base_url=speech_server.base_url, max_retries=0) as openai:
        yield openai


@pytest.fixture
async def realtime(client: AsyncOpenAI) -> AsyncIterator[AsyncRealtimeConnection]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        created = await connection.recv()
        assert created.type == "session.created"
        yield connection
