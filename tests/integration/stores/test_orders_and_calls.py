import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.order import Cart, Fulfilment, FulfilmentKind
from eventing.ordering import confirmed_event
from stores import calls, customers, figures, kitchen, orders
from stores.calls import CallFilter, CallRecord, UnconfirmedCart
from stores.checkpoints import Utterance
from stores.ciphers import PiiCipher
from stores.errors import NotFoundError
from stores.kitchen import Move, StatusChangedError
from stores.orders import OrderFilter
from stores.paging import Position
from stores.postgres import Postgres
from tests.integration.stores.samples import NOW, Tenant, conversation, logged, make_order, new_id

pytestmark = pytest.mark.integration


async def test_an_order_is_read_as_it_was_confirmed(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        order = await orders.get(conn, own.order_id, pii=pii)
        recent = await orders.recent(conn, pii=pii)
        of_call = await orders.of_call(conn, own.call_id, pii=pii)

    confirmed = own.order
    assert recent == of_call == (order,)
    assert (order.number, order.status, order.total_cents, order.fee_cents) == (1, "confirmed", 2950, 250)
    assert (order.customer_name, order.address) == ("Ada Lovelace", confirmed.fulfilment.address)
    assert (order.confirmed_at, order.promised_at) == (confirmed.confirmed_at, confirmed.promised_at)
    assert order.vat == confirmed.vat
    (line,) = order.lines
    assert (line.name, line.size_name, line.quantity, line.total_cents) == ("Margherita", "Large", 2, 2700)
    assert (line.modifiers, line.note) == (confirmed.lines[0].modifiers, "well done")


async def test_what_somebody_must_not_eat_goes_with_the_order_to_the_kitchen_and_in_its_event(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    order = replace(make_order(own.menu, "allergic"), allergies="milk; line 1, Margherita, contains milk")

    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, order, pii)
        read = await orders.get(conn, stored.id, pii=pii)
        again = await orders.insert_confirmed(conn, order, pii)
        with pytest.raises(orders.OrderConflictError):
            await orders.insert_confirmed(conn, replace(order, allergies=""), pii)
        kept = await conn.fetchval('select allergies_encrypted from "order" where id = $1', stored.id)
    event = confirmed_event(order, stored.number)

    assert read.allergies == event.allergies == order.allergies
    assert again.created is False
    assert b"milk" not in kept
    assert event.notes == "1: well done"


@pytest.mark.parametrize(("fulfilment", "rate_bp"), [("pickup", 550), ("delivery", 550), ("dine_in", 1000)])
async def test_a_line_is_kept_with_the_vat_rate_in_force(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher, fulfilment: FulfilmentKind, rate_bp: int
) -> None:
    own, _ = tenants
    order = make_order(own.menu, "another call")
    address = order.fulfilment.address if fulfilment == "delivery" else None

    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, replace(order, fulfilment=Fulfilment(fulfilment, address)), pii)
        rates = await conn.fetch("select vat_rate_bp from order_item where order_id = $1", stored.id)

    assert [row["vat_rate_bp"] for row in rates] == [rate_bp]


