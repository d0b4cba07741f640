"""Alerts by their faults: the stack with Prometheus and Alertmanager beside it, and parts of it broken.

The rules are the product's with ``for`` shortened, so that a minute shows what takes several.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from devstack.stack.credentials import load_or_make
from devstack.stack.running import Running, read_running
from ops.monitoring import dashboards, rules
from stores import pending
from stores.ciphers import PiiCipher
from stores.pending import PendingOrder
from stores.redis import connect
from tests.e2e.house import REPOSITORY, eventually
from tests.integration.stores.samples import make_menu, make_order

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not all(map(shutil.which, ("prometheus", "prometheus-alertmanager"))),
        reason="no Prometheus here; `make test` installs it, or: apt-get install prometheus prometheus-alertmanager",
    ),
]

UP_WITHIN_S = 120.0
STOP_WITHIN_S = 60.0
SEEN_WITHIN_S = 150.0
# Nobody rings, so no engine is needed: this one only keeps the stack from loading models.
NO_ENGINE = {"OPENAI_API_KEY": "sk-nobody-is-asked", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
DRAWN = {
    *("Bridges", "Lines", "Waiting", "Longest call", "Waits for Postgres", "Dead letters", "Call handler's pods"),
    *("Answers its scrape", "Events that wait", "The oldest of them", "Admin: live pages", "On the phone"),
}
"""Panels of which a stack without calls has something to show."""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def stack(state_dir: Path) -> Iterator[Running]:
    """As ``alloresto up --monitoring`` starts it."""
    quick = state_dir / "rules"
    quick.mkdir()
    for file in rules.RULES.glob("*.yaml"):
        (quick / file.name).write_text(re.sub(r"^( +for:) \w+$", r"\1 1s", file.read_text(), flags=re.MULTILINE))
    arguments = ["--state-dir", str(state_dir), "--listen", "127.0.0.1", "--sip-port", "0", "--web-port", "0"]
    with (state_dir / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack.stack.service", *arguments, "--monitoring", "--rules", str(quick)],
            env=os.environ | NO_ENGINE,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
        )
    try:
        deadline = time.monotonic() + UP_WITHIN_S
        while (running := read_running(state_dir)) is None:
            assert process.poll() is None, (state_dir / "service.log").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        finally:
            process.kill()
            process.wait()


async def got(url: str, **parameters: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(url, params=parameters) as answer:
        return await answer.json()


async def firing(stack: Running) -> set[str]:
    found = await got(f"{stack.prometheus_url}/api/v1/alerts")
    return {one["labels"]["alertname"] for one in found["data"]["alerts"] if one["state"] == "firing"}


async def told(stack: Running) -> dict[str, set[str]]:
    """The receivers that Alertmanager has for each alert."""
    found = await got(f"{stack.alertmanager_url}/api/v2/alerts")
    return {one["labels"]["alertname"]: {receiver["name"] for receiver in one["receivers"]} for one in found}


async def lose_an_event(stack: Running) -> None:
    """An order that says nothing: its subscriber refuses it for good."""
    state = await got(f"{stack.runtime_url}/runtime")
    event = {"ce-specversion": "1.0", "ce-id": str(uuid.uuid4()), "ce-source": "/test"}
    event |= {"ce-type": "com.alloresto.order.confirmed", "content-type": "application/json"}
    broker = state["brokers"]["default"]
    async with aiohttp.ClientSession() as http, http.post(broker, data=b"{}", headers=event) as answer:
        assert answer.status == 202


async def agree_to_an_order(stack: Running, state_dir: Path) -> None:
    """As a handler notes it, which then could not write it."""
    restaurant_id = stack.lines[0].restaurant_id
    order = make_order(make_menu(restaurant_id), "a-call", order_id=str(uuid.uuid4()))
    pii = PiiCipher(load_or_make(state_dir / "credentials.json").master_key)
    async with connect(stack.redis_url) as redis:
        await pending.note_order(redis, pii, PendingOrder(order, "", datetime.now(UTC) - timedelta(minutes=1)))


async def bridge_of(stack: Running) -> psutil.Process:
    state = await got(f"{stack.runtime_url}/runtime")
    [pod] = [pod for pod in state["workloads"] if pod["service"] == "edge-bridge"]
    return psutil.Process(pod["pid"])


def postgres_of(stack: Running) -> list[psutil.Process]:
    """The server and its sessions, each of which is a process group of its own."""
    [server] = [one for one in psutil.Process(stack.pid).children() if one.name() == "postgres"]
    return [server, *server.children(recursive=True)]


async def test_a_dead_letter_a_silent_bridge_and_an_unwritten_order_each_wake_whom_they_should(
    stack: Running, state_dir: Path
) -> None:
    before = await eventually(lambda: firing(stack), lambda found: "Watchdog" in found, SEEN_WITHIN_S)
    frozen: list[psutil.Process] = []
    try:
        await lose_an_event(stack)
        bridge = await bridge_of(stack)
        bridge.send_signal(signal.SIGSTOP)
        await eventually(lambda: firing(stack), lambda found: "DeadLetters" in found, SEEN_WITHIN_S)
        frozen = postgres_of(stack)
        for one in frozen:
            one.suspend()
        await agree_to_an_order(stack, state_dir)
        await eventually(lambda: firing(stack), lambda found: {"BridgeDown", "OrdersUnwritten"} <= found, SEEN_WITHIN_S)
        receivers = await eventually(lambda: told(stack), lambda found: "OrdersUnwritten" in found, SEEN_WITHIN_S)
    finally:
        for one in (*frozen, bridge):
            if one.is_running():
                one.resume()
    assert not before & {"DeadLetters", "BridgeDown", "OrdersUnwritten"}
    assert receivers["OrdersUnwritten"] == {"pager"}

    after = await eventually(lambda: firing(stack), lambda found: "OrdersUnwritten" not in found, SEEN_WITHIN_S)
    assert "Watchdog" in after


async def test_every_panel_can_be_drawn_and_those_of_a_quiet_platform_show_something(stack: Running) -> None:
    drawn = set()
    for dashboard in dashboards.DASHBOARDS:
        for panel in dashboard.panels:
            for expression in panel.queries.values():
                query = dashboards.with_values(expression, stack.lines[0].restaurant_id)
                answer = await got(f"{stack.prometheus_url}/api/v1/query", query=query)
                assert answer["status"] == "success", f"{dashboard.title}, {panel.title}: {answer}"
                if answer["data"]["result"]:
                    drawn.add(panel.title)
    assert drawn >= DRAWN


async def test_every_process_that_always_runs_is_scraped_under_the_name_that_the_rules_have(stack: Running) -> None:
    async def jobs() -> set[str]:
        found = await got(f"{stack.prometheus_url}/api/v1/query", query="up == 1")
        return {one["metric"]["job"] for one in found["data"]["result"]}

    always = {"edge-bridge", "outbox-relay", "web", "reconciler", "line-assigner", "autoscaler"}
    await eventually(jobs, lambda found: found >= always, SEEN_WITHIN_S)


def test_the_dashboards_lie_beside_it_to_be_imported(stack: Running, state_dir: Path) -> None:
    files = (state_dir / "monitoring" / "dashboards").glob("*.json")
    assert {json.loads(file.read_text())["uid"] for file in files} == {one.uid for one in dashboards.DASHBOARDS}
