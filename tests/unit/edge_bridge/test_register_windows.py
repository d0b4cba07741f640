import asyncio
import math

import pytest

from edge_bridge.entrances.sip.registering.windows import FIRST, LEAST, Window

pytestmark = pytest.mark.unit


async def test_as_many_enter_as_there_are_places_and_the_next_in_turn() -> None:
    window = Window(2)
    await window.enter()
    await window.enter()
    third, fourth = asyncio.create_task(window.enter()), asyncio.create_task(window.enter())
    await asyncio.sleep(0)
    assert not third.done() and not fourth.done()
    window.leave()
    await third
    assert not fourth.done()
    window.leave()
    await fourth


async def test_who_gives_up_waiting_takes_no_place() -> None:
    window = Window(1)
    await window.enter()
    waiting, given = asyncio.create_task(window.enter()), asyncio.create_task(window.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    window.leave()
    await given
    # Given a place and cancelled in one turn of the loop: the place is free again.
    late = asyncio.create_task(window.enter())
    await asyncio.sleep(0)
    window.leave()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    async with asyncio.timeout(1):
        await window.enter()


def test_prompt_answers_make_it_larger_up_to_what_is_set() -> None:
    window = Window(40)
    for at in range(100):
        window.answered(0.01, at, at)
    assert (FIRST, window.size) == (32, 40)


def test_late_answers_make_it_smaller_once_a_round_and_it_never_closes() -> None:
    window = Window(200)
    for _ in range(20):
        window.answered(0.5, 1.0, 2.0)
    assert LEAST < window.size < FIRST
    for at in range(3, 60):
        window.answered(math.inf, at, at)
    assert window.size == LEAST
    window.answered(0.01, 60, 60)
    assert window.size == LEAST + 1 / LEAST  # carefully now
