"""What follows from an errand that is settled: written in the transaction that settles it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.errands import State
from eventing import outbox
from eventing.catalogue import Payload
from functions.errand_runner import kitchen_planning, message_planning
from integrations.tasks import Outcome
from stores.errands import Claimed
from stores.postgres import Connection

SOURCE = "/functions/errand_runner"

Consequence = Callable[[Connection, Claimed, Any, State, Outcome], Awaitable[Sequence[Payload]]]
"""(the restaurant's database, the errand, its work, how it ended, what the adapter said) → events."""

OF: dict[str, Consequence] = {
    "order.place": kitchen_planning.till_answered,
    "order.cancel": kitchen_planning.till_cancelled,
    "message.send": message_planning.sent,
}
"""By the kind of work."""


async def follow(connection: Connection, one: Claimed, work: Any, state: State, outcome: Outcome) -> None:
    consequence = OF.get(one.kind)
    if consequence is None:
        return
    for payload in await consequence(connection, one, work, state, outcome):
        await outbox.emit(connection, payload, source=SOURCE, subject=one.subject)
