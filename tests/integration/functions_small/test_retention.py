"""What the archiver lets go of, at a time that the test sets."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from functions import archiver
from functions.archiver import ArchiverSettings
from stores import orders, retention, retention_choices
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Run
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

NOW = datetime(2031, 3, 1, 3, 50, tzinfo=UTC)
DAYS = ArchiverSettings(platform_database_url="").days()

PLANT = {
    "processed_events": "insert into processed_event (consumer, source, event_id, at, restaurant_id)"
    " values ('c', '/s', $3, $2, $1)",
    "letters": "insert into dead_letter (restaurant_id, event_id, type, source, headers, body, failed_at)"
    " values ($1, $3, 't', '/s', '{}', '', $2)",
    "transcripts": "insert into call_log (restaurant_id, id, started_at, transcript, recording, unconfirmed_encrypted,"
    " messages_encrypted) values ($1, $3, $2, '[{}]', 'file', 'x', 'x')",
    "callers": "insert into call_log (restaurant_id, id, started_at, caller_encrypted, caller_hash)"
    " values ($1, $3, $2, 'x', sha256('x'))",
    "call_traces": "insert into call_trace (restaurant_id, call_id, started_at) values ($1, $3, $2)",
    "customers": "insert into customer (restaurant_id, last_seen_at, phone_hash, phone_encrypted)"
    " values ($1, $2, sha256($3::text::bytea), 'x')",
    "orders": "with customer as (insert into customer (restaurant_id, last_seen_at, phone_hash, phone_encrypted)"
    " values ($1, $2::timestamptz + interval '10 years', sha256($3::text::bytea), 'x') returning id), written as ("
    ' insert into "order" (restaurant_id, number, call_id, fulfilment, currency, total_cents, confirmed_at,'
    " promised_at, address_encrypted, customer_name_encrypted, customer_id)"
    " select $1, 1, $3, 'delivery', 'EUR', 300, $2, $2, 'x', 'x', id from customer returning id),"
    " key as (insert into order_key (order_id, restaurant_id, call_id, confirmed_at, content_hash)"
    " select id, $1, $3, $2, sha256('x') from written)"
    " insert into order_item (restaurant_id, order_id, confirmed_at, line, item_id, name, size_id, quantity,"
    " unit_cents, total_cents, vat_rate_bp, note)"
    " select $1, id, $2, 1, id, 'Coke', id, 1, 300, 300, 0, 'for Sam' from written",
    "integration_events": "insert into integration_event (restaurant_id, event_id, source, type, event, at)"
    " values ($1, $3, '/s', 't', '{}', $2)",
    "errands": "with till as (insert into service_connection (restaurant_id, service, provider, created_by)"
    " values ($1, 'printer', 'escpos', 'x') returning id) insert into errand (restaurant_id, connection_id, kind,"
    " subject, key, work_encrypted, state, give_up_at, settled_at)"
    " select $1, id, 'ticket.print', $3, $3, 'x', 'done', $2, $2 from till",
    "sent_messages": "with sms as (insert into service_connection (restaurant_id, service, provider, created_by)"
    " values ($1, 'printer', 'escpos', 'x') returning id) insert into sent_message (restaurant_id, connection_id,"
    " reference, at) select $1, id, $3, $2 from sms",
    "received_notices": "with till as (insert into service_connection (restaurant_id, service, provider, created_by)"
    " values ($1, 'printer', 'escpos', 'x') returning id) insert into received_notice (restaurant_id, connection_id,"
    " message_id, at) select $1, id, $3, $2 from till",
    "guest_emails": "with name as (select $3::text) insert into guest_email (restaurant_id, about, email_encrypted, at)"
    " values ($1, gen_random_uuid(), 'x', $2)",
    "idempotency_keys": "insert into idempotency_key (restaurant_id, client_id, key, fingerprint, created_at)"
    " values ($1, gen_random_uuid(), $3, sha256('x'), $2)",
    "reservations": "with customer as (insert into customer (restaurant_id, last_seen_at, phone_hash, phone_encrypted)"
    " values ($1, $2::timestamptz + interval '10 years', sha256($3::text::bytea), 'x') returning id)"
    " insert into reservation (restaurant_id, customer_id, starts_at, ends_at, covers, name_encrypted, note)"
    " select $1, id, $2::timestamptz - interval '2 hours', $2, 4, 'x', 'a birthday' from customer",
    "waiting_parties": "insert into waiting_party (restaurant_id, wanted_at, covers, name_encrypted, note)"
    " values ($1, $2, 2, 'x', $3)",
    "call_hours": "with name as (select $3::text) insert into call_figure (restaurant_id, day, hour, calls)"
    " values ($1, $2::timestamptz::date, 12, 1)",
    "order_hours": "with name as (select $3::text) insert into order_figure (restaurant_id, day, hour, currency)"
    " values ($1, $2::timestamptz::date, 12, 'EUR')",
}
BY_DAY = ("ticket_counters", "call_hours", "order_hours")
# What the platform's role never writes: planted as the tables' owner, who is bound by row-level security otherwise.
BY_THE_OWNER = {
    "device_actions": "with device as (insert into device (restaurant_id, name) values ($1, $3) returning id)"
    " insert into device_action (restaurant_id, device_id, id, order_id, result, at)"
    " select $1, id, gen_random_uuid(), gen_random_uuid(), 'done', $2 from device",
    "sessions": "with member as (insert into app_user (email, password_hash) values ($3 || '@x.example', 'x')"
    " returning id), at as (select $1::uuid) insert into user_session (token_hash, user_id, expires_at)"
    " select sha256($3::text::bytea), id, $2 from member",
    "invitations": "insert into invitation (restaurant_id, email, role, token_hash, invited_by, expires_at)"
    " values ($1, $3 || '@x.example', 'staff', sha256($3::text::bytea), 'x', $2)",
    "tokens": "insert into api_token (restaurant_id, name, prefix, secret_hash, scopes, created_by, revoked_at)"
    " values ($1, $3, 'abcdefgh', sha256($3::text::bytea), '{menu:read}', 'x', $2)",
    "audit": "insert into audit_log (restaurant_id, actor, action, subject, at) values ($1, 'x', 'a.b', $3, $2)",
    "ticket_counters": "with name as (select $3::text) insert into ticket_counter (restaurant_id, day, last)"
    " values ($1, $2::timestamptz::date, 1)",
    "erasures": "with name as (select $3::text) insert into erasure (restaurant_id, asked_by, asked_at, done_at)"
    " values ($1, 'x', $2, $2)",
    "photos": "insert into menu_photo (restaurant_id, digest, small, large, unused_since)"
    " values ($1, md5($3), '', '', $2)",
}
OWNED = ("device", "device_action", "app_user", "invitation", "audit_log", "ticket_counter", "menu_photo")
LEFT = {
    "device_actions": "select count(*) from device_action",
    "sessions": "select count(*) from user_session",
    "invitations": "select count(*) from invitation",
    "tokens": "select count(*) from api_token",
    "audit": "select count(*) from audit_log",
    "ticket_counters": "select count(*) from ticket_counter",
    "erasures": "select count(*) from erasure",
    "photos": "select count(*) from menu_photo",
    "processed_events": "select count(*) from processed_event",
    "letters": "select count(*) from dead_letter",
    "transcripts": "select count(*) from call_log where transcript <> '[]' and recording <> ''"
    " and unconfirmed_encrypted is not null and messages_encrypted is not null",
    "callers": "select count(*) from call_log where caller_encrypted is not null and caller_hash is not null",
    "call_traces": "select count(*) from call_trace",
    "customers": "select count(*) from customer",
    "integration_events": "select count(*) from integration_event",
    "errands": "select count(*) from errand where work_encrypted is not null",
    "sent_messages": "select count(*) from sent_message",
    "received_notices": "select count(*) from received_notice",
    "guest_emails": "select count(*) from guest_email",
    "idempotency_keys": "select count(*) from idempotency_key",
    "orders": 'select count(*) from "order" o join order_item i on i.order_id = o.id join order_key k'
    " on k.order_id = o.id where o.address_encrypted is not null or o.customer_name_encrypted is not null"
    " or o.customer_id is not null or i.note <> '' or k.content_hash is not null",
    "reservations": "select count(*) from reservation where name_encrypted is not null or note <> ''"
    " or customer_id is not null",
    "waiting_parties": "select count(*) from waiting_party",
    "call_hours": "select count(*) from call_figure",
    "order_hours": "select count(*) from order_figure",
}


async def plant(
    postgres: Pools, kind: str, restaurant_id: str, at: datetime, name: str, *, database: Database | None = None
) -> None:
    if kind in BY_THE_OWNER:
        assert database is not None
        owner = await asyncpg.connect(database.owner_url, timeout=10)
        try:
            for table in OWNED:
                await owner.execute(f"alter table {table} no force row level security")
            await owner.execute(BY_THE_OWNER[kind], restaurant_id, at, name)
        finally:
            await owner.close()
        return
    async with postgres.platform.platform() as connection:
        await connection.execute(PLANT[kind], restaurant_id, at, name)


def each_node(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from each_node(below)


async def left(postgres: Pools, kind: str) -> int:
    async with postgres.platform.platform() as connection:
        count: int = await connection.fetchval(LEFT[kind])
    return count


@pytest.mark.parametrize("kind", DAYS, ids=lambda kind: kind.name)
async def test_what_is_older_than_its_days_goes_and_the_rest_stays(
    postgres: Pools, database: Database, restaurant_id: str, kind: retention.Kind
) -> None:
    margin = timedelta(days=1) if kind.name in BY_DAY else timedelta(minutes=1)
    for name, age in (("old", timedelta(days=DAYS[kind]) + margin), ("young", timedelta(days=DAYS[kind]) - margin)):
        await plant(postgres, kind.name, restaurant_id, NOW - age, name, database=database)

    gone = await archiver.forget(postgres.platform, DAYS, NOW)

    assert gone == {one.name: int(one is kind) for one in DAYS}
    assert await left(postgres, kind.name) == 1
    assert set((await archiver.forget(postgres.platform, DAYS, NOW)).values()) == {0}


async def test_an_address_that_was_left_for_a_booking_stays_until_days_after_it(
    postgres: Pools, restaurant_id: str
) -> None:
    days = timedelta(days=DAYS[retention.GUEST_EMAILS])
    async with postgres.platform.platform() as connection:
        for ends_at in (NOW + timedelta(days=30), NOW - days - timedelta(hours=1)):
            await connection.execute(
                "with booked as (insert into reservation (restaurant_id, starts_at, ends_at, covers, status)"
                " values ($1, $2::timestamptz - interval '2 hours', $2, 2, 'confirmed') returning id)"
                " insert into guest_email (restaurant_id, about, email_encrypted, at)"
                " select $1, id, 'x', $3 from booked",
                restaurant_id,
                ends_at,
                NOW - days - timedelta(days=1),
            )

    assert (await archiver.forget(postgres.platform, DAYS, NOW))["guest_emails"] == 1
    assert await left(postgres, "guest_emails") == 1


async def test_it_works_in_batches_until_nothing_is_left_and_stops_when_its_time_is_over(
    postgres: Pools, restaurant_id: str
) -> None:
    for number in range(7):
        await plant(postgres, "letters", restaurant_id, NOW - timedelta(days=40), str(number))

    none_in_no_time = await archiver.forget(postgres.platform, DAYS, NOW, budget_s=0)
    gone = await archiver.forget(postgres.platform, DAYS, NOW, batch=3)

    assert (none_in_no_time["letters"], gone["letters"], await left(postgres, "letters")) == (0, 7, 0)


@pytest.mark.parametrize(
    ("kind", "back"),
    [
        (retention.CUSTOMERS, "update customer set last_seen_at = $1"),
        (retention.PHOTOS, "update menu_photo set unused_since = null where $1::timestamptz is not null"),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
async def test_what_is_used_again_at_the_very_moment_stays(
    postgres: Pools, database: Database, restaurant_id: str, kind: retention.Kind, back: str
) -> None:
    await plant(postgres, kind.name, restaurant_id, NOW - timedelta(days=3660), "old", database=database)

    async def forget() -> int:
        async with postgres.platform.platform() as connection:
            return await retention.forget(connection, kind, 365, NOW)

    async with asyncio.timeout(PATIENCE_S):
        async with postgres.platform.platform() as connection:
            await connection.execute(back, NOW)
            forgetting = asyncio.create_task(forget())
            async with postgres.platform.platform() as other:
                while not await other.fetchval("select exists (select from pg_locks where not granted)"):
                    await asyncio.sleep(0.01)
        assert await forgetting == 0
    assert await left(postgres, kind.name) == 1


@pytest.mark.parametrize(
    "wish",
    [
        "insert into reservation (restaurant_id, customer_id, starts_at, ends_at, covers)"
        " select restaurant_id, id, $1, $1::timestamptz + interval '2 hours', 4 from customer",
        "insert into waiting_party (restaurant_id, customer_id, wanted_at, covers)"
        " select restaurant_id, id, $1, 4 from customer",
    ],
    ids=("reservation", "waiting"),
)
async def test_a_guest_who_is_still_to_come_can_be_called_back(postgres: Pools, restaurant_id: str, wish: str) -> None:
    """Where customers are kept for less time than tables are reserved ahead."""
    await plant(postgres, "customers", restaurant_id, NOW - timedelta(days=31), "old")
    async with postgres.platform.platform() as connection:
        await connection.execute(wish, NOW + timedelta(days=20))

    async with postgres.platform.platform() as connection:
        before = await retention.forget(connection, retention.CUSTOMERS, 30, NOW)
        after = await retention.forget(connection, retention.CUSTOMERS, 30, NOW + timedelta(days=51))

    assert (before, after) == (0, 1)


async def test_an_old_letter_that_was_replayed_lately_stays(postgres: Pools, restaurant_id: str) -> None:
    await plant(postgres, "letters", restaurant_id, NOW - timedelta(days=40), "1")
    async with postgres.platform.platform() as connection:
        await connection.execute("update dead_letter set replayed_at = $1", NOW - timedelta(days=1))

    assert (await archiver.forget(postgres.platform, DAYS, NOW))["letters"] == 0


async def test_who_took_an_event_is_known_as_long_as_its_letter_can_be_replayed(
    postgres: Pools, restaurant_id: str
) -> None:
    await plant(postgres, "processed_events", restaurant_id, NOW - timedelta(days=20), "1")
    await plant(postgres, "letters", restaurant_id, NOW - timedelta(days=20), "1")

    kept = await archiver.forget(postgres.platform, DAYS, NOW)
    later = await archiver.forget(postgres.platform, DAYS, NOW + timedelta(days=11), batch=1)

    assert (kept["processed_events"], later["letters"]) == (0, 1)
    again = await archiver.forget(postgres.platform, DAYS, NOW + timedelta(days=11))
    assert later["processed_events"] + again["processed_events"] == 1


async def test_an_order_whose_customer_is_forgotten_stays_for_the_accounts(postgres: Pools, restaurant_id: str) -> None:
    await plant(postgres, "orders", restaurant_id, NOW - timedelta(days=366), "old")

    await archiver.forget(postgres.platform, DAYS, NOW)

    async with postgres.platform.platform() as connection:
        order = (await orders.of_call(connection, "old"))[0]
        personal = await connection.fetchrow(
            "select address_encrypted, customer_name_encrypted, customer_id, content_hash"
            ' from "order" o join order_key k on k.order_id = o.id'
        )
    assert (order.total_cents, order.fulfilment) == (300, "delivery")
    assert (order.lines[0].name, order.lines[0].note) == ("Coke", "")
    assert personal is not None
    assert set(personal.values()) == {None}


async def test_a_delivery_has_an_address_until_it_is_forgotten(postgres: Pools, restaurant_id: str) -> None:
    await plant(postgres, "orders", restaurant_id, NOW, "new")

    async with postgres.platform.platform() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="order_address_check"):
            await connection.execute('update "order" set address_encrypted = null')


@pytest.mark.parametrize("kind", DAYS, ids=lambda kind: kind.name)
async def test_each_kind_is_found_by_an_index(postgres: Pools, kind: retention.Kind) -> None:
    async with postgres.platform.platform() as connection:
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_bitmapscan = off")
        await connection.execute("set local enable_sort = off")
        plan = await connection.fetchval(f"explain (format json) {kind.statement}", NOW, 1000)

    conditions = [
        node.get("Index Cond", "")
        for node in each_node(json.loads(plan)[0]["Plan"])
        if node["Node Type"].startswith("Index")
    ]
    assert any("<" in condition for condition in conditions), plan


# What a choice of 40 days lets go of, by what was chosen.
CHOSEN = {
    "transcript_days": ("transcripts",),
    "customer_days": ("callers", "customers", "orders", "reservations", "waiting_parties"),
}


@pytest.fixture
async def other_restaurant_id(postgres: Pools, restaurant_id: str) -> str:
    async with postgres.platform.platform() as connection:
        made: str = await connection.fetchval(
            "insert into restaurant (name, language, currency, zone) select 'Beside', language, currency, zone"
            " from restaurant where id = $1 returning id",
            restaurant_id,
        )
    return made


@pytest.mark.parametrize("field", CHOSEN)
async def test_a_restaurant_that_keeps_less_has_less_and_the_others_keep_theirs(
    postgres: Pools, restaurant_id: str, other_restaurant_id: str, field: str
) -> None:
    for kind in (*CHOSEN["transcript_days"], *CHOSEN["customer_days"]):
        for name, age in (("old", 41), ("young", 39)):
            await plant(postgres, kind, restaurant_id, NOW - timedelta(days=age), f"{kind} {name}")
        await plant(postgres, kind, other_restaurant_id, NOW - timedelta(days=41), f"{kind} of another")
    before = {kind: await left(postgres, kind) for kind in LEFT}
    await choose(postgres, restaurant_id, **{field: 40})

    gone = await archiver.forget_as_chosen(postgres.platform, NOW, batch=1)

    after = {kind: await left(postgres, kind) for kind in LEFT}
    assert gone == len(CHOSEN[field])
    assert {kind: before[kind] - after[kind] for kind in LEFT} == {kind: int(kind in CHOSEN[field]) for kind in LEFT}
    assert await archiver.forget_as_chosen(postgres.platform, NOW) == 0


async def test_a_recording_may_go_before_its_transcript_with_its_file(postgres: Pools, restaurant_id: str) -> None:
    await plant(postgres, "transcripts", restaurant_id, NOW - timedelta(days=8), "a-call")
    await choose(postgres, restaurant_id, recording_days=7)

    assert await archiver.forget_as_chosen(postgres.platform, NOW) == 1

    async with postgres.platform.platform() as connection:
        call = await connection.fetchrow("select recording, transcript from call_log")
        unwanted = await connection.fetch("select call_id from unwanted_recording")
    assert call is not None
    assert (call["recording"], call["transcript"]) == ("", [{}])
    assert [row["call_id"] for row in unwanted] == ["a-call"]


async def test_what_was_seen_to_is_not_looked_at_again_until_the_days_change(
    postgres: Pools, restaurant_id: str
) -> None:
    await choose(postgres, restaurant_id, transcript_days=40)
    await archiver.forget_as_chosen(postgres.platform, NOW)
    await plant(postgres, "transcripts", restaurant_id, NOW - timedelta(days=40, hours=23), "late")
    await plant(postgres, "transcripts", restaurant_id, NOW - timedelta(days=60), "later than anything can be")

    settled = await archiver.forget_as_chosen(postgres.platform, NOW + timedelta(hours=1))
    await choose(postgres, restaurant_id, transcript_days=39)

    assert (settled, await archiver.forget_as_chosen(postgres.platform, NOW)) == (1, 1)


async def test_a_night_without_time_for_all_begins_the_next_one_with_who_waited(
    postgres: Pools, restaurant_id: str, other_restaurant_id: str
) -> None:
    for one, days in ((restaurant_id, 5), (other_restaurant_id, 6)):
        await choose(postgres, one, transcript_days=days)
    async with postgres.platform.platform() as connection:
        first, second = await retention_choices.by_last_time(connection)
        await retention_choices.done(connection, first, NOW)
        assert [one.restaurant_id for one in await retention_choices.by_last_time(connection)] == [
            second.restaurant_id,
            first.restaurant_id,
        ]
    assert await archiver.forget_as_chosen(postgres.platform, NOW, budget_s=0) == 0
    async with postgres.platform.platform() as connection:
        assert (await retention_choices.by_last_time(connection))[0].done_at is None


async def choose(postgres: Pools, restaurant_id: str, **days: int) -> None:
    async with postgres.app.tenant(restaurant_id) as connection:
        await retention_choices.choose(connection, restaurant_id, retention_choices.Choice(**days))


async def test_a_tick_lets_go_of_what_is_old_and_counts_it(
    run: Run, database: Database, postgres: Pools, restaurant_id: str
) -> None:
    await plant(postgres, "letters", restaurant_id, datetime.now(UTC) - timedelta(days=3), "1")
    async with run("functions", "archiver", PLATFORM_DATABASE_URL=database.platform_url, LETTER_DAYS="2") as function:
        assert await function.tick("retention-due") == (204, {})
        assert await function.metric('forgotten_total{kind="letters"}') == 1

    assert await left(postgres, "letters") == 0
