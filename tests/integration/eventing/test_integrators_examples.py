"""The receivers of docs/integrators/examples, sent what we send: each event counts once, and nothing that is forged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from devstack.servers.ports import free_port
from domain import webhooks
from eventing.catalogue import MenuChanged
from eventing.cloudevents import Event, to_binary, to_structured
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[3] / "docs" / "integrators" / "examples"
RESTAURANT = "0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"
NODE = shutil.which("node")
PROGRAMS = [
    pytest.param([sys.executable, "receiver.py"], id="python"),
    pytest.param(
        [NODE or "", "receiver.mjs"], id="javascript", marks=pytest.mark.skipif(not NODE, reason="no Node.js")
    ),
]


def post(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        return refused.code
    except urllib.error.URLError:
        return 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_event_counts_once_however_it_comes_and_a_forged_one_not_at_all(program: list[str]) -> None:
    secret, port = webhooks.new_secret(), free_port()
    url = f"http://127.0.0.1:{port}/"
    first, second = (Event.of(MenuChanged(restaurant_id=RESTAURANT), source="/web") for _ in range(2))
    structured, body = to_structured(first)
    headers = {**structured, **webhooks.headers([secret], "msg_1", int(time.time()), body)}
    forged = webhooks.headers([webhooks.new_secret()], "msg_1", int(time.time()), body)
    old = webhooks.headers([secret], "msg_1", int(time.time()) - 3600, body)
    process = subprocess.Popen(
        program, cwd=EXAMPLES, env={"SECRET": secret, "PORT": str(port)}, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while post(url, {}, b"{}") != 400:
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.05)
        statuses = [
            post(url, headers, body),
            post(url, headers, body),
            post(url, headers | forged, body),
            post(url, headers | old, body),
            post(url, *to_binary(first)),
            post(url, *to_binary(second)),
        ]
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE_S)

    assert statuses == [204, 204, 401, 401, 204, 204]
    assert [json.loads(line)["type"] for line in printed.splitlines()] == [MenuChanged.TYPE] * 2
    assert json.loads(printed.splitlines()[0])["data"]["restaurantId"] == RESTAURANT
