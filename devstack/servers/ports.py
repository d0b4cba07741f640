"""Ports of this machine: one that is free, why another cannot be listened on, and whether what listens is ready."""

import itertools
import os
import socket
from http.client import HTTPConnection, HTTPException

_FIRST, _LAST = 20_001, 31_999
"""Below the kernel's ephemeral range: an outgoing connection can never take a port between choice and bind."""

_APART = 7_417
"""Processes of consecutive ids start the golden section of the range apart: each has thousands to itself."""

READY_TIMEOUT_S = 2.0

_count = _LAST - _FIRST + 1
_candidates = itertools.cycle(_FIRST + (os.getpid() * _APART + step) % _count for step in range(_count))


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that is free now; each call gives another one. RuntimeError when there is none."""
    for port in itertools.islice(_candidates, _count):
        if not port_problem(kind, host, port):
            return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST} on {host}")


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
