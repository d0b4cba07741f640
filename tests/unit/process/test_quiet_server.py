"""A process that serves sleeps while nobody asks anything of it, and ends when it is told to."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.servers.ports import free_port
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

PROGRAM = """
import sys
from process import asgi
from process.health import Health
asgi.run(asgi.App(Health("test")), "127.0.0.1", int(sys.argv[1]))
"""
LOOKED_AT_S = 1.0


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    port = free_port()
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], env=environment)
    try:
        until_answered(port)
        yield process
    finally:
        process.kill()
        process.wait()


def until_answered(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            connection.request("GET", "/health/ready")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.02)
    raise AssertionError("nothing listens")


def times_woken(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))
    return int(line.split()[1])


def test_nothing_wakes_a_server_that_nobody_asks(server: subprocess.Popen[bytes]) -> None:
    time.sleep(0.2)  # the last of the connection
    before = times_woken(server.pid)
    time.sleep(LOOKED_AT_S)
    assert times_woken(server.pid) - before <= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sleeping_server_ends_when_it_is_signalled(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    server.send_signal(number)
    assert server.wait(PATIENCE_S) in (-number, 1, 0)  # 0: it was ending before the interrupt could break anything off
