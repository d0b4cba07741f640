"""What the platform's staff see of bridges, handlers, calls and events."""

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask.testing import FlaskClient

from domain.assignment import Node, plan
from stores import lines, live, nodes
from stores.live import QueuedCall
from stores.postgres import Postgres
from stores.redis import connect
from tests.conftest import run_apart
from tests.integration.web.admin import CALLER, SUPPORT, Admin, csrf_token, execute, fetch, log_call, ring
from web import create_app
from web.platform.pods import LocalRuntime, Pods, Scale, Scales

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]
PAGE = "/admin/infrastructure"


@pytest.fixture
def staff(log_in: LogIn) -> FlaskClient:
    return log_in(SUPPORT)


def beat(admin: Admin, *node_ids: str, status: nodes.NodeStatus = "healthy") -> None:
    async def work() -> None:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                for node_id in node_ids:
                    await nodes.heartbeat(connection, node_id, hostname=node_id, registrations_count=3, status=status)
        finally:
            await postgres.close()

    run_apart(work)


def moves(admin: Admin) -> dict[str, str]:
    """What the line assigner would do now: the node by the line."""

    async def work() -> dict[str, str]:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                known = await nodes.all_nodes(connection)
                assigned = await lines.assignments(connection)
                due = plan([Node(one.id, one.max_registrations, one.status) for one in known], assigned)
                await lines.move(connection, due.moves)
                return {move.line_id: move.to for move in due.moves}
        finally:
            await postgres.close()

    return run_apart(work)


def ask(staff: FlaskClient, node: str, drain: str) -> int:
    token = csrf_token(staff.get("/admin/tenants/new").text)
    answer = staff.post(f"{PAGE}/bridges/drain", data={"node": node, "drain": drain, "csrf_token": token})
    return answer.status_code


def test_a_page_with_nothing_to_show_says_so(staff: FlaskClient) -> None:
    page = staff.get(PAGE).text

    for words in (
        "No bridge has been heard of yet.",
        "This admin runs beside no cluster and no local runtime",
        "Nobody is on the phone.",
        "No event has been taken yet.",
    ):
        assert words in page


def test_bridges_calls_and_who_waits_are_seen_without_who_called(staff: FlaskClient, admin: Admin) -> None:
    beat(admin, "edge-0")
    ring(admin, "call-1", seconds_ago=5)
    queued = QueuedCall(
        restaurant_id=admin.margot.id,
        phone_line_id=str(uuid.uuid4()),
        call_id="call-2",
        bridge_node_id="edge-0",
        audio_stream_url="ws://x",
        timestamp=round((datetime.now(UTC) - timedelta(seconds=61)).timestamp() * 1000),
    )

    async def wait() -> None:
        async with connect(admin.redis_url) as redis:
            await live.queued(redis, queued)

    run_apart(wait)
    page = staff.get(PAGE).text

    assert 'id="bridge-1"' in page and "3 of 200 lines" in page and "1 call" in page
    assert 'id="call-call-1"' in page and "Harbour Pizza" in page
    assert 'id="queued-call-2"' in page and "Chez Margot" in page and re.search(r"1:0[1-9]", page)
    assert CALLER not in page


def test_a_call_whose_bridge_is_gone_is_not_shown(staff: FlaskClient, admin: Admin) -> None:
    ring(admin, "call-1", seconds_ago=60)

    assert "Nobody is on the phone." in staff.get(PAGE).text


def test_a_silent_bridge_is_told_from_one_that_lives(staff: FlaskClient, admin: Admin) -> None:
    beat(admin, "edge-0", "edge-1")
    execute(admin, "update sip_bridge_node set last_heartbeat = now() - interval '40 s' where id = 'edge-1'")

    page = staff.get(PAGE).text

    assert page.count("Silent") == 1 and page.count("Healthy") == 1


def test_a_drained_bridge_gives_its_lines_to_the_others_and_lives_on(staff: FlaskClient, admin: Admin) -> None:
    execute(admin, "update phone_line set sip_domain = 'trunk.example', sip_username = number")
    beat(admin, "edge-0")
    first = moves(admin)
    beat(admin, "edge-1")
    assert set(first.values()) == {"edge-0"}

    status = ask(staff, "edge-0", "yes")
    beat(admin, "edge-0")  # it knows nothing of it, and says that it is healthy
    moved = moves(admin)

    assert status == 303
    assert moved.keys() == first.keys() and set(moved.values()) == {"edge-1"}
    page = staff.get(PAGE).text
    assert "Draining" in page and "Take lines again" in page
    assert ask(staff, "edge-0", "no") == 303
    assert fetch(admin, "select status from sip_bridge_node where id = 'edge-0'") == [{"status": "healthy"}]
    actions = [one["action"] for one in fetch(admin, "select action from audit_log order by id")]
    assert actions == ["bridge.drain_asked", "bridge.drain_taken_back"]


