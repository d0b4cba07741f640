"""Several calls by audio at a time: each restaurant has one, since its rows tell of one call."""

from __future__ import annotations

import asyncio

import pytest

from evaluation.by_audio import each_at_another
from evaluation.files import Case
from tests.patience import PATIENCE_S
from tests.unit.evaluation.places import case

pytestmark = pytest.mark.unit

CASES = [
    case("harbour-pizza"),
    case("harbour-pizza"),
    case("harbour-pizza"),
    case("chez-margot"),
    case("taqueria-luna"),
]


async def ring_all(at_once: int) -> tuple[list[str], int, int]:
    """Which restaurants were rung, how many calls were up at once, and how many of one restaurant."""
    rung: list[str] = []
    up: list[str] = []
    most = most_of_one = 0

    async def ring(one: Case) -> None:
        nonlocal most, most_of_one
        rung.append(one.place.name)
        up.append(one.place.name)
        for _ in range(5):
            await asyncio.sleep(0)
            most, most_of_one = max(most, len(up)), max(most_of_one, *map(up.count, up))
        up.remove(one.place.name)

    async with asyncio.timeout(PATIENCE_S):
        await each_at_another(CASES, at_once, ring)
    return rung, most, most_of_one


async def test_as_many_as_wanted_ring_at_once_and_never_two_the_same_restaurant() -> None:
    rung, most, most_of_one = await ring_all(2)
    assert sorted(rung) == sorted(one.place.name for one in CASES)
    assert (most, most_of_one) == (2, 1)


async def test_one_at_a_time_rings_them_in_order() -> None:
    rung, most, _ = await ring_all(1)
    assert rung == [one.place.name for one in CASES] and most == 1


async def test_a_call_that_can_not_be_made_ends_the_others() -> None:
    async def ring(_: Case) -> None:
        raise RuntimeError("no stack")

    with pytest.raises(RuntimeError, match="no stack"):
        await each_at_another(CASES, 2, ring)
