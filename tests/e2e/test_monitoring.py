"""Alerts by their faults: the stack with Prometheus and Alertmanager beside it, and parts of it broken.

The rules are the product's with ``for`` shortened, so that a minute shows what takes several.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from bench.chaos.caller import ScriptedCaller
from bench.chaos.campaign import FIRST_NAMES
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine
from bench.chaos.tones import ORDER_HZ
from devstack.stack.credentials import load_or_make
from devstack.stack.running import DialableLine, Running, read_running
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
CALLS = 3
EMPTY = dict.fromkeys(
    ("Nodes: processor", "Nodes: memory", "Nodes: disk", "Postgres: connections", "Redis: memory"),
    "needs an exporter, and none is started",
) | {
    "Restarts": "told by kube-state-metrics",
    "Of the request (70 %)": "told by the kubelet",
    "Memory of each pod": "told by the kubelet",
    "Registered lines": "the example lines do not register",
    "Engines that failed, a minute": "none has",
    "Models without a price": "all have one",
    "A model stops in": "the models in use have no end that is known",
    "SIP from strangers and too much of it, a second": "there was none",
}
"""Why a panel of a stack on one machine, with calls, has nothing to show."""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The scripted one of the faults' campaign, on a loop of its own: it outlives each test's."""
    made, loop = Engine(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(made.start(), loop).result(10)
        yield made
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def stack(state_dir: Path, engine: Engine) -> Iterator[Running]:
    """As ``alloresto up --monitoring`` starts it."""
    quick = state_dir / "rules"
    quick.mkdir()
    for file in rules.RULES.glob("*.yaml"):
        (quick / file.name).write_text(re.sub(r"^( +for:) \w+$", r"\1 1s", file.read_text(), flags=re.MULTILINE))
    arguments = ["--state-dir", str(state_dir), "--listen", "127.0.0.1", "--sip-port", "0", "--web-port", "0"]
    with (state_dir / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack.stack.service", *arguments, "--monitoring", "--rules", str(quick)],
            env=os.environ | {"OPENAI_API_KEY": "sk-scripted", "OPENAI_BASE_URL": engine.base_url},
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


async def empty_panels(stack: Running) -> set[str]:
    """The panels none of whose queries has an answer."""
    empty = set()
    for dashboard in dashboards.DASHBOARDS:
        for panel in dashboard.panels:
            found = []
            for expression in panel.queries.values():
                query = dashboards.with_values(expression, english(stack).restaurant_id)
                answer = await got(f"{stack.prometheus_url}/api/v1/query", query=query)
                assert answer["status"] == "success", f"{dashboard.title}, {panel.title}: {answer}"
                found += answer["data"]["result"]
            if not found:
                empty.add(panel.title)
    return empty


def english(stack: Running) -> DialableLine:
    return next(line for line in stack.lines if line.language == "en")


async def test_after_a_few_calls_every_panel_shows_something_or_says_why_not(stack: Running, engine: Engine) -> None:
    for number in range(CALLS):
        wish = Wish(f"{FIRST_NAMES[number]} Byrne", 1, ORDER_HZ[number])
        engine.expect(wish)
        host, _, port = stack.sip.rpartition(":")
        target = (host, int(port))
        told = await ScriptedCaller(target, english(stack).line_id, wish, f"+3532099{number:05d}").run()
        assert told.agreed, told

    empty = await eventually(lambda: empty_panels(stack), lambda found: found <= EMPTY.keys(), SEEN_WITHIN_S)

    assert empty <= EMPTY.keys()


def test_the_report_of_the_objectives_has_those_that_the_real_prometheus_can_tell(
    stack: Running, state_dir: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cli", "slo", "report", "--state-dir", str(state_dir), "--json"]
    told = subprocess.run([*command, str(tmp_path / "slo.json")], capture_output=True, text=True, cwd=REPOSITORY)

    assert told.returncode in (0, 1, 3), told.stderr
    objectives = {one["name"]: one for one in json.loads((tmp_path / "slo.json").read_text())["objectives"]}
    assert {name for name, one in objectives.items() if one["share"] is None} == {"processor", "memory"}, told.stdout
    assert objectives["availability"]["share"] == 1


async def test_every_process_that_always_runs_is_scraped_under_the_name_that_the_rules_have(stack: Running) -> None:
    async def jobs() -> set[str]:
        found = await got(f"{stack.prometheus_url}/api/v1/query", query="up == 1")
        return {one["metric"]["job"] for one in found["data"]["result"]}

    always = {"edge-bridge", "outbox-relay", "web", "reconciler", "line-assigner", "autoscaler"}
    await eventually(jobs, lambda found: found >= always, SEEN_WITHIN_S)


def test_the_dashboards_lie_beside_it_to_be_imported(stack: Running, state_dir: Path) -> None:
    files = (state_dir / "monitoring" / "dashboards").glob("*.json")
    assert {json.loads(file.read_text())["uid"] for file in files} == {one.uid for one in dashboards.DASHBOARDS}