def test_a_bridge_that_is_unknown_can_not_be_drained(staff: FlaskClient, admin: Admin) -> None:
    assert ask(staff, "edge-9", "yes") == 404
    assert fetch(admin, "select action from audit_log") == []


def test_an_outbox_that_stands_still_is_said(staff: FlaskClient, admin: Admin) -> None:
    execute(admin, "delete from outbox")
    execute(
        admin,
        "insert into outbox (event_id, restaurant_id, type, event, attempts, created_at)"
        " values ('1', $1, 'x', '{}', 2, now() - interval '65 s')",
        admin.pizza.id,
    )

    page = staff.get(PAGE).text

    assert "The oldest event waits for 1:05" in page and "1 was tried and not taken." in page


def test_the_last_events_are_listed_with_who_took_them(staff: FlaskClient, admin: Admin) -> None:
    execute(
        admin,
        "insert into processed_event (consumer, source, event_id, restaurant_id, type) select 'order_logger', '/x',"
        " n::text, $1::uuid, 'com.alloresto.order.confirmed' from generate_series(1, 40) n",
        admin.pizza.id,
    )

    page = staff.get(PAGE).text

    assert page.count("order.confirmed") == 30 and "order_logger" in page


def test_without_redis_the_rest_of_the_page_is_there(admin: Admin, log_in: LogIn) -> None:
    app = create_app(admin.settings(redis_url="redis://127.0.0.1:1/0"))
    beat(admin, "edge-0")
    client = app.test_client()
    client.set_cookie("alloresto_language", "en")
    with log_in(SUPPORT).session_transaction() as kept:
        values = dict(kept)
    with client.session_transaction() as session:
        session.update(values)

    page = client.get(PAGE).text
    app.extensions["alloresto.database"].close()

    assert "Redis does not answer" in page and "edge-0" in page


@pytest.fixture
def runtime() -> Iterator[tuple[str, list[str]]]:
    """A server that answers as the local runtime does; its URL, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b'[{"name": "call-handler-00002", "service": "call-handler", "desired": 4, "actual": 3}]'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_handlers_are_read_from_the_local_runtime_and_not_for_each_who_looks(runtime: tuple[str, list[str]]) -> None:
    url, asked = runtime
    pods = Pods(LocalRuntime(url))

    seen = [pods.now() for _ in range(3)]

    assert set(seen) == {Scales((Scale("call-handler", "call-handler-00002", 4, 3),))}
    assert asked == ["/runtime/revisions"]


def test_a_runtime_that_does_not_answer_is_said_and_breaks_no_page() -> None:
    found = Pods(LocalRuntime("http://127.0.0.1:1")).now()

    assert found is not None and found.found == () and "refused" in found.unknown


def test_a_call_is_shown_step_by_step_without_what_was_said(staff: FlaskClient, admin: Admin) -> None:
    log_call(admin, "call-1")
    execute(
        admin,
        "insert into call_trace (call_id, started_at, restaurant_id, ladder, moments) select id, started_at,"
        " restaurant_id, $1, $2 from call_log",
        '{"rungs": [{"atMs": 0, "direction": "in", "method": "INVITE", "sequence": 1}, {"atMs": 7, "direction": "out",'
        ' "method": "INVITE", "sequence": 1, "status": 200, "facts": {"codecs": "PCMA"}}]}',
        '[{"atMs": 431, "what": "joined", "attempt": 1}]',
    )

    page = staff.get("/admin/calls/call-1").text

    assert "joined" in page and "INVITE" in page and "PCMA" in page and "1:14" in page
    assert CALLER not in page and "Margherita" not in page


def test_calls_are_narrowed_to_a_restaurant_and_to_those_not_served(staff: FlaskClient, admin: Admin) -> None:
    log_call(admin, "call-1")

    assert "call-1" in staff.get("/admin/calls?q=harbour").text
    assert "call-1" not in staff.get("/admin/calls?q=margot").text
    assert "No call found" in staff.get("/admin/calls?missed=yes").text
    assert staff.get("/admin/calls/" + "x" * 200).status_code == 404


def test_costs_are_by_restaurant_and_model_and_tell_which_models_stop(staff: FlaskClient, admin: Admin) -> None:
    log_call(admin, "call-1")
    execute(admin, "update call_log set model = 'gpt-realtime-2025-08-28', cost_dollars = 0.25")

    page = staff.get("/admin/costs?days=7").text

    assert "US$0.25" in page and "Harbour Pizza" in page and "gpt-realtime-2025-08-28" in page
    assert "In use" in page and "20 Jan 2027" in page
