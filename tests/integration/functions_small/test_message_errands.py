"""Text messages, from the event to Twilio's server: who is told what, once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer

from devstack.stand_ins.twilio import Twilio
from domain.errands import SendMessage
from domain.kitchen import OrderStatus
from eventing import ordering
from eventing.catalogue import CallMissed, OrderConfirmed, OrderMoved, Payload, ReservationChanged
from functions.errand_runner import consequences, message_planning
from integrations.tasks import Done
from stores import connections, errands, guest_emails, message_costs, messages, reservations
from stores.kitchen import Move
from stores.reservations import Wish
from tests.conftest import Database, Pools
from tests.integration.functions_small.conftest import Eventually, StartFunction
from tests.integration.functions_small.houses import CALLER, PAGES, House, StartRunner, cancelled

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


class Told(House):
    """What its events lead to, without a runner."""

    async def planned(self, *events: Payload) -> list[tuple[str, str]]:
        """The texts that these lead to, as ``(occasion, text)``."""
        await self.plan(*events)
        async with self.postgres.platform.platform() as connection:
            claimed = await errands.claim(connection, 50, 50)
        works = [errands.work_of(one, self.pii) for one in claimed]
        return [(work.occasion, work.text) for work in works if isinstance(work, SendMessage)]


@pytest.fixture
async def house(postgres: Pools, restaurant_id: str, master_key: str) -> Told:
    return Told(postgres, restaurant_id, master_key)


def moved(order: OrderConfirmed, status: OrderStatus) -> OrderMoved:
    return OrderMoved(
        restaurant_id=order.restaurant_id,
        order_id=order.order_id,
        number=order.number,
        before="preparing",
        status=status,
        moved_at=NOW,
    )


def missed(restaurant_id: str, caller: str, ended_at: datetime) -> CallMissed:
    return CallMissed(
        restaurant_id=restaurant_id,
        call_id=str(uuid.uuid4()),
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="n1",
        received_at=ended_at,
        ended_at=ended_at,
        reason="node_full",
        caller=caller,
    )


async def test_an_order_is_confirmed_by_text_once_and_its_receipt_is_kept(
    house: Told, function: StartFunction, database: Database, master_key: str, eventually: Eventually
) -> None:
    server = Twilio("AC1", "secret")
    async with TestServer(server.app) as served:
        await house.connect_twilio(str(served.make_url("")).rstrip("/"))
        order = await house.order()
        server.faults["lost_answer"] = 1
        async with StartRunner(function, database, master_key)() as running:
            for _ in range(2):
                assert (await running.send(order))[0] == 204

            async def told() -> object:
                await running.tick("errands-due")
                async with house.postgres.app.tenant(house.id) as connection:
                    return await messages.of_subject(connection, house.id, order.order_id)

            await eventually(told)

    (text,) = server.messages
    assert text["to"] == CALLER and f"{PAGES}/o/" in text["body"]
    assert text["callback"] == f"{PAGES}/hooks/twilio/{house.connection_id}"
    async with house.postgres.app.tenant(house.id) as connection:
        (sent,) = await messages.of_subject(connection, house.id, order.order_id)
    assert (sent.template, sent.fate) == ("order_confirmed", "accepted") and sent.parts >= 1


async def test_who_says_stop_while_it_waits_is_not_told_and_the_news_of_a_stopped_mail_go_by_text(
    house: Told, function: StartFunction, database: Database, master_key: str, eventually: Eventually
) -> None:
    server, other = Twilio("AC1", "secret"), "+33612345679"
    async with TestServer(server.app) as served:
        mails = await house.connect(
            "mail", "smtp", {"host": "127.0.0.1", "port": "9", "from_address": "a@b.example"}, {}
        )
        stopped, mailed = await house.order(), await house.order(other)
        async with house.postgres.app.tenant(house.id) as connection:
            await guest_emails.leave(connection, house.id, mailed.order_id, "anna@x.example", house.pii)
        await house.connect_twilio(str(served.make_url("")).rstrip("/"))
        await house.plan(stopped, moved(mailed, "ready"))
        async with house.postgres.app.tenant(house.id) as connection:
            await messages.opt_out(connection, house.id, CALLER, house.pii)
            await guest_emails.forget(connection, house.id, [mailed.order_id])
        async with StartRunner(function, database, master_key)() as running:

            async def settled() -> object:
                await running.tick("errands-due")
                return "waiting" not in await house.states(stopped.order_id) + await house.states(mailed.order_id)

            await eventually(settled)

    assert await house.states(stopped.order_id) == ["refused"]
    assert await house.states(mailed.order_id) == ["refused", "done"]
    assert [text["to"] for text in server.messages] == [other]
    async with house.postgres.app.tenant(house.id) as connection:
        assert (await connections.get(connection, mails.id)).failures == 0


async def test_each_occasion_is_told_once_however_often_the_kitchen_moves_it(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    order = await house.order()
    steps = (moved(order, "preparing"), moved(order, "ready"), moved(order, "ready"))

    await house.planned(order, *steps, cancelled(order))

    async with house.postgres.platform.platform() as connection:
        keys = await connection.fetch("select key from errand order by number")
    assert [row["key"].rpartition("/")[2] for row in keys] == ["order_confirmed", "order_ready", "order_cancelled"]


@pytest.mark.parametrize("caller", ["", "anonymous", "+33465710042"])
async def test_who_has_no_mobile_number_gets_no_text(caller: str, house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")

    assert await house.planned(await house.order(caller)) == []


async def test_who_wants_no_texts_gets_none_until_they_want_them_again(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    async with house.postgres.app.tenant(house.id) as connection:
        await messages.opt_out(connection, house.id, CALLER, house.pii)
        await messages.opt_out(connection, house.id, CALLER, house.pii)
    assert await house.planned(await house.order()) == []

    async with house.postgres.app.tenant(house.id) as connection:
        await messages.opt_in(connection, house.id, CALLER, house.pii)
    assert len(await house.planned(await house.order())) == 1


async def test_a_missed_caller_is_sent_the_menu_where_the_restaurant_wants_it_once_a_day(house: Told) -> None:
    caller = "+353861234567"
    fresh, old = (
        missed(house.id, caller, NOW),
        missed(house.id, "+353861234568", NOW - message_planning.ANSWERS_FOR * 2),
    )
    again, abroad = missed(house.id, caller, NOW), missed(house.id, "+88213001001", NOW)
    async with house.postgres.platform.platform() as connection:
        await connection.execute("update restaurant set country = 'IE'")  # no quiet hours
    await house.connect_twilio("http://127.0.0.1:9", menu_link="https://margot.example/carte")

    ((occasion, text),) = await house.planned(fresh, fresh, old, again, abroad, missed(house.id, "", NOW))

    assert occasion == "missed_call" and "https://margot.example/carte" in text
    async with house.postgres.platform.platform() as connection:
        assert await connection.fetchval("select max(give_up_at) from errand") <= NOW + message_planning.ANSWERS_FOR


async def test_whoever_changed_an_order_is_told_of_the_new_one_and_of_no_cancellation(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    before = await house.order()
    gone, after = await house.change(before)

    ((occasion, text),) = await house.planned(gone, after, gone, after)

    assert occasion == "order_changed"
    assert f"le no {after.number} au lieu du no {before.number}" in text and "Total" in text


async def test_a_confirmation_behind_its_cancellation_is_not_told(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    order = await house.order()
    async with house.postgres.app.tenant(house.id) as connection:
        move = Move(order.order_id, "confirmed", "cancelled", "owner@x.example", "customer")
        await ordering.move_order(connection, move, source="/test")

    told = await house.planned(cancelled(order), order, moved(order, "ready"))

    assert [occasion for occasion, _ in told] == ["order_cancelled"]


async def test_a_guest_is_told_each_new_time_of_a_reservation(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    starts = datetime(2026, 12, 4, 19, tzinfo=UTC)
    wish = Wish(starts_at=starts, ends_at=starts + timedelta(hours=2), covers=4, name="Anna", phone=CALLER)
    async with house.postgres.app.tenant(house.id) as connection:
        made = await reservations.add(connection, house.id, wish, status="confirmed", pii=house.pii)

    def changed(starts_at: datetime) -> ReservationChanged:
        return ReservationChanged(
            restaurant_id=house.id,
            reservation_id=made,
            before="confirmed",
            status="confirmed",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            covers=4,
            table_ids=(),
        )

    later = starts + timedelta(hours=1)
    await house.planned(changed(later), changed(later), changed(starts))

    async with house.postgres.platform.platform() as connection:
        assert await connection.fetchval("select count(*) from errand") == 2


async def test_receipts_that_come_twice_and_out_of_order_leave_the_last_word(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    async with house.postgres.app.tenant(house.id) as connection:
        for fate in ("delivered", "sent", "delivered"):
            await messages.record_fate(connection, house.id, house.connection_id, "SM1", fate)
        await messages.record_sent(
            connection, house.id, house.connection_id, "SM1", about="o1", template="order_ready", parts=2
        )
        (sent,) = await messages.of_subject(connection, house.id, "o1")

    assert (sent.fate, sent.parts, sent.template) == ("delivered", 2, "order_ready")


async def test_what_a_message_has_cost_is_known_by_month_once_its_service_tells_it(house: Told) -> None:
    await house.connect_twilio("http://127.0.0.1:9")
    order = await house.order()
    await house.planned(order)
    async with house.postgres.platform.platform() as connection:
        await connection.execute("update errand set next_at = now()")
        (one,) = await errands.claim(connection, 50, 50)
    work = errands.work_of(one, house.pii)

    async with house.postgres.app.tenant(house.id) as connection:
        done = Done("SM1", {"parts": 2})
        await consequences.follow(house.home, connection, one, work, "done", done)
        (sent,) = await message_costs.of_provider(connection, house.id, "twilio", 12)
        assert (sent.currency, sent.messages, sent.parts, sent.micros) == ("", 1, 2, 0)
        asked = await connection.fetchrow(
            "select id, next_at > now() as later from errand where kind = 'message.price'"
        )
        assert asked is not None and asked["later"]
        shown = await errands.of_connection(connection, house.id, house.connection_id, 10)
        assert [errand.kind for errand in shown] == ["message.send"]

    async with house.postgres.platform.platform() as connection:
        await connection.execute("update errand set next_at = now() where kind = 'message.price'")
        (question,) = [two for two in await errands.claim(connection, 50, 50) if two.kind == "message.price"]
    asks = errands.work_of(question, house.pii)
    async with house.postgres.app.tenant(house.id) as connection:
        for facts in ({"micros": 75_000, "currency": "EUR"}, {"micros": 1, "currency": "<b>"}, {}):
            await consequences.follow(house.home, connection, question, asks, "done", Done(facts=facts))
        known = await message_costs.of_provider(connection, house.id, "twilio", 12)
    assert [(cost.currency, cost.micros) for cost in known] == [("", 0), ("EUR", 75_000)]
