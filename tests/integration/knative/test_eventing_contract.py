"""Knative Eventing's measured behaviour with the in-memory Broker, one test a line of docs/knative-contract.md."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from devstack.knative.broker import HOPS
from devstack.knative.pings import RETRIES

pytestmark = pytest.mark.integration

Start = Callable[..., Coroutine[Any, Any, Any]]
Build = Callable[..., dict[str, Any]]
Sink = Callable[[str], dict[str, Any]]

RECEIVER: dict[str, str] = {"min-scale": "1"}
"""Warm subscribers keep these tests short."""


def recording(service: Build, cluster_folder: Any, name: str, **env: str) -> dict[str, Any]:
    """A subscriber with a record file of its own, named after it."""
    return service(name, scaling=RECEIVER, env={"RECORD_FILE": str(cluster_folder / name)} | env)


async def test_publishing_returns_when_every_subscriber_is_done(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K41."""
    slow = recording(service, tmp_path, "slow", ANSWER_AFTER_MS="600")
    cluster = await start(broker, slow, trigger("slow"))
    began = time.monotonic()
    assert await cluster.publish() == 202
    assert time.monotonic() - began >= 0.6
    assert cluster.took("slow") == ["1"]


async def test_a_trigger_filters_by_exact_attributes(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K50."""
    cluster = await start(
        broker,
        recording(service, tmp_path, "one"),
        recording(service, tmp_path, "any"),
        trigger("one", attributes={"type": "probe.asked", "restaurantid": "7"}),
        trigger("any", attributes={}),
    )
    await cluster.publish("1")
    await cluster.publish("2", restaurantid="7")
    await cluster.publish("3", kind="probe.other", restaurantid="7")
    assert cluster.took("one") == ["2"]
    assert cluster.took("any") == ["1", "2", "3"]


async def test_an_event_arrives_byte_for_byte_with_its_attributes(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K51."""
    cluster = await start(broker, recording(service, tmp_path, "one"), trigger("one"))
    body = '{"name":"Crème brûlée",  "n":1}'
    structured = (
        '{"specversion":"1.0","id":"s","source":"/test","type":"probe.asked","subject":"é \\"x\\"","data":{"n":1}}'
    )
    headers = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/test", "ce-type": "probe.asked"}
    url = cluster.runtime.broker_url()
    json_type = {"content-type": "application/json"}
    structured_type = {"content-type": "application/cloudevents+json"}
    async with cluster.http.post(url, data=body.encode(), headers=headers | json_type) as answer:
        assert answer.status == 202
    async with cluster.http.post(url, data=structured.encode(), headers=structured_type) as answer:
        assert answer.status == 202
    binary, converted = cluster.records("one")
    assert binary["body"] == body
    assert converted["body"] == '{"n":1}'
    assert converted["event"]["subject"] == "%C3%A9%20%22x%22"
    assert "knativearrivaltime" in binary["event"]


async def test_what_is_no_event_is_400_and_goes_nowhere(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K51."""
    cluster = await start(broker, recording(service, tmp_path, "one"), trigger("one", attributes={}))
    async with cluster.http.post(cluster.runtime.broker_url(), data=b"{}", headers={"ce-id": "1"}) as answer:
        assert answer.status == 400
        assert "source" in await answer.text()
    async with cluster.http.post(cluster.runtime.broker_url() + "/x", data=b"{}") as answer:
        assert answer.status == 404
    assert cluster.took("one") == []


async def test_a_failed_delivery_is_tried_again_until_it_succeeds(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K44."""
    cluster = await start(broker, recording(service, tmp_path, "one", FAIL_FIRST="2"), trigger("one"))
    assert await cluster.publish() == 202
    assert cluster.took("one") == ["1", "1", "1"]
    assert cluster.kinds("one").count("delivery_failed") == 2


async def test_one_failing_subscriber_without_dead_letters_fails_the_publish_though_others_took_it(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K42."""
    cluster = await start(
        broker,
        recording(service, tmp_path, "good"),
        recording(service, tmp_path, "bad", ANSWER="500"),
        trigger("good"),
        trigger("bad"),
    )
    assert await cluster.publish() == 500
    assert await cluster.publish() == 500  # the publisher tries again
    assert cluster.took("good") == ["1", "1"]  # and the good one has it twice
    assert cluster.took("bad") == ["1"] * 6


async def test_a_dead_letter_sink_makes_it_202_and_gets_the_error_in_extensions(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], dead_letters_to: Sink, tmp_path: Any
) -> None:
    """K43."""
    cluster = await start(
        broker,
        recording(service, tmp_path, "bad", ANSWER="500"),
        recording(service, tmp_path, "letters"),
        trigger("bad", deadLetterSink=dead_letters_to("letters")),
    )
    assert await cluster.publish() == 202
    [letter] = [entry["event"] for entry in cluster.records("letters")]
    assert (letter["id"], letter["type"]) == ("1", "probe.asked")
    assert letter["knativeerrordest"] == "http://bad.alloresto.svc.cluster.local"
    assert letter["knativeerrorcode"] == "500"
    assert letter["knativebrokerttl"] == "255"
    assert "responseBody" in letter["knativeerrordata"]  # base64, because the answer has a line break in it
    assert "dead_letter" in cluster.kinds("bad")


async def test_a_dead_letter_sink_of_the_broker_serves_triggers_without_their_own(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], dead_letters_to: Sink, tmp_path: Any
) -> None:
    """K43."""
    broker["spec"] = {"delivery": {"deadLetterSink": dead_letters_to("letters")}}
    cluster = await start(
        broker,
        recording(service, tmp_path, "bad", ANSWER="400"),
        recording(service, tmp_path, "letters"),
        trigger("bad"),
    )
    assert await cluster.publish() == 202
    assert cluster.took("letters") == ["1"]


async def test_a_400_is_not_tried_again(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], dead_letters_to: Sink, tmp_path: Any
) -> None:
    """K45."""
    cluster = await start(
        broker,
        recording(service, tmp_path, "bad", ANSWER="400"),
        recording(service, tmp_path, "letters"),
        trigger("bad", deadLetterSink=dead_letters_to("letters")),
    )
    assert await cluster.publish() == 202
    assert cluster.took("bad") == ["1"]


@pytest.mark.parametrize("answer", ["ndjson", "text202"])
async def test_an_answer_that_is_neither_empty_nor_an_event_is_a_failure_and_invokes_again(
    answer: str, start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K47."""
    cluster = await start(broker, recording(service, tmp_path, "chatty", ANSWER=answer), trigger("chatty"))
    assert await cluster.publish() == 500
    assert cluster.took("chatty") == ["1", "1", "1"]


async def test_a_reply_event_is_published_again_before_the_publish_returns(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K48."""
    cluster = await start(
        broker,
        recording(service, tmp_path, "first", ANSWER="event"),
        recording(service, tmp_path, "second"),
        trigger("first"),
        trigger("second", attributes={"type": "probe.followed"}),
    )
    assert await cluster.publish() == 202
    assert cluster.took("second") == ["1-reply"]
    assert cluster.records("second")[0]["body"] == '{"from":"reply"}'


async def test_replies_that_answer_themselves_come_to_an_end(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K49."""
    cluster = await start(
        broker, recording(service, tmp_path, "loop", ANSWER="event"), trigger("loop", attributes={"source": ""})
    )
    assert await cluster.publish() == 202
    assert len(cluster.took("loop")) == HOPS
    assert "event_dropped" in cluster.kinds("loop")


async def test_with_a_delivery_timeout_the_event_comes_again_while_the_first_still_runs(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K46."""
    slow = recording(service, tmp_path, "slow", ANSWER_AFTER_MS="1500")
    slow["spec"]["template"]["spec"]["containerConcurrency"] = 10
    cluster = await start(broker, slow, trigger("slow", retry=1, timeout="PT0.4S"))
    await cluster.until(lambda: [pod.state for pod in cluster.runtime.pods("slow")] == ["ready"], "a warm pod")
    assert await cluster.publish() == 500
    assert cluster.took("slow") == ["1", "1"]


async def test_an_event_wakes_a_function_from_zero(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any]
) -> None:
    """K52."""
    cluster = await start(broker, service("sleeper"), trigger("sleeper"))
    assert cluster.runtime.pods("sleeper") == []
    assert await cluster.publish() == 202
    assert cluster.took() == ["1"]


def ping_source(schedule: str = "* * * * * *") -> dict[str, Any]:
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": "often"},
        "spec": {
            "schedule": schedule,
            "contentType": "application/json",
            "data": '{"tick": true}',
            "sink": {
                "ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "probe"},
                "uri": "/due",
            },
        },
    }


async def test_a_ping_source_takes_seconds_and_a_path(start: Start, service: Build) -> None:
    """K54, K56."""
    cluster = await start(service(scaling=RECEIVER), ping_source())
    await cluster.until(lambda: len(cluster.took()) >= 2, "two pings")
    first = cluster.records()[0]
    assert first["path"] == "/due"
    assert first["event"]["type"] == "dev.knative.sources.ping"
    assert first["event"]["source"] == "/apis/v1/namespaces/alloresto/pingsources/often"
    assert first["body"] == '{"tick": true}'


async def test_a_ping_that_fails_for_now_is_tried_again(start: Start, service: Build) -> None:
    """K55."""
    cluster = await start(service(scaling=RECEIVER, env={"FAIL_FIRST": "2"}), ping_source(), speed=10)
    await cluster.until(lambda: "ping" in cluster.kinds("often"), "a ping that is taken")
    assert len(cluster.took()) >= 3
    assert len(set(cluster.took()[:3])) == 1
    assert cluster.kinds("often")[:3] == ["delivery_failed", "delivery_failed", "ping"]


@pytest.mark.parametrize(("answer", "tries"), [("503", RETRIES + 1), ("500", 1)])
async def test_a_ping_that_fails_for_good_is_lost(answer: str, tries: int, start: Start, service: Build) -> None:
    """K55."""
    cluster = await start(service(scaling=RECEIVER, env={"ANSWER": answer}), ping_source(), speed=40)
    await cluster.until(lambda: "event_dropped" in cluster.kinds("often"), "a ping that is given up")
    kinds = cluster.kinds("often")
    assert kinds[: kinds.index("event_dropped")] == ["delivery_failed"] * tries


Answers = Callable[[web.Request], Awaitable[web.Response]]


@contextlib.asynccontextmanager
async def subscriber(answer: Answers) -> AsyncIterator[dict[str, Any]]:
    """A Trigger's subscriber outside of the runtime, as ``subscriber`` of its spec."""
    server = web.Server(answer, handler_cancellation=True)  # type: ignore[arg-type]
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield {"uri": f"http://127.0.0.1:{runner.addresses[0][1]}/"}
    await runner.cleanup()


async def no_answer(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError("the Broker waited")


async def no_event(_: web.Request) -> web.Response:
    return web.Response(text="thanks")


def noting(requests: list[dict[str, str]]) -> Answers:
    """Takes every event, and notes its headers with their names in lower case."""

    async def take(request: web.Request) -> web.Response:
        requests.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response()

    return take


@pytest.mark.parametrize("answer", [no_answer, no_event])
async def test_a_letter_after_a_timeout_or_an_answer_that_is_no_event_does_not_say_why(
    answer: Answers, start: Start, trigger: Build, broker: dict[str, Any]
) -> None:
    """K43."""
    letters: list[dict[str, str]] = []
    async with subscriber(answer) as outside, subscriber(noting(letters)) as sink:
        to_outside = trigger("bad", retry=0, timeout="PT0.2S", deadLetterSink=sink)
        to_outside["spec"]["subscriber"] = outside
        cluster = await start(broker, to_outside)

        assert await cluster.publish() == 202

    [letter] = letters
    assert {name for name in letter if name.startswith("ce-knative")} == {
        "ce-knativearrivaltime",
        "ce-knativebrokerttl",
    }


async def test_the_broker_says_its_namespace_and_that_it_takes_a_reply(
    start: Start, trigger: Build, broker: dict[str, Any]
) -> None:
    """K51."""
    taken: list[dict[str, str]] = []
    async with subscriber(noting(taken)) as outside:
        to_outside = trigger("outside")
        to_outside["spec"]["subscriber"] = outside
        cluster = await start(broker, to_outside)
        await cluster.publish()

    [headers] = taken
    assert (headers["kn-namespace"], headers["prefer"]) == ("alloresto", "reply")


async def test_a_body_that_is_not_the_json_that_it_says_is_500(
    start: Start, service: Build, trigger: Build, broker: dict[str, Any], tmp_path: Any
) -> None:
    """K51."""
    cluster = await start(broker, recording(service, tmp_path, "one"), trigger("one"))
    headers = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/test", "ce-type": "probe.asked"}

    async with cluster.http.post(
        cluster.runtime.broker_url(), data=b"not JSON", headers=headers | {"content-type": "application/json"}
    ) as answer:
        assert answer.status == 500

    assert cluster.took("one") == []
