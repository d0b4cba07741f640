import base64
import contextlib
import uuid

import pytest

from eventing import letters
from eventing.catalogue import FaqChanged
from eventing.cloudevents import Event, to_binary
from eventing.letters import KeptLetter, readable
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run, Running

pytestmark = pytest.mark.integration

BINARY = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/pos",
    "ce-type": "com.example.sold",
    "ce-knativeerrordest": "http://order-logger.alloresto.svc",
    "ce-knativeerrorcode": "400",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
MIB = 1 << 20


def keeper(run: Run, platform_url: str, *, ready: bool = True) -> contextlib.AbstractAsyncContextManager[Running]:
    return run("functions", "dead_letter_keeper", ready=ready, PLATFORM_DATABASE_URL=platform_url)


def letter(restaurant_id: str, answer: str) -> Event:
    extensions = {"knativeerrordest": "http://order-logger.alloresto.svc", "knativeerrorcode": "400"}
    encoded = base64.b64encode(answer.encode()).decode()[:1024]
    return Event.of(FaqChanged(restaurant_id=restaurant_id), source="/web").with_extensions(
        extensions | {"knativeerrordata": encoded}
    )


async def post(function: Running, headers: dict[str, str], body: bytes) -> int:
    async with function.session.post(function.url, data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def kept(postgres: Pools) -> list[KeptLetter]:
    async with postgres.platform.platform() as connection:
        ids = await connection.fetch("select id from dead_letter order by received_at")
        found = [await letters.one(connection, row["id"]) for row in ids]
    return [one for one in found if one is not None]


async def replay(postgres: Pools, letter_id: str) -> bool:
    async with postgres.platform.platform() as connection:
        return await letters.replay(connection, letter_id)


async def test_why_an_event_was_refused_is_kept_in_words(
    run: Run, database: Database, postgres: Pools, restaurant_id: str
) -> None:
    async with keeper(run, database.platform_url) as function:
        status, _, _ = await function.send(letter(restaurant_id, '{"detail":"prix: trop élevé"}\n'))

    (found,) = await kept(postgres)
    assert status == 204
    assert (found.subscriber, found.reason) == ("order-logger", '400 {"detail":"prix: trop élevé"}')
    assert found.restaurant_id == restaurant_id


@pytest.mark.parametrize(
    ("headers", "body", "known"),
    [
        pytest.param(BINARY | {"ce-specversion": "0.3"}, b"{}", ("e-1", "/pos", "com.example.sold"), id="0.3"),
        pytest.param(
            BINARY | {"content-type": "application/xml"}, b"<a/>", ("e-1", "/pos", "com.example.sold"), id="XML"
        ),
        pytest.param(BINARY | {"ce-time": "yesterday"}, b"{}", ("e-1", "/pos", "com.example.sold"), id="time"),
        pytest.param(BINARY | {"ce-id": "e\t1"}, b"{}", ("e\t1", "/pos", "com.example.sold"), id="tab in the id"),
        pytest.param(BINARY | {"ce-id": "e%001"}, b"{}", ("e�1", "/pos", "com.example.sold"), id="NUL in the id"),
        pytest.param(BINARY, b'{"a":"\\u0000"}', ("e-1", "/pos", "com.example.sold"), id="NUL in the data"),
        pytest.param(BINARY, b"{", ("e-1", "/pos", "com.example.sold"), id="half a JSON"),
        pytest.param(BINARY, b"\xff\xfe\x00", ("e-1", "/pos", "com.example.sold"), id="no UTF-8"),
        pytest.param(BINARY, b"[" * 100_000, ("e-1", "/pos", "com.example.sold"), id="deeply nested"),
        pytest.param({"content-type": "text/plain"}, b"hello", ("", "", ""), id="no event"),
        pytest.param({"ce-type": "x"}, b"", ("", "", "x"), id="no id, no source"),
        pytest.param(
            STRUCTURED,
            b'{"id":"e\t1","source":"/pos","type":7,"data":{"b":"\xff"}}',
            ("e\t1", "/pos", ""),
            id="structured",
        ),
        pytest.param(BINARY, b'"' + b"x" * 2 * MIB + b'"', ("e-1", "/pos", "com.example.sold"), id="2 MiB"),
        pytest.param(
            BINARY | {"ce-source": "s" * 9000}, b"{}", ("e-1", "s" * 500, "com.example.sold"), id="long source"
        ),
    ],
)
async def test_a_letter_is_kept_as_it_came_whatever_is_wrong_with_it(
    run: Run,
    database: Database,
    postgres: Pools,
    headers: dict[str, str],
    body: bytes,
    known: tuple[str, str, str],
) -> None:
    async with keeper(run, database.platform_url) as function:
        status = await post(function, headers | {"Authorization": "Bearer the-brokers-own"}, body)

    (found,) = await kept(postgres)
    assert status == 204
    assert (found.event_id, found.source, found.type) == known
    assert (found.body, found.truncated) == (body, False)
    assert headers.items() <= found.headers.items()
    assert "authorization" not in found.headers
    assert await replay(postgres, found.id)


async def test_a_letter_over_the_bound_is_cut_off_marked_and_not_replayed(
    run: Run, database: Database, postgres: Pools
) -> None:
    body = b"x" * (5 * MIB)
    async with keeper(run, database.platform_url) as function:
        status = await post(function, BINARY, body)

    (found,) = await kept(postgres)
    assert (status, found.truncated, found.body) == (204, True, body[: 4 * MIB])
    assert not await replay(postgres, found.id)
    assert (await kept(postgres))[0].state == "open"


async def test_a_letter_is_one_for_its_event_and_subscriber_and_dropped_for_no_other(
    run: Run, database: Database, postgres: Pools
) -> None:
    unknown = {name: value for name, value in BINARY.items() if not name.startswith("ce-knative")}
    of_another = BINARY | {"ce-knativeerrordest": "http://call-logger.alloresto.svc"}
    async with keeper(run, database.platform_url) as function:
        for headers in (BINARY, BINARY, of_another, BINARY | {"ce-source": "/other"}, unknown, unknown):
            assert await post(function, headers, b"{}") == 204

    assert [(one.source, one.subscriber, one.failures) for one in await kept(postgres)] == [
        ("/pos", "order-logger", 1),
        ("/pos", "call-logger", 1),
        ("/other", "order-logger", 1),
        ("/pos", "", 1),
        ("/pos", "", 1),
    ]


@pytest.mark.parametrize("first", [BINARY, {**BINARY, "ce-knativeerrordest": ""}])
@pytest.mark.parametrize("again", ["http://order-logger.alloresto.svc", ""])
async def test_a_replay_that_fails_again_says_so_on_its_letter(
    run: Run, database: Database, postgres: Pools, first: dict[str, str], again: str
) -> None:
    async with keeper(run, database.platform_url) as function:
        await post(function, first, b"{}")
        (sent,) = await kept(postgres)
        assert await replay(postgres, sent.id)
        (replayed,) = await kept(postgres)
        failure = letters.as_sent(replayed.headers, sent.id)
        failure |= {"ce-knativeerrordest": again, "ce-knativeerrorcode": "503"}
        for _ in range(2):  # the Broker may bring it twice
            await post(function, failure, b"{}")

    (found,) = await kept(postgres)
    assert (replayed.state, found.state) == ("replayed", "failed again")
    assert (found.id, found.failures, found.reason) == (sent.id, 2, "503")


async def test_a_replay_whose_mark_was_lost_on_the_way_is_known_by_its_event_and_subscriber(
    run: Run, database: Database, postgres: Pools
) -> None:
    async with keeper(run, database.platform_url) as function:
        await post(function, BINARY, b"{}")
        (sent,) = await kept(postgres)
        await replay(postgres, sent.id)
        for _ in range(2):
            await post(function, BINARY | {"ce-knativeerrorcode": "503"}, b"{}")

    (found,) = await kept(postgres)
    assert (found.id, found.state, found.failures, found.reason) == (sent.id, "failed again", 2, "503")


async def test_a_replay_that_another_subscriber_cannot_take_is_a_letter_of_its_own(
    run: Run, database: Database, postgres: Pools
) -> None:
    async with keeper(run, database.platform_url) as function:
        await post(function, BINARY, b"{}")
        (sent,) = await kept(postgres)
        await replay(postgres, sent.id)
        await post(
            function,
            letters.as_sent(BINARY, sent.id) | {"ce-knativeerrordest": "http://call-logger.alloresto.svc"},
            b"{}",
        )

    assert [(one.subscriber, one.state) for one in await kept(postgres)] == [
        ("order-logger", "replayed"),
        ("call-logger", "open"),
    ]


async def test_without_postgres_the_broker_is_asked_to_try_again(
    run: Run, restaurant_id: str, unused_tcp_port: int
) -> None:
    async with keeper(run, f"postgresql://x@127.0.0.1:{unused_tcp_port}/none", ready=False) as function:
        put_off, _, _ = await function.send(letter(restaurant_id, ""))

    assert put_off == 503


async def test_a_letter_of_a_restaurant_is_known_by_its_data_where_no_extension_says_it(
    run: Run, database: Database, postgres: Pools, restaurant_id: str
) -> None:
    gone = str(uuid.uuid4())
    async with keeper(run, database.platform_url) as function:
        for number, one in enumerate((restaurant_id, gone)):
            headers, body = to_binary(Event.of(FaqChanged(restaurant_id=one), source="/web", id=str(number)))
            del headers["ce-restaurantid"]
            await post(function, headers, body)

    assert [one.restaurant_id for one in await kept(postgres)] == [restaurant_id, None]


@pytest.mark.parametrize("text", ["", "busy", "no upstream", "%%%", base64.b64encode(b"\xff\xfe\x00").decode()])
def test_an_answer_that_is_no_text_in_base64_is_left_as_it_is(text: str) -> None:
    assert readable(text) == text


def test_an_answer_that_the_broker_cut_is_read_up_to_there() -> None:
    cut = base64.b64encode(("é" * 600).encode()).decode()[:1024]

    assert readable(cut) == "é" * 384
