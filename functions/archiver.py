"""Housekeeping in the database, by nightly ticks: the partitions of the months to come, and what is old goes.

An order without a partition of its month goes to the default one and is found there all the same, but that month
then stays there: a tick that is lost costs nothing, three months without any would.

What is older than its retention goes in batches, each a transaction of its own. A night that has more than fits in a
tick leaves the rest to the next one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import msgspec
from prometheus_client import Counter

from eventing.serving import PlatformSettings, hold_open, run
from eventing.ticks import on_tick
from process import logs
from process.asgi import App
from process.health import Health
from stores import erasures, partitions, retention, retention_choices
from stores.postgres import Postgres

NAME = "archiver"
# The longest that something of a call can be on its way: a checkpoint lives for two hours, an order that waits for
# Postgres longer when Postgres is away. What comes later than this is kept.
SETTLES = timedelta(days=1)
ERASURES_AT_ONCE = 200
# Of the tick's 25 s: the batch that is under way then ends in time.
CHOICES_BUDGET_S = 6.0
BUDGET_S = 12.0

partitions_made_total = Counter("partitions_made_total", "Monthly partitions made by this process.")
erasures_settled_total = Counter("erasures_settled_total", "Looks at customers' erasures, by result.", ["result"])
forgotten_total = Counter("forgotten_total", "Rows whose retention was over, by kind.", ["kind"])

log = logs.get(__name__)

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class ArchiverSettings(PlatformSettings, frozen=True, kw_only=True):
    """How many days each kind is kept.

    ``transcript_days``: with the recordings' addresses and the unconfirmed carts. ``call_trace_days``: SIP messages and
    figures. ``processed_event_days``: longer than
    an event can wait in the outbox; those of a kept letter stay with it. ``order_pii_days``: an order's name, address,
    notes and customer; the order itself stays. ``reservation_pii_days``: the same of a booking, from its end on,
    and who waited for a table.
    ``integration_event_days``: what integrators may still read or have sent again. ``errand_days``: what tills, message
    services and the like were told; that they were told stays. ``guest_email_days``: addresses that guests have left
    for one order, or for one reservation, from its end on. ``notice_days``: which of their notices were taken, longer
    than a service repeats one.
    ``session_days``, ``invitation_days`` and ``token_days`` count from their end on, ``erasure_days`` from when it was
    done, ``photo_days`` from when the menu had it last. ``ticket_counter_days``: an order that is written later than
    so begins its day's numbers anew. ``hour_figure_days``: sums by hour of the day; those by week and by day stay.
    """

    processed_event_days: Days = 14
    letter_days: Days = 30
    transcript_days: Days = 90
    call_trace_days: Days = 30
    caller_days: Days = 365
    customer_days: Days = 365
    order_pii_days: Days = 365
    reservation_pii_days: Days = 365
    integration_event_days: Days = 14
    errand_days: Days = 14
    guest_email_days: Days = 4
    notice_days: Days = 30
    idempotency_key_days: Days = 1
    device_action_days: Days = 30
    session_days: Days = 1
    invitation_days: Days = 30
    token_days: Days = 90
    audit_days: Days = 1095
    ticket_counter_days: Days = 30
    erasure_days: Days = 1095
    photo_days: Days = 365
    hour_figure_days: Days = 1095

    def days(self) -> dict[retention.Kind, int]:
        return {
            retention.PROCESSED_EVENTS: self.processed_event_days,
            retention.LETTERS: self.letter_days,
            retention.TRANSCRIPTS: self.transcript_days,
            retention.CALL_TRACES: self.call_trace_days,
            retention.CALLERS: self.caller_days,
            retention.CUSTOMERS: self.customer_days,
            retention.ORDERS: self.order_pii_days,
            retention.RESERVATIONS: self.reservation_pii_days,
            retention.WAITING_PARTIES: self.reservation_pii_days,
            retention.INTEGRATION_EVENTS: self.integration_event_days,
            retention.ERRANDS: self.errand_days,
            retention.SENT_MESSAGES: self.errand_days,
            retention.GUEST_EMAILS: self.guest_email_days,
            retention.RECEIVED_NOTICES: self.notice_days,
            retention.IDEMPOTENCY_KEYS: self.idempotency_key_days,
            retention.DEVICE_ACTIONS: self.device_action_days,
            retention.SESSIONS: self.session_days,
            retention.INVITATIONS: self.invitation_days,
            retention.TOKENS: self.token_days,
            retention.AUDIT: self.audit_days,
            retention.TICKET_COUNTERS: self.ticket_counter_days,
            retention.ERASURES: self.erasure_days,
            retention.PHOTOS: self.photo_days,
            retention.CALL_HOURS: self.hour_figure_days,
            retention.ORDER_HOURS: self.hour_figure_days,
        }


def main() -> None:
    run(NAME, ArchiverSettings, build)


def build(settings: ArchiverSettings) -> App:
    postgres = Postgres(settings.platform_database_url, max_size=2)
    app = App(Health(NAME))
    hold_open(app, postgres)
    on_tick(app, "/partitions-due", partial(make_partitions, postgres))

    async def forget_old() -> None:
        await settle_erasures(postgres)
        await forget_as_chosen(postgres, datetime.now(UTC))
        await forget(postgres, settings.days(), datetime.now(UTC))

    on_tick(app, "/retention-due", forget_old)
    return app


async def make_partitions(postgres: Postgres) -> None:
    """Make what is missing of this month's partitions and the next ones'."""
    async with postgres.platform() as connection:
        made = await partitions.ensure(connection, datetime.now(UTC).date(), partitions.MONTHS)
    partitions_made_total.inc(made)
    log.info("partitions are there", made=made, months=partitions.MONTHS)


async def settle_erasures(postgres: Postgres, *, settles: timedelta = SETTLES) -> None:
    """Erase once more what has come in since a customer was erased; what is complete is done."""
    async with postgres.platform() as connection:
        asked = await erasures.open_ones(connection, ERASURES_AT_ONCE)
    for one in asked:
        async with postgres.platform() as connection:
            done = await erasures.settle(connection, one, settles)
        erasures_settled_total.labels("done" if done else "waiting").inc()


async def forget(
    postgres: Postgres,
    days: dict[retention.Kind, int],
    now: datetime,
    *,
    batch: int = retention.BATCH,
    budget_s: float = BUDGET_S,
) -> dict[str, int]:
    """Let go of what is older than its ``days``, batch by batch and kind by kind in turn; how many rows of each."""
    until = time.monotonic() + budget_s
    gone = {kind.name: 0 for kind in days}
    left = dict(days)
    while left and time.monotonic() < until:
        for kind in list(left):  # in turn, so that one with a lot does not keep the others
            async with postgres.platform() as connection:
                count = await retention.forget(connection, kind, left[kind], now, batch=batch)
            gone[kind.name] += count
            forgotten_total.labels(kind.name).inc(count)
            if count < batch:
                del left[kind]
    log.info("what was old is gone", rest=[kind.name for kind in left], **gone)
    return gone


async def forget_as_chosen(
    postgres: Postgres, now: datetime, *, batch: int = retention.BATCH, budget_s: float = CHOICES_BUDGET_S
) -> int:
    """Let go of what restaurants keep for a shorter time than the platform; how many rows.

    Who has waited longest for it comes first, so that a night without time for all keeps nobody for good.
    """
    until, gone = time.monotonic() + budget_s, 0
    async with postgres.platform() as connection:
        waiting = await retention_choices.by_last_time(connection)
    for one in waiting:
        for kind, older_than, since in one.ranges(now, SETTLES):
            count = batch
            while count == batch and time.monotonic() < until:
                async with postgres.platform() as connection:
                    count = await retention.forget_of_one(
                        connection, kind, one.restaurant_id, older_than, since, batch=batch
                    )
                gone += count
                forgotten_total.labels(kind.name).inc(count)
        if time.monotonic() >= until:
            break
        async with postgres.platform() as connection:
            await retention_choices.done(connection, one, now)
    log.info("what restaurants keep for a shorter time is gone", restaurants=len(waiting), rows=gone)
    return gone
