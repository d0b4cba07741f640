"""Real calls to a cluster, whichever: what is said, and what must come of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from edge_bridge.prompts import prompt
from stores.orders import Order
from tests.cluster.cluster import Cluster, Guest
from tests.e2e.house import eventually
from tests.hearing import hears

SALADS = "Hello, two Caesar salads, please."
BURGER = "And one cheeseburger, that is all."
PICKUP = ("Pick up, my name is Anna.", "I will pick it up myself.", "I will come and collect it.")
NAME = ("My name is Anna.", "It is for Anna.")
YES = ("Yes, that is right.", "Yes, please order it.", "Yes.")
SENTENCES = (SALADS, BURGER, *PICKUP, *NAME, *YES)
ORDERED = [(2, "Caesar salad", ""), (1, "Cheeseburger", "")]

BACK_AT_ZERO_WITHIN_S = 300.0  # the base's window of 30 s and its last pod's 2 minutes

Sentences = Mapping[str, bytes]


async def an_order_from_zero_pods(cluster: Cluster, sentences: Sentences) -> None:
    """The greeting comes before there is a handler; the order in Postgres is the one that was spoken."""
    await back_at_zero(cluster)
    async with cluster.call(sentences) as call:
        await call.ring_until_joined()
        await hears(call.caller, await cluster.greeting())
        await cluster.busy_pod()
        await call.until_silent(0.0)
        await call.says(SALADS)
        await _the_rest(call)
    _is_ordered(await cluster.orders(call.call_id))


async def a_killed_handler(cluster: Cluster, sentences: Sentences) -> None:
    """The next one goes on with what was ordered, and is protected in its turn."""
    async with cluster.call(sentences) as call:
        await call.ring_until_joined()
        await call.until_silent(0.0)
        await call.says(SALADS)
        at = time.monotonic()
        await cluster.delete_at_once(await cluster.busy_pod())
        await hears(call.caller, prompt("en", "one_moment"))
        resumed = await call.told("call", state="resumed")
        assert resumed["attempt"] > 1
        await cluster.busy_pod()
        await call.until_silent(await call.hears_voice(at))
        await _the_rest(call)
    _is_ordered(await cluster.orders(call.call_id))


async def back_at_zero(cluster: Cluster) -> None:
    """No pod of the call handler is left that could take a call."""
    await eventually(cluster.pods, lambda pods: not pods, BACK_AT_ZERO_WITHIN_S)


async def _the_rest(call: Guest) -> None:
    await call.says(BURGER)
    await call.gets_across("set_fulfilment", *PICKUP)
    await call.gets_across("set_customer", *NAME)
    await call.gets_across("confirm_order", *YES)
    await call.told("order")


def _is_ordered(found: tuple[Order, ...]) -> None:
    taken = [[(line.quantity, line.name, line.size_name) for line in order.lines] for order in found]
    assert taken == [ORDERED], f"ordered was {ORDERED}, in Postgres is {taken}"
    assert (found[0].fulfilment, found[0].customer_name) == ("pickup", "Anna")