async def test_without_the_cipher_an_order_shows_no_name_and_no_address(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        order = await orders.get(conn, own.order_id)

    assert (order.customer_name, order.address) == ("", None)


async def test_names_numbers_and_addresses_are_nowhere_in_clear(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    async with postgres.platform.platform() as conn:
        texts = [
            row["text"]
            for table in ('"order"', "customer", "call_log", "reservation", "waiting_party")
            for row in await conn.fetch(f"select t::text as text from {table} t")
        ]

    assert len(texts) == 10
    for secret in (
        "Ada Lovelace",
        "quai Nord",
        tenants[0].phone,
        b"Ada Lovelace".hex(),
        tenants[0].phone.encode().hex(),
    ):
        assert not any(secret in text for text in texts)


async def test_twenty_concurrent_writers_of_one_confirmation_make_one_order(
    database: Any, postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    order = make_order(own.menu, "busy call")
    pool = Postgres(database.app_url, min_size=10, max_size=20)
    await pool.open()

    async def write() -> orders.StoredOrder:
        async with pool.tenant(own.id) as conn:
            return await orders.insert_confirmed(conn, order, pii, caller=own.phone)

    try:
        stored = await asyncio.gather(*(write() for _ in range(20)))
    finally:
        await pool.close()

    assert len({(one.id, one.number, one.confirmed_at) for one in stored}) == 1
    assert [one.created for one in stored].count(True) == 1
    async with postgres.app.tenant(own.id) as conn:
        assert len(await orders.of_call(conn, "busy call")) == 1
        assert await conn.fetchval("select count(*) from order_item where order_id = $1", stored[0].id) == 1


async def test_a_later_try_with_another_time_finds_the_first_order(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    later = make_order(own.menu, own.call_id, order_id=own.order_id, confirmed_at=NOW + timedelta(seconds=9))

    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, later, pii)

    assert stored == orders.StoredOrder(own.order_id, 1, False, NOW)


async def test_other_content_under_the_id_of_a_written_order_is_refused_and_not_swallowed(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    other = replace(make_order(own.menu, own.call_id, order_id=own.order_id), customer_name="Grace")

    async with postgres.app.tenant(own.id) as conn:
        with pytest.raises(orders.OrderConflictError):
            await orders.insert_confirmed(conn, other, pii)


async def test_a_call_may_make_two_orders(postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, make_order(own.menu, own.call_id), pii)

        assert (stored.created, stored.number) == (True, 2)
        assert len(await orders.of_call(conn, own.call_id)) == 2


async def test_an_order_that_is_rolled_back_can_be_written_again(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    order = make_order(own.menu, "unlucky call")

    async def write_and_fail() -> None:
        async with postgres.app.tenant(own.id) as conn:
            await orders.insert_confirmed(conn, order, pii)
            raise ConnectionError("the outbox could not be written")

    with pytest.raises(ConnectionError):
        await write_and_fail()
    async with postgres.app.tenant(own.id) as conn:
        stored = await orders.insert_confirmed(conn, order, pii)

    assert (stored.created, stored.number) == (True, 2)


async def test_ticket_numbers_begin_again_with_each_day_of_the_restaurants_zone(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    before_midnight = NOW.replace(hour=22, minute=59)  # 23:59 in Paris
    after_midnight = NOW.replace(hour=23, minute=1)

    async with postgres.app.tenant(own.id) as conn:
        numbers = [
            (await orders.insert_confirmed(conn, make_order(own.menu, f"call {at}", confirmed_at=at), pii)).number
            for at in (before_midnight, after_midnight)
        ]

    assert numbers == [2, 1]


async def test_orders_come_newest_first_in_pages_though_some_share_their_moment(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    written = {own.order_id}
    async with postgres.app.tenant(own.id) as conn:
        for number in range(6):
            order = make_order(own.menu, f"call {number}", confirmed_at=NOW + timedelta(minutes=number // 3))
            written.add((await orders.insert_confirmed(conn, order, pii)).id)

        read = [page := await orders.recent(conn, 2)]
        while page and len(read) < 10:
            read.append(page := await orders.recent(conn, 2, Position(page[-1].confirmed_at, page[-1].id)))

    found = [order for page in read for order in page]
    assert len(found) == len(written)
    assert {order.id for order in found} == written
    assert [order.confirmed_at for order in found] == sorted((one.confirmed_at for one in found), reverse=True)


async def test_calls_come_newest_first_in_pages_though_some_share_their_moment(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    written = {own.call_id}
    async with postgres.app.tenant(own.id) as conn:
        for number in range(6):
            record = CallRecord(
                id=f"c{number}", restaurant_id=own.id, started_at=NOW + timedelta(minutes=number // 3), outcome="busy"
            )
            await calls.record_ended(conn, record)
            written.add(record.id)

        read = [page := await calls.recent(conn, 2)]
        while page and len(read) < 10:
            read.append(page := await calls.recent(conn, 2, Position(page[-1].started_at, page[-1].id)))

    found = [call.id for page in read for call in page]
    assert len(found) == len(written)
    assert set(found) == written


async def test_calls_of_months_ago_are_on_the_pages_where_the_last_weeks_have_too_few(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    now = datetime.now(UTC)
    ages = [timedelta(days=days) for days in (1, 2, 61, 63, 400, 401)]
    async with postgres.app.tenant(own.id) as conn:
        for age in ages:
            record = CallRecord(id=f"{age.days} days", restaurant_id=own.id, started_at=now - age, outcome="busy")
            await calls.record_ended(conn, record)
        busy = CallFilter(outcome="busy")

        read = [page := await calls.recent(conn, 2, wanted=busy)]
        while page:
            read.append(page := await calls.recent(conn, 2, Position(page[-1].started_at, page[-1].id), wanted=busy))
        ended = await calls.recent(conn, 9, wanted=replace(busy, until=now - timedelta(days=100)))

    assert [call.id for page in read for call in page] == [f"{age.days} days" for age in ages]
    assert [call.id for call in ended] == ["400 days", "401 days"]


async def test_the_lists_are_read_by_index_however_many_rows_there_are(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher, database: Any
) -> None:
    own, _ = tenants
    owner = await asyncpg.connect(database.owner_url, timeout=10)
    await owner.execute(
        "insert into call_log (id, started_at, restaurant_id, unconfirmed_encrypted) select 'many' || r.id || n,"
        " $1::timestamptz - n * interval '1 minute', r.id, case when n % 100 = 0 then '\\x01'::bytea end"
        " from restaurant r, generate_series(1, 10000) n",
        NOW,
    )
    await owner.execute(
        'insert into "order" (id, restaurant_id, number, call_id, fulfilment, currency, total_cents, confirmed_at,'
        " promised_at) select gen_random_uuid(), r.id, n, 'many' || n, 'pickup', 'EUR', 1,"
        " $1::timestamptz - n * interval '1 minute', $1 from restaurant r, generate_series(1, 10000) n",
        NOW,
    )
    await owner.execute("analyze")
    await owner.close()
    deep = Position(NOW - timedelta(minutes=5000))

    async with postgres.app.tenant(own.id) as conn:
        await orders.recent(conn, 60, wanted=OrderFilter(since=NOW - timedelta(hours=12)), pii=pii)
        await orders.recent(conn, 60, deep, pii=pii)
        await calls.recent(conn, 60, pii=pii)
        await calls.recent(conn, 60, deep, pii=pii)
        await calls.unconfirmed(conn, NOW - timedelta(days=4), 60, pii=pii)
        read = await conn.fetchrow(
            "select sum(seq_tup_read) as whole, sum(idx_tup_fetch) as rows from pg_stat_xact_user_tables"
            " where relname like 'call_log%' or relname like 'order%'"
        )

    assert read["whole"] < 100, "of some 40,000"
    assert read["rows"] < 1000


async def test_a_cart_that_nobody_agreed_to_is_found_with_its_number_while_it_is_recent(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    left = UnconfirmedCart(
        Cart("EUR", new_id(), lines=own.order.lines, customer_name="Ada Lovelace"), 2700, "caller_hung_up"
    )
    begun = {"old": NOW - timedelta(hours=2), "first": NOW, "second": NOW + timedelta(hours=1)}

    async with postgres.app.tenant(own.id) as conn:
        for call_id, started_at in begun.items():
            told = conversation(call_id, own.id, started_at=started_at, caller="+33600000000", unconfirmed=left)
            await calls.record_conversation(conn, told, pii)
        recent = await calls.unconfirmed(conn, NOW, 9, pii=pii)
        without_cipher = await calls.unconfirmed(conn, NOW, 9)
        listed = await calls.recent(conn)

    assert [(call.id, call.caller, call.unconfirmed) for call in recent] == [
        ("second", "+33600000000", left),
        ("first", "+33600000000", left),
    ]
    assert [(call.caller, call.unconfirmed, call.unreadable) for call in without_cipher] == [
        ("", None, frozenset())
    ] * 2
    assert {call.id for call in listed if call.left_a_cart} == set(begun)


async def test_a_damaged_ciphertext_costs_its_field_and_nothing_else(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    left = UnconfirmedCart(Cart("EUR", new_id(), lines=own.order.lines), 2700, "handler_lost")
    no_address = pii.encrypt(own.id, '{"lane": 1}')
    async with postgres.platform.platform() as conn:
        await calls.record_conversation(conn, conversation("left", own.id, caller="+3361", unconfirmed=left), pii)
        await conn.execute("update call_log set unconfirmed_encrypted = '\\x0102' where id = 'left'")
        await conn.execute(
            "update call_log set caller_encrypted = decode(repeat('01', 40), 'hex') where id = $1", own.call_id
        )
        await conn.execute(
            'update "order" set customer_name_encrypted = $2, address_encrypted = $3 where id = $1',
            own.order_id,
            b"\x01" + bytes(40),
            no_address,
        )

    async with postgres.app.tenant(own.id) as conn:
        (order,) = await orders.recent(conn, pii=pii)
        (with_cart,) = await calls.unconfirmed(conn, NOW, 9, pii=pii)
        call = await calls.get(conn, own.call_id, pii=pii)

    assert (order.total_cents, order.unreadable) == (2950, frozenset({"customer_name", "address"}))
    assert (order.customer_name, order.address) == ("", None)
    assert (with_cart.caller, with_cart.unconfirmed, with_cart.unreadable) == (
        "+3361",
        None,
        frozenset({"unconfirmed"}),
    )
    assert (call.caller, call.unreadable) == ("", frozenset({"caller"}))
    assert call.transcript


async def test_the_kitchen_moves_an_order_on(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        await kitchen.move(conn, Move(own.order_id, "confirmed", "preparing", "cook"))
        order = await orders.get(conn, own.order_id)
        with pytest.raises(StatusChangedError) as late:
            await kitchen.move(conn, Move(own.order_id, "confirmed", "ready", "waiter"))
        with pytest.raises(NotFoundError):
            await kitchen.move(conn, Move(new_id(), "confirmed", "preparing", "cook"))

    assert (order.status, order.status_by) == ("preparing", "cook")
    assert (late.value.present.status, late.value.present.status_by) == ("preparing", "cook")


async def test_a_caller_is_known_again_by_the_number(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        known = await customers.remember(conn, own.id, "+33 1 11 11 11 11", "", pii)
        again = await customers.remember(conn, own.id, own.phone, "", pii)
        (customer,) = await conn.fetch("select id, phone_encrypted, name_encrypted from customer")

    assert known == again == customer["id"]
    assert pii.decrypt(own.id, customer["phone_encrypted"]) == own.phone
    assert pii.decrypt(own.id, customer["name_encrypted"]) == "Ada Lovelace"  # a call without a name does not forget it


async def test_an_order_is_logged_and_counted_once(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants

    async with postgres.app.tenant(own.id) as conn:
        repeated = await figures.log_order(conn, logged(own.order_id, own.id))
        another = await figures.log_order(conn, logged(new_id(), own.id))
        days = await figures.daily(conn, own.id, date(2026, 11, 21), date(2026, 11, 21))

    assert (repeated, another) == (False, True)
    assert days == (figures.DailyFigure(date(2026, 11, 21), "EUR", 2, 4, 5900),)


@pytest.mark.parametrize("end_first", [True, False])
async def test_a_call_has_its_end_and_its_conversation_whichever_comes_first(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher, end_first: bool
) -> None:
    own, _ = tenants
    said = [Utterance("caller", "Two, please", NOW), Utterance("assistant", "Certainly", NOW + timedelta(seconds=1))]
    end = CallRecord(
        id="a call",
        restaurant_id=own.id,
        started_at=NOW,
        outcome="order_confirmed",
        phone_line_id=own.line_id,
        bridge_node_id="edge-0",
        attempts=2,
        ended_at=NOW + timedelta(seconds=60),
        duration_ms=60_000,
        caller="+33600000000",
    )

    async with postgres.app.tenant(own.id) as conn:
        if end_first:
            await calls.record_ended(conn, end, pii=pii)
        record = conversation(
            "a call",
            own.id,
            transcript=tuple(said),
            usage={"output_tokens": 7},
            cost_dollars=0.25,
            order_id=own.order_id,
        )
        await calls.record_conversation(conn, record, pii)
        if not end_first:
            await calls.record_ended(conn, end, pii=pii)
        await calls.record_ended(conn, end, pii=pii)
        call = await calls.get(conn, "a call", pii=pii)
        recent = await calls.recent(conn)

    assert (call.outcome, call.attempts, call.duration_ms) == ("order_confirmed", 2, 60_000)
    assert (call.transcript, call.usage, call.cost_dollars) == (tuple(said), {"output_tokens": 7}, 0.25)
    assert (call.order_id, call.caller) == (own.order_id, "+33600000000")
    assert (call.marks.ended, call.marks.told_of_ai_at, call.marks.longest_silence_ms) == ("caller", NOW, 1200)
    assert sorted(one.id for one in recent) == sorted(["a call", own.call_id])
    assert all(one.transcript == () and one.caller == "" for one in recent)


async def test_a_callers_number_is_never_stored_without_a_cipher(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, _ = tenants
    record = CallRecord(id="x", restaurant_id=own.id, started_at=NOW, outcome="busy", caller="+33600000000")

    async with postgres.app.tenant(own.id) as conn:
        with pytest.raises(ValueError, match="caller"):
            await calls.record_ended(conn, record)
        await calls.record_ended(conn, replace(record, caller=""))


async def test_the_sums_of_calls_follow_their_rows_whichever_writer_is_first(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher
) -> None:
    own, _ = tenants
    started = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 in winter time: the hour that Paris has twice
    record = CallRecord(id="one", restaurant_id=own.id, started_at=started, outcome="in_progress")

    async def counted() -> list[tuple[int, ...]]:
        found = await figures.sums(conn, own.id, date(2026, 10, 25), date(2026, 10, 25), "EUR", apart=True)
        return [(one.hour or 0, one.calls, one.missed, one.ordered, one.duration_ms) for one in found]

    async with postgres.app.tenant(own.id) as conn:
        await calls.record_ended(conn, record)
        going_on = await counted()
        await calls.record_ended(conn, replace(record, outcome="lost", missed_reason="bridge_lost", duration_ms=900))
        lost = await counted()
        await calls.record_order(conn, own.id, "one", own.order_id, started + timedelta(minutes=1))
        for _again in range(2):
            await calls.record_ended(conn, replace(record, outcome="order_confirmed", duration_ms=4000))
        in_the_end = await counted()
        first_hour = replace(record, id="two", started_at=started - timedelta(hours=1), outcome="answered")
        await calls.record_ended(conn, first_hour)

        assert going_on == []
        assert lost == [(2, 1, 1, 0, 900)]
        assert in_the_end == [(2, 1, 0, 1, 4000)]
        assert await counted() == [(2, 2, 0, 1, 4000)]


@pytest.mark.parametrize("outcome", ["abandoned", "answered", "lost"])
@pytest.mark.parametrize("first", ["the end", "the order"])
async def test_a_bridge_that_did_not_hear_of_the_order_takes_it_from_no_call(
    postgres: Any, tenants: tuple[Tenant, Tenant], first: str, outcome: Any
) -> None:
    """The caller hung up before the handler's last line came through: an order stands all the same."""
    own, _ = tenants
    started = NOW - timedelta(minutes=1)
    record = CallRecord(id="unheard", restaurant_id=own.id, started_at=started, outcome="in_progress")
    ended = replace(record, outcome=outcome, ended_at=NOW, duration_ms=900)

    async with postgres.app.tenant(own.id) as conn:
        await calls.record_ended(conn, record if first == "the order" else ended)
        await calls.record_order(conn, own.id, "unheard", own.order_id, NOW)
        await calls.record_ended(conn, ended)
        [row] = [one for one in await calls.recent(conn, 10) if one.id == "unheard"]

    assert (row.outcome, row.order_id, row.ended_at) == ("order_confirmed", own.order_id, NOW)


async def test_a_cancelled_order_is_counted_apart_whether_it_was_logged_before_or_after(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, _ = tenants
    order = replace(logged(own.order_id, own.id), currency="EUR")

    async def counted() -> list[tuple[int, int, int]]:
        day = await figures.sums(conn, own.id, date(2020, 1, 1), date(2030, 1, 1), "EUR", apart=True)
        return [(one.orders, one.total_cents, one.cancelled) for one in day if one.orders or one.cancelled]

    async with postgres.app.tenant(own.id) as conn:
        at_first = await counted()
        await kitchen.move(conn, Move(own.order_id, "confirmed", "cancelled", "cook", "mistake"))
        await figures.log_order(conn, order)
        late = await counted()
        await kitchen.move(conn, Move(own.order_id, "cancelled", "confirmed", "cook"))
        restored = await counted()
        await kitchen.move(conn, Move(own.order_id, "confirmed", "cancelled", "cook", "mistake"))

        assert late == [(0, 0, 1)] or at_first
        assert restored[0][0] == 1
        assert restored[0][2] == 0
        assert (await counted())[0][2] == 1
