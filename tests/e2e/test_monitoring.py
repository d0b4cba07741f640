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
import socket
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
import asyncpg
import psutil
import pytest

from bench.chaos.caller import Experience, ScriptedCaller
from bench.chaos.campaign import FIRST_NAMES
from bench.chaos.dialogue import Wish
from bench.chaos.engine import Engine, Trouble
from bench.chaos.tones import VOICES
from devstack.stack.credentials import load_or_make
from devstack.stack.running import DialableLine, Running, read_running
from domain.model_retirements import RETIREMENTS
from ops.monitoring import dashboards, promql, rules, series
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


async def empty_queries(stack: Running) -> set[str]:
    """``panel: legend`` of each query without an answer."""
    empty = set()
    for dashboard in dashboards.DASHBOARDS:
        for panel in dashboard.panels:
            for legend, expression in panel.queries.items():
                query = dashboards.with_values(expression, english(stack).restaurant_id)
                answer = await got(f"{stack.prometheus_url}/api/v1/query", query=query)
                assert answer["status"] == "success", f"{dashboard.title}, {panel.title}: {answer}"
                if not answer["data"]["result"]:
                    empty.add(f"{panel.title}: {legend}")
    return empty


def need_an_exporter() -> set[str]:
    """The queries of a series that only a cluster has."""
    elsewhere = series.foreign(rules.FOLDER / "foreign-metrics.yaml", cluster_only=True)
    return {
        f"{panel.title}: {legend}"
        for dashboard in dashboards.DASHBOARDS
        for panel in dashboard.panels
        for legend, expression in panel.queries.items()
        if any(selector.name in elsewhere for selector in promql.named(expression).selectors)
    }


def english(stack: Running) -> DialableLine:
    return next(line for line in stack.lines if line.language == "en")


async def order(stack: Running, engine: Engine, number: int, trouble: Trouble | None = None) -> None:
    wish = Wish(f"{FIRST_NAMES[number]} Byrne", 1, VOICES[number])
    engine.expect(wish, trouble)

    async def ring() -> Experience:
        return await ScriptedCaller(sip_of(stack), english(stack).line_id, wish, f"+3532099{number:05d}").run()

    # A bridge that has just been woken takes a moment.
    told = await eventually(ring, lambda told: told.status == 200, SEEN_WITHIN_S)
    assert told.agreed, told


def sip_of(stack: Running) -> tuple[str, int]:
    host, _, port = stack.sip.rpartition(":")
    return host, int(port)


async def use_a_model_that_stops(stack: Running) -> None:
    """A call that it had is in the books."""
    connection = await asyncpg.connect(stack.platform_database_url)
    try:
        await connection.execute(
            "insert into call_log (id, started_at, ended_at, restaurant_id, outcome, model, duration_ms, cost_dollars)"
            " values ('older', now(), now(), $1, 'answered', $2, 60000, 0.1)",
            english(stack).restaurant_id,
            RETIREMENTS[0].model,
        )
    finally:
        await connection.close()


async def annoy(stack: Running) -> None:
    """A datagram that is no SIP, and a method that there is not."""
    told = "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1|From: <sip:a@b>;tag=1|To: <sip:x@b>|Call-ID: 1|CSeq: 1 SING"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"not a message of SIP, but longer than a keep-alive", sip_of(stack))
        request = f"SING sip:x@b SIP/2.0|{told}|Max-Forwards: 70|Content-Length: 0||".replace("|", "\r\n")
        stranger.sendto(request.encode(), sip_of(stack))


async def test_after_a_few_calls_every_panel_shows_something_but_those_of_exporters(
    stack: Running, engine: Engine
) -> None:
    await order(stack, engine, 0)
    await order(stack, engine, 1, Trouble("drop", "order"))
    await annoy(stack)
    await use_a_model_that_stops(stack)

    empty = await eventually(lambda: empty_queries(stack), lambda found: found <= need_an_exporter(), SEEN_WITHIN_S)

    assert empty == need_an_exporter()


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
