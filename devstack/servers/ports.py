"""Ports of this machine: one that is free, why another cannot be listened on, and whether what listens is ready."""

import atexit
import collections
import itertools
import json
import os
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_FIRST, _LAST = 20_001, 31_999
"""Below the kernel's ephemeral range: an outgoing connection can never take a port between choice and bind."""

_APART = 7_417
"""Processes of consecutive ids start the golden section of the range apart: each has thousands to itself."""

_REMEMBERED = 256
"""Ports last given that no other process on this machine is given: for as long as any program takes to listen."""

READY_TIMEOUT_S = 2.0

_count = _LAST - _FIRST + 1
_candidates = itertools.cycle(_FIRST + (os.getpid() * _APART + step) % _count for step in range(_count))
_given: collections.deque[socket.socket] = collections.deque()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that is free now; each call gives another one, in whatever process. RuntimeError when there is none."""
    for port in itertools.islice(_candidates, _count):
        if not port_problem(kind, host, port) and _claim(port):
            return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST} on {host}")


def kept_port(file: Path, name: str) -> int:
    """The port that ``name`` had before, by ``file``; another one, which is written there, where that is taken."""
    known: dict[str, int] = json.loads(file.read_bytes()) if file.exists() else {}
    port = known.get(name, 0)
    if not port or port_problem(socket.SOCK_STREAM, "127.0.0.1", port):
        known[name] = port = free_port()
        file.write_text(json.dumps(known))
    return port


def _claim(port: int) -> bool:
    """Whether nobody else was given ``port``. An abstract name is one socket's, and ends with it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0alloresto-port-{port}")
    except OSError:
        claim.close()
        return False
    _given.append(claim)
    if len(_given) > _REMEMBERED:
        _given.popleft().close()
    return True


@atexit.register
def _give_up_claims() -> None:
    while _given:
        _given.popleft().close()


def port_problem(kind: socket.SocketKind, host: str, port: int) -> str:
    """Why ``port`` cannot be listened on; empty when it can."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no problem
        try:
            probe.bind((host, port))
        except OSError as error:
            return os.strerror(error.errno or 0)
    return ""


def is_ready(port: int) -> bool:
    """Whether ``/health/ready`` answers 200 at this loopback port; False when nothing listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=READY_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
