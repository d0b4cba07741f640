import base64
import contextlib

import pytest

from eventing.catalogue import FaqChanged
from eventing.cloudevents import Event
from functions.dead_letter_keeper import readable
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run, Running

pytestmark = pytest.mark.integration


def keeper(run: Run, platform_url: str, *, ready: bool = True) -> contextlib.AbstractAsyncContextManager[Running]:
    return run("functions", "dead_letter_keeper", ready=ready, PLATFORM_DATABASE_URL=platform_url)


def letter(restaurant_id: str, answer: str) -> Event:
    extensions = {"knativeerrordest": "http://order-logger.alloresto.svc", "knativeerrorcode": "400"}
    encoded = base64.b64encode(answer.encode()).decode()[:1024]
    return Event.of(FaqChanged(restaurant_id=restaurant_id), source="/web").with_extensions(
        extensions | {"knativeerrordata": encoded}
    )


async def test_why_an_event_was_refused_is_kept_in_words(
    run: Run, database: Database, postgres: Pools, restaurant_id: str
) -> None:
    async with keeper(run, database.platform_url) as function:
        status, _, _ = await function.send(letter(restaurant_id, '{"detail":"prix: trop élevé"}\n'))

    async with postgres.platform.platform() as connection:
        kept = await connection.fetchrow("select subscriber, reason from dead_letter")
    assert status == 204
    assert tuple(kept) == ("order-logger", '400 {"detail":"prix: trop élevé"}')


async def test_what_is_no_event_is_refused_and_without_postgres_the_broker_tries_again(
    run: Run, restaurant_id: str, unused_tcp_port: int
) -> None:
    async with keeper(run, f"postgresql://x@127.0.0.1:{unused_tcp_port}/none", ready=False) as function:
        put_off, _, _ = await function.send(letter(restaurant_id, ""))
        async with function.session.post(function.url, data=b"{}") as answer:
            refused = answer.status

    assert (put_off, refused) == (503, 400)


@pytest.mark.parametrize("text", ["", "busy", "no upstream", "%%%", base64.b64encode(b"\xff\xfe\x00").decode()])
def test_an_answer_that_is_no_text_in_base64_is_left_as_it_is(text: str) -> None:
    assert readable(text) == text


def test_an_answer_that_the_broker_cut_is_read_up_to_there() -> None:
    cut = base64.b64encode(("é" * 600).encode()).decode()[:1024]

    assert readable(cut) == "é" * 384
