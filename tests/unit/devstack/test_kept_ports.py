"""What a restaurant has connected has to be where it was when the stack is started again."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from devstack.servers.ports import kept_port

pytestmark = pytest.mark.unit


def test_a_name_keeps_its_port_until_somebody_else_has_it(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"

    port = kept_port(file, "stripe")
    assert (kept_port(file, "stripe"), kept_port(file, "twilio") != port) == (port, True)
    with socket.create_server(("127.0.0.1", port)):
        moved = kept_port(file, "stripe")

    assert moved != port
    assert kept_port(file, "stripe") == moved
