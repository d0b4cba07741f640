"""The dead-letter keeper as a real process behind the real Broker, with a real Postgres."""

import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from eventing.letters import subscriber_of

pytestmark = pytest.mark.integration

Build = Callable[..., dict[str, Any]]
Start = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
def keeper(database: Any) -> dict[str, Any]:
    """The keeper's Knative Service, warm."""
    container = {
        "image": "probe",
        "command": ["python", "-m", "functions", "dead_letter_keeper"],
        "env": [{"name": "PLATFORM_DATABASE_URL", "value": database.platform_url}],
        "readinessProbe": {"httpGet": {"path": "/health/ready"}},
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "dead-letter-keeper"},
        "spec": {
            "template": {
                "metadata": {
                    "annotations": {
                        "autoscaling.knative.dev/min-scale": "1",
                        "autoscaling.knative.dev/target-burst-capacity": "-1",
                    }
                },
                "spec": {"containers": [container]},
            }
        },
    }


@pytest.fixture
async def refused(
    start: Start,
    service: Build,
    trigger: Build,
    broker: dict[str, Any],
    keeper: dict[str, Any],
    dead_letters_to: Callable[[str], dict[str, Any]],
) -> Any:
    """A cluster whose one subscriber refuses everything."""
    return await start(
        broker,
        keeper,
        service("picky", env={"ANSWER": "400"}, scaling={"min-scale": "1"}),
        trigger("picky", attributes={}, deadLetterSink=dead_letters_to("dead-letter-keeper")),
    )


async def letters(postgres: Any) -> list[Any]:
    async with postgres.platform.platform() as connection:
        rows: list[Any] = await connection.fetch("select * from dead_letter order by received_at")
    return rows


async def test_a_refused_event_is_kept_as_it_was_sent_with_who_refused_it_and_why(refused: Any, postgres: Any) -> None:
    assert await refused.publish("e-1", kind="com.example.unknown", subject="table 4", traceparent="00-1-2-01") == 202
    [letter] = await letters(postgres)
    assert (letter["event_id"], letter["type"], letter["source"]) == ("e-1", "com.example.unknown", "/test")
    assert letter["subscriber"] == "picky"
    assert letter["reason"].startswith("400 ")
    assert letter["restaurant_id"] is None
    assert letter["body"] == b'{"a": 1}'
    sent = {name: value for name, value in letter["headers"].items() if name.startswith("ce-")}
    assert {name: sent[name] for name in ("ce-specversion", "ce-subject", "ce-traceparent")} == {
        "ce-specversion": "1.0",
        "ce-subject": "table%204",
        "ce-traceparent": "00-1-2-01",
    }


async def test_a_letter_that_comes_twice_is_kept_once(refused: Any, postgres: Any) -> None:
    assert [await refused.publish("e-1"), await refused.publish("e-1")] == [202, 202]
    assert len(await letters(postgres)) == 1


async def test_a_letter_of_a_restaurant_that_is_gone_is_kept(refused: Any, postgres: Any) -> None:
    assert await refused.publish("e-1", restaurantid=str(uuid.uuid4())) == 202
    assert await refused.publish("e-2", restaurantid="not-a-uuid") == 202
    assert [letter["restaurant_id"] for letter in await letters(postgres)] == [None, None]


@pytest.mark.parametrize(
    ("destination", "subscriber"),
    [
        ("http://broker-filter.knative-eventing.svc.cluster.local/triggers/alloresto/order-logger/1-2", "order-logger"),
        ("http://order-logger.alloresto.svc.cluster.local", "order-logger"),
        ("", ""),
        ("http://[", "http://["),
    ],
)
def test_the_subscriber_has_a_short_name(destination: str, subscriber: str) -> None:
    assert subscriber_of(destination) == subscriber
