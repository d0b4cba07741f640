"""Which greeting a bridge holds for a restaurant, from what lies in Redis."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from edge_bridge.lines.greetings import MAX_BYTES, Greetings, built_in
from edge_bridge.media.audio import FRAME_BYTES
from stores import greetings, keys
from stores.redis import connect
from tests.fakes.proxy import TcpProxy
from tests.integration.edge_bridge.conftest import restaurant

pytestmark = pytest.mark.integration

OURS = restaurant("Busy")


def rendered(text: str, frames: int = 50, sound: bytes = b"\x10") -> greetings.Greeting:
    return greetings.Greeting(text, "joe", sound * FRAME_BYTES * frames)


async def test_until_its_own_is_rendered_a_restaurant_has_the_one_of_its_language(redis: Any) -> None:
    held = Greetings(redis)
    await held.refresh([OURS.id])

    assert held.of(OURS) == built_in("en", recorded=False)
    assert held.of(restaurant("Chez Margot", language="fr")) == built_in("fr", recorded=False)


async def test_a_rendered_greeting_is_held_from_the_next_refresh_on(redis: Any) -> None:
    held = Greetings(redis)
    await greetings.save(redis, OURS.id, rendered("Busy, good evening!"))
    before = held.of(OURS)
    await held.refresh([OURS.id])

    assert before == built_in("en", recorded=False)
    assert held.of(OURS).text == "Busy, good evening!"
    assert held.of(OURS).frames == (b"\x10" * FRAME_BYTES,) * 50


async def test_another_text_and_another_length_replace_it(redis: Any) -> None:
    held = Greetings(redis)
    texts = []
    for greeting in (rendered("One"), rendered("Two"), rendered("Two", frames=60)):
        await greetings.save(redis, OURS.id, greeting)
        await held.refresh([OURS.id])
        texts.append((held.of(OURS).text, len(held.of(OURS).frames)))

    assert texts == [("One", 50), ("Two", 50), ("Two", 60)]


async def test_one_that_nobody_would_listen_to_and_one_that_is_gone_leave_what_was_there(redis: Any) -> None:
    held = Greetings(redis)
    await greetings.save(redis, OURS.id, rendered("Busy, good evening!"))
    await held.refresh([OURS.id])
    await greetings.save(redis, OURS.id, rendered("On and on", frames=MAX_BYTES // FRAME_BYTES + 1))
    await held.refresh([OURS.id])
    await redis.delete(keys.restaurant_greeting(OURS.id))
    await held.refresh([OURS.id])

    assert held.of(OURS).text == "Busy, good evening!"


async def test_what_is_held_stays_while_redis_is_away(redis: Any, redis_url: str) -> None:
    await greetings.save(redis, OURS.id, rendered("Busy, good evening!"))
    there = urlsplit(redis_url).port or 0
    async with TcpProxy(there) as proxy, connect(redis_url.replace(f":{there}", f":{proxy.port}")) as client:
        held = Greetings(client)
        await held.refresh([OURS.id])
        await proxy.go_away()
        await held.refresh([OURS.id])

    assert held.of(OURS).text == "Busy, good evening!"
