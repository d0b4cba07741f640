"""The runtime's small parts: slots, envelopes, answers, ports and schedules."""

import asyncio
from datetime import UTC, datetime

import pytest

from devstack.knative.broker import judge, matches
from devstack.knative.envelopes import Envelope, NotAnEventError, read_envelope
from devstack.knative.environment import Environment, expand
from devstack.knative.pings import check_schedule, next_run
from devstack.knative.plan import ContainerPlan, Delivery, Destination, DestinationKind, TriggerPlan
from devstack.knative.slots import MAX_WAITING, QueueFullError, Slots
from devstack.servers.ports import free_port
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}


class FakePod:
    def __init__(self, name: str) -> None:
        self.name = name
        self.in_flight = 0
        self.changes = 0

    def busy_changed(self) -> None:
        self.changes += 1


async def test_requests_get_pods_in_the_order_of_their_arrival() -> None:
    """K14."""
    slots: Slots[FakePod] = Slots(1)
    pod = FakePod("a")
    order: list[int] = []

    async def request(number: int) -> None:
        taken = await slots.acquire()
        order.append(number)
        slots.release(taken)

    waiting = [asyncio.create_task(request(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert slots.waiting == 5
    slots.add(pod)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]
    assert pod.in_flight == 0


async def test_a_wait_that_is_cancelled_loses_no_slot() -> None:
    """K3."""
    slots: Slots[FakePod] = Slots(1)
    pod = FakePod("a")
    first, second = asyncio.create_task(slots.acquire()), asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    slots.add(pod)  # the first has it, but has not run yet
    first.cancel()
    assert await second is pod
    assert pod.in_flight == 1
    slots.release(pod)
    assert pod.in_flight == 0


async def test_a_request_after_a_cancelled_one_gets_the_free_pod() -> None:
    slots: Slots[FakePod] = Slots(1)
    pod = FakePod("a")
    cancelled = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    cancelled.cancel()
    slots.add(pod)  # its place in the queue is still there: it has not run since
    async with asyncio.timeout(PATIENCE_S):
        assert await slots.acquire() is pod
    assert pod.in_flight == 1


async def test_the_queue_is_bounded() -> None:
    """K14."""
    slots: Slots[FakePod] = Slots(1)
    waiting = [asyncio.create_task(slots.acquire()) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await asyncio.wait_for(slots.acquire(), PATIENCE_S)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert slots.waiting == 0


async def test_without_a_limit_requests_go_to_the_least_loaded_pod() -> None:
    slots: Slots[FakePod] = Slots(0)
    for name in "ab":
        slots.add(FakePod(name))
    assert [(await slots.acquire()).name for _ in range(4)] == ["a", "b", "a", "b"]


async def test_a_removed_pod_gets_nothing_more() -> None:
    slots: Slots[FakePod] = Slots(1)
    pod = FakePod("a")
    slots.add(pod)
    slots.remove(pod)
    waiting = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    assert slots.waiting == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert slots.waiting == 0


def test_a_binary_event_is_read_and_written_unchanged() -> None:
    headers = EVENT | {"ce-subject": "caf%C3%A9", "Content-Type": "application/json"}
    envelope = read_envelope(headers, b'{"a":1}')
    assert envelope.attributes["subject"] == "café"
    assert envelope.headers()["ce-subject"] == "caf%C3%A9"
    assert (envelope.content_type, envelope.body) == ("application/json", b'{"a":1}')


def test_a_structured_event_is_unfolded() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","n":3,"ok":true,"data":["\xc3\xa9"]}'
    envelope = read_envelope({"content-type": "application/cloudevents+json; charset=utf-8"}, body)
    assert envelope.attributes["n"] == "3"
    assert envelope.attributes["ok"] == "true"
    assert envelope.body.decode() == '["é"]'


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({}, b"", "no id, source, type, specversion"),
        (EVENT | {"ce-id": ""}, b"", "no id"),
        ({"content-type": "application/cloudevents+json"}, b"[]", "not an object"),
        ({"content-type": "application/cloudevents+json"}, b"{", "not JSON"),
        ({"content-type": "application/cloudevents+json"}, b'{"data_base64":"*"}', "not base64"),
    ],
)
def test_what_is_no_event_is_told_so(headers: dict[str, str], body: bytes, words: str) -> None:
    with pytest.raises(NotAnEventError, match=words):
        read_envelope(headers, body)


@pytest.mark.parametrize(
    ("status", "headers", "body", "ok", "retried"),
    [
        (204, {}, b"", True, True),
        (202, {}, b"", True, True),
        (200, EVENT, b"{}", True, True),
        (202, {}, b"accepted", False, True),
        (200, {"content-type": "application/x-ndjson"}, b"{}\n", False, True),
        (500, {}, b"", False, True),
        (503, {}, b"", False, True),
        (429, {}, b"", False, True),
        (409, {}, b"", False, True),
        (404, {}, b"", False, True),
        (400, {}, b"", False, False),
        (422, {}, b"", False, False),
        (301, {}, b"", False, False),
    ],
)
def test_an_answer_means_done_again_or_never(
    status: int, headers: dict[str, str], body: bytes, ok: bool, retried: bool
) -> None:
    """K45, K47."""
    outcome = judge(status, headers, body)
    assert outcome.ok is ok
    if not ok:
        assert outcome.retried is retried


@pytest.mark.parametrize(
    ("attributes", "matching"),
    [({}, True), ({"type": "t"}, True), ({"type": "x"}, False), ({"tenant": ""}, False), ({"type": ""}, True)],
)
def test_a_filter_wants_every_attribute_exactly(attributes: dict[str, str], matching: bool) -> None:
    """K50."""
    trigger = TriggerPlan("n", "default", attributes, Destination("uri", "http://x"), Delivery())
    assert matches(trigger, Envelope({"type": "t", "id": "1"}, "", b"")) is matching


@pytest.mark.parametrize(
    ("kind", "path", "url"),
    [
        ("service", "", "http://one.n.svc.cluster.local"),
        ("service", "/due", "http://one.n.svc.cluster.local/due"),
        ("workload", "due?now=1", "http://one.n.svc.cluster.local/due?now=1"),
        ("broker", "", "http://broker-ingress.knative-eventing.svc.cluster.local/n/one"),
    ],
)
def test_a_sinks_uri_is_a_path_below_its_reference(kind: DestinationKind, path: str, url: str) -> None:
    """K56."""
    assert Destination(kind, "one", path).in_cluster("n") == url


def test_kubernetes_references_are_expanded() -> None:
    assert expand("$(A)-$(B)-$$(A)", {"A": "1"}) == "1-$(B)-$(A)"


@pytest.mark.parametrize(("shifted", "preload"), [("+86400", "libfaketime.so.1"), (None, None)])
def test_a_pod_has_the_clock_of_its_node_and_no_other_library_of_it(
    shifted: str | None, preload: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "libfaketime.so.1")
    monkeypatch.delenv("FAKETIME", raising=False)
    if shifted is not None:
        monkeypatch.setenv("FAKETIME", shifted)

    environment = Environment((), {}, "n").resolve("pod", {})

    assert (environment.get("FAKETIME"), environment.get("LD_PRELOAD")) == (shifted, preload)


def test_a_port_listens_where_the_environment_says() -> None:
    container = ContainerPlan((), Environment((), {}, "n"), {"http": 8080, "media-in": 9000}, None, None)
    assert container.port({}, None) == 8080
    assert container.port({"PORT": "1"}, "http") == 1
    assert container.port({"MEDIA_IN_PORT": "2"}, 9000) == 2
    assert container.port({}, "media-in") == 9000


def test_free_ports_differ() -> None:
    assert len({free_port() for _ in range(50)}) == 50


def test_a_schedule_may_begin_with_seconds() -> None:
    """K54."""
    after = datetime(2026, 11, 21, 10, 0, 1, tzinfo=UTC)
    assert next_run("*/5 * * * * *", "UTC", after).second == 5
    assert next_run("0 3 * * *", "Europe/Paris", after) == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    assert check_schedule("* * * * *", "UTC") is None
    assert check_schedule("soon", "UTC") is not None
