"""Every repository function, called as one restaurant with the ids of another: nothing is read, nothing changes."""

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import asyncpg
import msgspec
import pytest

from domain.assignment import Move
from domain.calendars import BusyTimes
from domain.errands import CancelOrder
from domain.left_messages import LeftMessage
from domain.order import Cart
from domain.reservations import Rules
from domain.restaurant import DeliveryZone, FaqEntry, Opening, OpeningException
from domain.till_menus import Loss, TillCode, TillMenu
from domain.traces import Ladder
from domain.trunks import PLAIN
from stores import (
    account_links,
    attention,
    board_states,
    calendar_copies,
    calls,
    chains,
    connections,
    customers,
    deposits,
    devices,
    dining,
    erasures,
    errands,
    figures,
    guest_emails,
    hooks,
    idempotency,
    infrastructure,
    kitchen,
    left_messages,
    line_states,
    lines,
    menu_photos,
    menu_versions,
    menus,
    message_costs,
    messages,
    nodes,
    objectives,
    orders,
    partitions,
    payments,
    people,
    rehearsals,
    releases,
    reservations,
    restaurants,
    retention_choices,
    rhythms,
    second_factors,
    sessions,
    setups,
    status,
    subject_access,
    team,
    till_menus,
    tills,
    tokens,
    traces,
    users,
    waiting_list,
    webhooks,
)
from stores import tenants as tenant_list
from stores.audit import Actor
from stores.calls import CallRecord, UnconfirmedCart
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.errors import NotFoundError
from stores.kitchen import Move as OrderMove
from stores.orders import Order, OrderFilter, StoredOrder
from stores.postgres import NO_RESTAURANT, Connection, Postgres, WrongRoleError
from stores.reservations import Wish
from stores.restaurants import Greeted
from stores.retention_choices import Choice, Waiting
from stores.traces import CallTrace
from tests.conftest import Database, run_apart
from tests.integration.stores.samples import NOW, Tenant, conversation, logged, make_menu, make_order, new_id, seed_both

pytestmark = pytest.mark.integration

Attempt = Callable[[Connection, Tenant, PiiCipher, SipPasswordCipher], Awaitable[object]]

MODULES: tuple[ModuleType, ...] = (
    attention,
    account_links,
    board_states,
    calendar_copies,
    calls,
    chains,
    connections,
    customers,
    deposits,
    devices,
    dining,
    erasures,
    errands,
    figures,
    guest_emails,
    hooks,
    infrastructure,
    idempotency,
    kitchen,
    left_messages,
    line_states,
    lines,
    menu_photos,
    menu_versions,
    menus,
    message_costs,
    messages,
    nodes,
    objectives,
    orders,
    partitions,
    payments,
    people,
    releases,
    rehearsals,
    reservations,
    restaurants,
    retention_choices,
    rhythms,
    second_factors,
    sessions,
    setups,
    status,
    subject_access,
    team,
    tenant_list,
    till_menus,
    tills,
    tokens,
    traces,
    users,
    waiting_list,
    webhooks,
)
LATER = NOW + timedelta(hours=3)


def _other_order(other: Tenant) -> Any:
    return make_order(other.menu, "another call")


async def _joined(conn: Connection, other: Tenant) -> bool:
    """By somebody who owns the other one alone."""
    return await chains.join(conn, other.user_id, "eve@x.example", other.id, "Mine") == ""


async def _nothing_chosen(conn: Connection, other: Tenant) -> bool:
    return await retention_choices.get(conn, other.id) != Choice()


async def _no_bookings(conn: Connection, other: Tenant) -> int:
    return sum((await figures.bookings(conn, other.id, NOW - timedelta(days=9), NOW + timedelta(days=9))).values())


def _wish(other: Tenant) -> Wish:
    return Wish(starts_at=LATER, ends_at=LATER + timedelta(hours=1), covers=2, table_ids=[other.table_id], name="Eve")


async def _other_rules(conn: Connection, other: Tenant) -> bool:
    """A restaurant that can't be seen has no rules of its own."""
    return await dining.rules(conn, other.id) != Rules()


async def _known_tables(conn: Connection, other: Tenant) -> tuple[object, ...]:
    book = await dining.book(conn, other.id, NOW)
    return (*book.tables, *book.holds, *([book.calendar] if book.calendar else []))


async def _nothing_to_look_at(conn: Connection, other: Tenant) -> int:
    before = NOW - timedelta(days=9)
    found = await attention.look(conn, other.id, LATER, missed_since=before, carts_since=before)
    return found.missed + found.carts + found.lines_down + len(found.items_off)


async def _customers_of(conn: Connection, other: Tenant, pii: PiiCipher) -> tuple[customers.Customer, ...]:
    return tuple(one for one in await customers.recent(conn, 100, pii=pii) if one.id == other.customer_id)


async def _on_the_board(conn: Connection, pii: PiiCipher) -> tuple[Order, ...]:
    board = await kitchen.board(conn, NOW, NOW, closed_limit=9, left_open_limit=9, pii=pii)
    return (*board.open, *board.closed)


_SHOWN = board_states.Shown(NOW, NOW, 9, 9, NOW, 9)


def _record(other: Tenant) -> CallRecord:
    return CallRecord(id=other.call_id, restaurant_id=other.id, started_at=NOW, outcome="failed")


def _trace(other: Tenant) -> CallTrace:
    return CallTrace(call_id=other.call_id, restaurant_id=other.id, started_at=NOW)


def _claimed(other: Tenant) -> webhooks.Claimed:
    return webhooks.Claimed(new_id(), other.id, other.webhook_id, 1, "https://x.example/", 0, True, False, (), {}, None)


def _errand(other: Tenant) -> errands.Claimed:
    return errands.Claimed(
        other.errand_id,
        other.id,
        other.connection_id,
        "store_api",
        {},
        None,
        "order.cancel",
        "x",
        "x",
        0,
        False,
        None,
        NOW,
        NOW,
    )


def _cancelling() -> CancelOrder:
    return CancelOrder(order_id=new_id())


async def _change_connection(conn: Connection, other: Tenant, pii: PiiCipher) -> None:
    """As somebody would try it who knows the id."""
    known = {"provider": "store_api", "name": "", "settings": {}, "created_by": "eve@x.example", "created_at": NOW}
    healthy = {"disabled_at": None, "failures": 0, "failing_since": None, "open_until": None, "last_error": ""}
    known_id = {"id": other.connection_id, "restaurant_id": other.id, "service": "till"}
    made_up = msgspec.convert(known_id | known | healthy, connections.Connection)
    await connections.change(conn, made_up, name="mine", settings={}, secrets={}, pii=pii)


def _idempotency_key(other: Tenant) -> idempotency.Key:
    return idempotency.Key(other.id, other.user_id, "one", bytes(32))


async def _is_over(conn: Connection, other: Tenant) -> bool:
    """A call that can't be seen has no end: the answer is the same as for one that never was."""
    return await calls.still_open(conn, other.call_id, NOW) is None


async def _not_reset(conn: Connection, other: Tenant) -> bool:
    return await second_factors.reset_members(conn, other.user_id) != "stranger"


async def _without_end(conn: Connection, other: Tenant) -> tuple[str, ...]:
    endless = await calls.without_end(conn, LATER, 100)
    return tuple(call.id for call in endless if call.restaurant_id == other.id)


async def _expected_beyond_own(conn: Connection) -> float:
    """Seconds of calls that are expected from what others were called; its own are what ``handled`` lets it see."""
    own = await rhythms.handled(conn, "Europe/Paris", NOW, NOW + rhythms.QUARTER)
    expected = await rhythms.expected(conn, NOW + timedelta(weeks=1), 1)
    return round(expected * rhythms.QUARTER.total_seconds() - sum(own.values()), 3)


# Functions that the app role may call. What they may answer about another restaurant is _NOTHING, or one of _REFUSED.
async def _no_calls_of_another(conn: Connection, other: Tenant) -> int:
    found = await objectives.unserved(conn, datetime(2000, 1, 1, tzinfo=UTC))
    own: int = await conn.fetchval("select count(*) from call_log where ended_at is not null")
    return found.ended - own


def _rehearsed() -> rehearsals.SyntheticCall:
    return rehearsals.SyntheticCall(datetime.now(UTC), "", "", 1, 2, 3, 4.0)


ATTEMPTS: dict[Callable[..., Any], Attempt] = {
    attention.look: lambda conn, other, pii, sip: _nothing_to_look_at(conn, other),
    rhythms.handled: lambda conn, other, pii, sip: rhythms.handled(
        conn, "Europe/Paris", NOW - timedelta(minutes=20), NOW + timedelta(minutes=20)
    ),
    rhythms.closed: lambda conn, other, pii, sip: rhythms.closed(conn, "Europe/Paris", [NOW.date()]),
    rhythms.expected: lambda conn, other, pii, sip: _expected_beyond_own(conn),
    board_states.read: lambda conn, other, pii, sip: board_states.read(conn, other.id, _SHOWN),
    chains.of_restaurant: lambda conn, other, pii, sip: chains.of_restaurant(conn, other.id),
    chains.listed: lambda conn, other, pii, sip: chains.listed(conn, other.id),
    chains.own_house: lambda conn, other, pii, sip: chains.own_house(conn, other.id),
    chains.update: lambda conn, other, pii, sip: chains.update(conn, other.id, chains.OwnHouse("Mine")),
    chains.join: lambda conn, other, pii, sip: _joined(conn, other),
    chains.leave: lambda conn, other, pii, sip: chains.leave(conn, other.id),
    chains.remove: lambda conn, other, pii, sip: chains.remove(conn, other.user_id, other.id),
    chains.name_of: lambda conn, other, pii, sip: chains.name_of(conn, other.id),
    chains.rename: lambda conn, other, pii, sip: chains.rename(conn, other.user_id, "Mine"),
    chains.set_order: lambda conn, other, pii, sip: chains.set_order(conn, other.user_id, [other.id]),
    calls.recent: lambda conn, other, pii, sip: calls.recent(conn, pii=pii),
    calls.unconfirmed: lambda conn, other, pii, sip: calls.unconfirmed(conn, NOW, 50, pii=pii),
    calls.get: lambda conn, other, pii, sip: calls.get(conn, other.call_id),
    calls.record_started: lambda conn, other, pii, sip: calls.record_started(
        conn,
        call_id=other.call_id,
        restaurant_id=other.id,
        started_at=NOW,
        phone_line_id=other.line_id,
        bridge_node_id="node",
        caller="+33999999999",
        pii=pii,
    ),
    traces.ids_that_begin: lambda conn, other, pii, sip: traces.ids_that_begin(conn, other.call_id),
    traces.traced: lambda conn, other, pii, sip: traces.traced(conn, other.call_id),
    traces.listed: lambda conn, other, pii, sip: traces.listed(conn, 50, restaurant=other.id),
    calls.without_end: lambda conn, other, pii, sip: _without_end(conn, other),
    calls.still_open: lambda conn, other, pii, sip: _is_over(conn, other),
    calls.record_ended: lambda conn, other, pii, sip: calls.record_ended(conn, _record(other)),
    calls.record_order: lambda conn, other, pii, sip: calls.record_order(
        conn, other.id, other.call_id, other.order_id, LATER
    ),
    calls.record_conversation: lambda conn, other, pii, sip: calls.record_conversation(
        conn, conversation(other.call_id, other.id), pii
    ),
    calls.follow_up: lambda conn, other, pii, sip: calls.follow_up(conn, other.call_id, "settled", "eve"),
    calls.keep_unconfirmed: lambda conn, other, pii, sip: calls.keep_unconfirmed(
        conn, other.id, other.call_id, UnconfirmedCart(Cart("EUR", new_id()), 0, "not_saved"), pii
    ),
    left_messages.leave: lambda conn, other, pii, sip: left_messages.leave(
        conn, other.id, other.call_id, NOW, LeftMessage("other", "Hello"), pii
    ),
    customers.remember: lambda conn, other, pii, sip: customers.remember(conn, other.id, other.phone, "Eve", pii),
    customers.remember_if_known: lambda conn, other, pii, sip: customers.remember_if_known(
        conn, other.id, other.phone, "Eve", pii
    ),
    customers.recent: lambda conn, other, pii, sip: _customers_of(conn, other, pii),
    customers.phone_of_order: lambda conn, other, pii, sip: customers.phone_of_order(conn, other.order_id, pii=pii),
    customers.by_phone: lambda conn, other, pii, sip: customers.by_phone(conn, other.id, [other.phone], pii=pii),
    customers.get: lambda conn, other, pii, sip: customers.get(conn, other.customer_id, pii=pii),
    erasures.ask: lambda conn, other, pii, sip: erasures.ask(conn, other.id, other.customer_id, "eve", pii),
    erasures.open_ones: lambda conn, other, pii, sip: erasures.open_ones(conn, 10),
    erasures.recent: lambda conn, other, pii, sip: erasures.recent(conn, other.id, 10),
    subject_access.calls_of: lambda conn, other, pii, sip: subject_access.calls_of(
        conn, pii.phone_hashes(other.id, other.phone), 10, pii=pii
    ),
    subject_access.messages_of: lambda conn, other, pii, sip: subject_access.messages_of(
        conn, other.id, [other.call_id]
    ),
    subject_access.events_of: lambda conn, other, pii, sip: subject_access.events_of(
        conn, other.id, [other.call_id], 10, pii=pii
    ),
    subject_access.letters_of: lambda conn, other, pii, sip: subject_access.letters_of(
        conn, other.id, [other.call_id], 10
    ),
    figures.log_order: lambda conn, other, pii, sip: figures.log_order(conn, logged(new_id(), other.id)),
    figures.daily: lambda conn, other, pii, sip: figures.daily(conn, other.id, date(2020, 1, 1), date(2030, 1, 1)),
    idempotency.take: lambda conn, other, pii, sip: idempotency.take(conn, _idempotency_key(other), pii),
    idempotency.forget: lambda conn, other, pii, sip: idempotency.forget(conn, other.id, ["one"], pii),
    idempotency.keep: lambda conn, other, pii, sip: idempotency.keep(
        conn, _idempotency_key(other), idempotency.Answer(200, "{}"), pii
    ),
    figures.sums: lambda conn, other, pii, sip: figures.sums(conn, other.id, date(2020, 1, 1), date(2030, 1, 1), "EUR"),
    figures.sums_by_week: lambda conn, other, pii, sip: figures.sums_by_week(
        conn, other.id, date(2020, 1, 1), date(2030, 1, 1), "EUR"
    ),
    figures.bookings: lambda conn, other, pii, sip: _no_bookings(conn, other),
    figures.count_cancelled: lambda conn, other, pii, sip: figures.count_cancelled(conn, other.order_id, True),
    kitchen.board: lambda conn, other, pii, sip: _on_the_board(conn, pii),
    kitchen.move: lambda conn, other, pii, sip: kitchen.move(
        conn, OrderMove(other.order_id, "confirmed", "cancelled", "eve", "other")
    ),
    kitchen.left_open: lambda conn, other, pii, sip: kitchen.left_open(conn, LATER, 9),
    kitchen.note_allergies: lambda conn, other, pii, sip: kitchen.note_allergies(
        conn, other.id, other.order_id, "nuts", pii
    ),
    kitchen.load_minutes: lambda conn, other, pii, sip: kitchen.load_minutes(conn, other.id, NOW),
    kitchen.set_load: lambda conn, other, pii, sip: kitchen.set_load(conn, other.id, "counter", 99, LATER),
    line_states.of_restaurant: lambda conn, other, pii, sip: line_states.of_restaurant(conn, other.id),
    lines.get: lambda conn, other, pii, sip: lines.get(conn, other.line_id),
    lines.create: lambda conn, other, pii, sip: lines.create(
        conn, restaurant_id=other.id, number="+33999999999", cipher=sip
    ),
    lines.set_password: lambda conn, other, pii, sip: lines.set_password(conn, other.line_id, "stolen", sip),
    lines.set_twilio_auth_token: lambda conn, other, pii, sip: lines.set_twilio_auth_token(
        conn, other.line_id, "stolen", sip
    ),
    lines.of_restaurant: lambda conn, other, pii, sip: lines.of_restaurant(conn, other.id),
    lines.ask_now: lambda conn, other, pii, sip: lines.ask_now(conn, other.line_id),
    lines.update: lambda conn, other, pii, sip: lines.update(
        conn, other.line_id, number="+33999999999", sip_domain="", sip_username="", trunk=PLAIN, transfers="auto"
    ),
    line_states.registrations: lambda conn, other, pii, sip: line_states.registrations(conn, other.id),
    lines.set_active: lambda conn, other, pii, sip: lines.set_active(conn, other.line_id, False),
    menus.load: lambda conn, other, pii, sip: menus.load(conn, other.id),
    menus.insert: lambda conn, other, pii, sip: menus.insert(conn, make_menu(other.id)),
    menus.save: lambda conn, other, pii, sip: menus.save(conn, other.menu, replace(other.menu, items=())),
    menus.lock: lambda conn, other, pii, sip: menus.lock(conn, other.id),
    menus.allergens_of: lambda conn, other, pii, sip: menus.allergens_of(conn, other.id, [other.item_id]),
    guest_emails.leave: lambda conn, other, pii, sip: guest_emails.leave(
        conn, other.id, other.order_id, "thief@x.example", pii
    ),
    guest_emails.go_on: lambda conn, other, pii, sip: guest_emails.go_on(
        conn, other.id, other.order_id, "00000000-0000-0000-0000-000000000001"
    ),
    guest_emails.left_for: lambda conn, other, pii, sip: guest_emails.left_for(conn, other.id, other.order_id, pii),
    guest_emails.left_for_each: lambda conn, other, pii, sip: guest_emails.left_for_each(
        conn, other.id, [other.order_id], pii
    ),
    guest_emails.forget: lambda conn, other, pii, sip: guest_emails.forget(conn, other.id, [other.order_id]),
    message_costs.add: lambda conn, other, pii, sip: message_costs.add(conn, other.id, "twilio", 1),
    message_costs.of_provider: lambda conn, other, pii, sip: message_costs.of_provider(conn, other.id, "twilio", 12),
    messages.opt_out: lambda conn, other, pii, sip: messages.opt_out(conn, other.id, other.phone, pii),
    messages.opt_in: lambda conn, other, pii, sip: messages.opt_in(conn, other.id, other.phone, pii),
    messages.wants_none: lambda conn, other, pii, sip: messages.wants_none(conn, other.id, other.phone, pii),
    messages.record_sent: lambda conn, other, pii, sip: messages.record_sent(
        conn, other.id, other.connection_id, "SM1", about=other.order_id, template="order_ready", parts=1
    ),
    messages.record_fate: lambda conn, other, pii, sip: messages.record_fate(
        conn, other.id, other.connection_id, "SM0", "failed"
    ),
    messages.of_subject: lambda conn, other, pii, sip: messages.of_subject(conn, other.id, other.order_id),
    menu_versions.newest_number: lambda conn, other, pii, sip: menu_versions.newest_number(conn, other.id),
    menu_versions.record: lambda conn, other, pii, sip: menu_versions.record(conn, other.menu, Actor("eve"), "x"),
    menu_versions.recent: lambda conn, other, pii, sip: menu_versions.recent(conn, other.id, 10),
    menu_versions.snapshot: lambda conn, other, pii, sip: menu_versions.snapshot(conn, other.id, 1),
    menu_versions.live_at: lambda conn, other, pii, sip: menu_versions.live_at(conn, other.id, LATER),
    menu_photos.kept: lambda conn, other, pii, sip: menu_photos.kept(conn, other.id, ["0" * 32]),
    menu_photos.put: lambda conn, other, pii, sip: menu_photos.put(
        conn, other.id, menu_photos.Photo("0" * 32, b"x", b"x")
    ),
    menu_photos.count_use: lambda conn, other, pii, sip: menu_photos.count_use(conn, other.id),
    menu_photos.picture: lambda conn, other, pii, sip: menu_photos.picture(conn, other.id, "0" * 32, "small"),
    rehearsals.take: lambda conn, other, pii, sip: rehearsals.take(conn, _other_order(other)),
    objectives.unserved: lambda conn, other, pii, sip: _no_calls_of_another(conn, other),
    orders.insert_confirmed: lambda conn, other, pii, sip: orders.insert_confirmed(conn, _other_order(other), pii),
    orders.recent: lambda conn, other, pii, sip: orders.recent(conn, wanted=OrderFilter(number=1), pii=pii),
    orders.get: lambda conn, other, pii, sip: orders.get(conn, other.order_id),
    orders.id_of_call: lambda conn, other, pii, sip: orders.id_of_call(conn, other.id, other.call_id),
    orders.is_written: lambda conn, other, pii, sip: orders.is_written(conn, other.order_id),
    orders.mark_replaced: lambda conn, other, pii, sip: orders.mark_replaced(
        conn, other.order_id, StoredOrder(other.order_id, 9, True, NOW)
    ),
    orders.of_call: lambda conn, other, pii, sip: orders.of_call(conn, other.call_id),
    orders.with_lines: lambda conn, other, pii, sip: orders.with_lines(conn, [], pii),
    dining.lock: lambda conn, other, pii, sip: dining.lock(conn, other.id),
    dining.tables: lambda conn, other, pii, sip: dining.tables(conn, other.id),
    dining.rooms: lambda conn, other, pii, sip: dining.rooms(conn, other.id),
    dining.rules: lambda conn, other, pii, sip: _other_rules(conn, other),
    dining.set_rules: lambda conn, other, pii, sip: dining.set_rules(conn, other.id, Rules(taken=False)),
    dining.holds: lambda conn, other, pii, sip: dining.holds(conn, other.id, NOW, LATER),
    dining.book: lambda conn, other, pii, sip: _known_tables(conn, other),
    dining.add_room: lambda conn, other, pii, sip: dining.add_room(conn, other.id, "Cellar"),
    dining.add_table: lambda conn, other, pii, sip: dining.add_table(conn, other.id, "Room", "T9", 2),
    dining.get_room: lambda conn, other, pii, sip: dining.get_room(conn, other.id, other.room_id),
    dining.save_room: lambda conn, other, pii, sip: dining.save_room(
        conn, other.id, dining.Room(other.room_id, "Mine", False), LATER
    ),
    dining.remove_room: lambda conn, other, pii, sip: dining.remove_room(conn, other.id, other.room_id, LATER),
    reservations.between: lambda conn, other, pii, sip: reservations.between(conn, other.id, NOW, LATER, limit=9),
    reservations.of_customer: lambda conn, other, pii, sip: reservations.of_customer(conn, other.customer_id, 9),
    reservations.get: lambda conn, other, pii, sip: reservations.get(conn, other.reservation_id, pii=pii),
    reservations.add: lambda conn, other, pii, sip: reservations.add(
        conn, other.id, _wish(other), status="confirmed", pii=pii
    ),
    reservations.change: lambda conn, other, pii, sip: reservations.change(
        conn, other.id, other.reservation_id, _wish(other), pii
    ),
    reservations.move: lambda conn, other, pii, sip: reservations.move(
        conn, other.reservation_id, "confirmed", "cancelled", reason="other"
    ),
    waiting_list.add: lambda conn, other, pii, sip: waiting_list.add(
        conn, other.id, NOW, 2, name="Eve", phone="", note="", pii=pii
    ),
    waiting_list.between: lambda conn, other, pii, sip: waiting_list.between(conn, other.id, NOW, LATER, limit=9),
    waiting_list.of_customer: lambda conn, other, pii, sip: waiting_list.of_customer(conn, other.customer_id, 9),
    waiting_list.get: lambda conn, other, pii, sip: waiting_list.get(conn, other.party_id, pii=pii),
    waiting_list.offered: lambda conn, other, pii, sip: waiting_list.offered(
        conn, other.party_id, other.reservation_id
    ),
    waiting_list.leave: lambda conn, other, pii, sip: waiting_list.leave(conn, other.party_id, NOW),
    restaurants.get: lambda conn, other, pii, sip: restaurants.get(conn, other.id),
    restaurants.update: lambda conn, other, pii, sip: restaurants.update(conn, other.id, {"name": "Mine"}),
    restaurants.openings: lambda conn, other, pii, sip: restaurants.openings(conn, other.id),
    restaurants.remove_exception: lambda conn, other, pii, sip: restaurants.remove_exception(
        conn, other.id, date(2026, 12, 25)
    ),
    restaurants.set_openings: lambda conn, other, pii, sip: restaurants.set_openings(
        conn, other.id, [Opening(1, 600, 900)]
    ),
    restaurants.set_exception: lambda conn, other, pii, sip: restaurants.set_exception(
        conn, other.id, OpeningException(date(2026, 12, 25), ((600, 900),))
    ),
    restaurants.set_delivery_zones: lambda conn, other, pii, sip: restaurants.set_delivery_zones(
        conn, other.id, [DeliveryZone("Mine", ("1",), 0, 0, 0)]
    ),
    restaurants.faq: lambda conn, other, pii, sip: restaurants.faq(conn, other.id),
    restaurants.set_faq: lambda conn, other, pii, sip: restaurants.set_faq(
        conn, other.id, [FaqEntry("", "Whose?", "Mine.")]
    ),
    devices.listed: lambda conn, other, pii, sip: devices.listed(conn, other.id),
    devices.add: lambda conn, other, pii, sip: devices.add(conn, other.id, "Mine"),
    devices.pair: lambda conn, other, pii, sip: devices.pair(conn, other.id, "00000000"),
    devices.find: lambda conn, other, pii, sip: devices.find(conn, other.id, "a token"),
    devices.remove: lambda conn, other, pii, sip: devices.remove(conn, other.id, new_id()),
    devices.earlier_result: lambda conn, other, pii, sip: devices.earlier_result(conn, new_id(), new_id()),
    devices.keep_result: lambda conn, other, pii, sip: devices.keep_result(
        conn, other.id, new_id(), new_id(), other.order_id, "done"
    ),
    infrastructure.names: lambda conn, other, pii, sip: infrastructure.names(conn, {other.id}),
    infrastructure.open_letters: lambda conn, other, pii, sip: infrastructure.open_letters(conn),
    infrastructure.taken_events: lambda conn, other, pii, sip: infrastructure.taken_events(conn, 10),
    people.by_address: lambda conn, other, pii, sip: people.by_address(conn, "owner@other.example"),
    people.memberships: lambda conn, other, pii, sip: people.memberships(conn, other.user_id),
    tenant_list.lines: lambda conn, other, pii, sip: tenant_list.lines(conn, other.id),
    tenant_list.costs_by_restaurant: lambda conn, other, pii, sip: tenant_list.costs_by_restaurant(
        conn, date(2020, 1, 1), date(2040, 1, 1), 10
    ),
    tenant_list.costs_by_model: lambda conn, other, pii, sip: tenant_list.costs_by_model(
        conn, date(2020, 1, 1), date(2040, 1, 1), other.id
    ),
    team.members: lambda conn, other, pii, sip: team.members(conn, other.id),
    team.member: lambda conn, other, pii, sip: team.member(conn, other.id, other.user_id),
    team.set_role: lambda conn, other, pii, sip: team.set_role(conn, other.id, other.user_id, "owner"),
    team.remove: lambda conn, other, pii, sip: team.remove(conn, other.id, other.user_id),
    team.invitations: lambda conn, other, pii, sip: team.invitations(conn, other.id),
    team.invite: lambda conn, other, pii, sip: team.invite(
        conn, other.id, "eve@x.example", "owner", invited_by="eve@x.example", good_for=timedelta(days=1)
    ),
    team.withdraw: lambda conn, other, pii, sip: team.withdraw(conn, other.id, "eve@x.example"),
    second_factors.members_with: lambda conn, other, pii, sip: second_factors.members_with(conn),
    second_factors.reset: lambda conn, other, pii, sip: second_factors.reset(conn, other.user_id),
    second_factors.reset_members: lambda conn, other, pii, sip: _not_reset(conn, other),
    team.accept: lambda conn, other, pii, sip: team.accept(conn, other.id, "x", other.user_id),
    users.set_password: lambda conn, other, pii, sip: users.set_password(conn, other.user_id, "stolen password"),
    calendar_copies.of_restaurant: lambda conn, other, pii, sip: calendar_copies.of_restaurant(
        conn, other.id, NOW, LATER
    ),
    calendar_copies.renew: lambda conn, other, pii, sip: calendar_copies.renew(conn, other.calendar.connection_id),
    calendar_copies.forget: lambda conn, other, pii, sip: calendar_copies.forget(conn, other.calendar.connection_id),
    calendar_copies.keep: lambda conn, other, pii, sip: calendar_copies.keep(
        conn, replace(other.calendar, asked_at=LATER), BusyTimes(NOW, LATER)
    ),
    calendar_copies.put_off: lambda conn, other, pii, sip: calendar_copies.put_off(conn, other.calendar, "mine"),
    connections.connect: lambda conn, other, pii, sip: connections.connect(
        conn,
        other.id,
        service="printer",
        provider="store_api",
        settings={},
        secrets={},
        pii=pii,
        created_by="eve@x.example",
    ),
    connections.of_restaurant: lambda conn, other, pii, sip: connections.of_restaurant(conn, other.id),
    connections.in_use: lambda conn, other, pii, sip: connections.in_use(conn, other.id),
    connections.get: lambda conn, other, pii, sip: connections.get(conn, other.connection_id),
    connections.change: lambda conn, other, pii, sip: _change_connection(conn, other, pii),
    connections.switch: lambda conn, other, pii, sip: connections.switch(conn, other.connection_id, False),
    connections.disconnect: lambda conn, other, pii, sip: connections.disconnect(conn, other.connection_id),
    connections.answered: lambda conn, other, pii, sip: connections.answered(conn, other.connection_id),
    connections.failed: lambda conn, other, pii, sip: connections.failed(conn, other.connection_id, "away"),
    errands.add: lambda conn, other, pii, sip: errands.add(conn, other.id, other.connection_id, _cancelling(), pii),
    errands.of_connection: lambda conn, other, pii, sip: errands.of_connection(conn, other.id, other.connection_id, 10),
    errands.about: lambda conn, other, pii, sip: errands.about(conn, other.id, other.order_id),
    errands.try_again: lambda conn, other, pii, sip: errands.try_again(conn, other.id, other.errand_id),
    errands.forget: lambda conn, other, pii, sip: errands.forget(conn, other.id, [other.order_id]),
    errands.settle: lambda conn, other, pii, sip: errands.settle(conn, _errand(other), "done"),
    hooks.is_latest: lambda conn, other, pii, sip: hooks.is_latest(
        conn, hooks.Hook(other.connection_id, other.id, "store_api", {}), "stolen", NOW
    ),
    hooks.is_new: lambda conn, other, pii, sip: hooks.is_new(
        conn, hooks.Hook(other.connection_id, other.id, "store_api", {}), "stolen"
    ),
    deposits.add: lambda conn, other, pii, sip: deposits.add(
        conn,
        other.id,
        other.reservation_id,
        other.connection_id,
        amount_cents=1,
        currency="EUR",
        minutes=30,
        due_at=LATER,
    ),
    deposits.of_reservation: lambda conn, other, pii, sip: deposits.of_reservation(
        conn, other.id, other.reservation_id
    ),
    deposits.locked: lambda conn, other, pii, sip: deposits.locked(conn, other.id, other.deposit.id),
    deposits.stand: lambda conn, other, pii, sip: deposits.stand(
        conn, other.deposit, "paid", due_at=LATER, intent="pi_1"
    ),
    deposits.due: lambda conn, other, pii, sip: deposits.due(conn, 10),
    deposits.open_page: lambda conn, other, pii, sip: deposits.open_page(
        conn, other.deposit, "cs_2", "https://x", LATER
    ),
    payments.request: lambda conn, other, pii, sip: payments.request(
        conn, other.id, new_id(), other.connection_id, 100, "EUR"
    ),
    payments.of_order: lambda conn, other, pii, sip: payments.of_order(conn, other.id, other.order_id),
    payments.locked: lambda conn, other, pii, sip: payments.locked(conn, other.id, other.payment.id),
    payments.open_page: lambda conn, other, pii, sip: payments.open_page(conn, other.payment, "cs_2", "https://x"),
    payments.stand: lambda conn, other, pii, sip: payments.stand(conn, other.payment, "paid", intent="pi_1"),
    payments.ask_refund: lambda conn, other, pii, sip: payments.ask_refund(conn, other.payment),
    till_menus.put: lambda conn, other, pii, sip: till_menus.put(
        conn, other.id, other.connection_id, TillMenu(categories=(), items=(), losses=(Loss("menu", "", "cut"),))
    ),
    till_menus.get: lambda conn, other, pii, sip: till_menus.get(conn, other.connection_id),
    till_menus.note_taken: lambda conn, other, pii, sip: till_menus.note_taken(
        conn, other.connection_id, hashlib.sha256(b"").hexdigest()[:32]
    ),
    tills.say: lambda conn, other, pii, sip: tills.say(conn, other.order_id, "accepted"),
    tills.order_of: lambda conn, other, pii, sip: tills.order_of(conn, "S1"),
    tills.codes: lambda conn, other, pii, sip: tills.codes(conn, other.connection_id),
    tills.things: lambda conn, other, pii, sip: tills.things(conn, other.connection_id, ["MARGHERITA"]),
    tills.set_codes: lambda conn, other, pii, sip: tills.set_codes(
        conn, other.id, other.connection_id, {new_id(): TillCode("MINE")}
    ),
    errands.put_off: lambda conn, other, pii, sip: errands.put_off(conn, _errand(other), "", timedelta(days=1)),
    webhooks.create_endpoint: lambda conn, other, pii, sip: webhooks.create_endpoint(
        conn, other.id, url="https://mine.example/", secret="whsec_eA==", pii=pii, created_by="eve@x.example"
    ),
    webhooks.endpoints: lambda conn, other, pii, sip: webhooks.endpoints(conn, other.id),
    webhooks.endpoint: lambda conn, other, pii, sip: webhooks.endpoint(conn, other.webhook_id),
    webhooks.update_endpoint: lambda conn, other, pii, sip: webhooks.update_endpoint(
        conn, other.webhook_id, url="https://mine.example/", description="", types=(), personal=True
    ),
    webhooks.switch_endpoint: lambda conn, other, pii, sip: webhooks.switch_endpoint(conn, other.webhook_id, False),
    webhooks.rotate_secret: lambda conn, other, pii, sip: webhooks.rotate_secret(
        conn, other.id, other.webhook_id, "whsec_eA==", pii
    ),
    webhooks.delete_endpoint: lambda conn, other, pii, sip: webhooks.delete_endpoint(conn, other.webhook_id),
    webhooks.keep_event: lambda conn, other, pii, sip: webhooks.keep_event(
        conn, other.id, {"id": "1", "source": "/x", "type": "t"}, {}, pii=pii
    ),
    webhooks.events: lambda conn, other, pii, sip: webhooks.events(conn, other.id, 10, pii=pii),
    webhooks.deliveries: lambda conn, other, pii, sip: webhooks.deliveries(conn, other.id, other.webhook_id, 10),
    webhooks.send_again: lambda conn, other, pii, sip: webhooks.send_again(conn, other.webhook_id, new_id()),
    webhooks.replay: lambda conn, other, pii, sip: webhooks.replay(conn, other.id, other.webhook_id, NOW),
    webhooks.disable: lambda conn, other, pii, sip: webhooks.disable(conn, other.webhook_id, "gone"),
    tokens.create: lambda conn, other, pii, sip: tokens.create(
        conn, other.id, name="mine", scopes=["orders:read"], created_by="eve@x.example"
    ),
    retention_choices.get: lambda conn, other, pii, sip: _nothing_chosen(conn, other),
    retention_choices.choose: lambda conn, other, pii, sip: retention_choices.choose(conn, other.id, Choice(1, 1, 1)),
    # Sees and marks what row-level security lets the app role see: its own.
    retention_choices.by_last_time: lambda conn, other, pii, sip: retention_choices.by_last_time(conn),
    retention_choices.done: lambda conn, other, pii, sip: retention_choices.done(
        conn, Waiting(other.id, Choice(), None), NOW
    ),
    tokens.of_restaurant: lambda conn, other, pii, sip: tokens.of_restaurant(conn, other.id),
    tokens.of_platform: lambda conn, other, pii, sip: tokens.of_platform(conn),
    tokens.revoke: lambda conn, other, pii, sip: tokens.revoke(conn, other.token_id),
    tokens.revoke_platforms: lambda conn, other, pii, sip: tokens.revoke_platforms(conn, other.token_id),
    second_factors.has_one: lambda conn, other, pii, sip: second_factors.has_one(conn, other.user_id),
    tokens.require_restaurant: lambda conn, other, pii, sip: tokens.require_restaurant(conn, other.id),
    traces.get: lambda conn, other, pii, sip: traces.get(conn, other.call_id, NOW),
    users.add_membership: lambda conn, other, pii, sip: users.add_membership(conn, other.id, other.user_id, "staff"),
}
# Functions that refuse the app role altogether, whoever's ids they get.
PLATFORM_ONLY: dict[Callable[..., Any], Attempt] = {
    chains.make: lambda conn, other, pii, sip: chains.make(conn, "Chain", [(other.id, chains.OwnHouse("Mine"))]),
    status.facts: lambda conn, other, pii, sip: status.facts(conn, (), orders_pending=0, admin=True),
    status.record: lambda conn, other, pii, sip: status.record(conn, {"lines": "down"}),
    status.open_incident: lambda conn, other, pii, sip: status.open_incident(
        conn, impact="down", components=["lines"], titles=("Panne", "")
    ),
    status.add_note: lambda conn, other, pii, sip: status.add_note(conn, new_id(), ("", "x")),
    status.end_incident: lambda conn, other, pii, sip: status.end_incident(conn, new_id()),
    rehearsals.mark_restaurant: lambda conn, other, pii, sip: rehearsals.mark_restaurant(conn, other.id),
    rehearsals.since: lambda conn, other, pii, sip: rehearsals.since(conn, datetime.now(UTC)),
    rehearsals.record_call: lambda conn, other, pii, sip: rehearsals.record_call(conn, _rehearsed()),
    rehearsals.last_calls: lambda conn, other, pii, sip: rehearsals.last_calls(conn, 5),
    erasures.settle: lambda conn, other, pii, sip: erasures.settle(conn, new_id(), timedelta(0)),
    erasures.unwanted_recordings: lambda conn, other, pii, sip: erasures.unwanted_recordings(conn, "node", 10),
    erasures.recordings_gone: lambda conn, other, pii, sip: erasures.recordings_gone(conn, []),
    calendar_copies.claim: lambda conn, other, pii, sip: calendar_copies.claim(conn, 10, 60),
    errands.claim: lambda conn, other, pii, sip: errands.claim(conn, 10, 10),
    webhooks.claim: lambda conn, other, pii, sip: webhooks.claim(conn, 10, 10),
    webhooks.delivered: lambda conn, other, pii, sip: webhooks.delivered(conn, _claimed(other), 200, 1),
    webhooks.failed: lambda conn, other, pii, sip: webhooks.failed(conn, _claimed(other), None, "", 1),
    lines.active_lines: lambda conn, other, pii, sip: lines.active_lines(conn),
    lines.ringing_lines: lambda conn, other, pii, sip: lines.ringing_lines(conn),
    lines.lines_of_node: lambda conn, other, pii, sip: lines.lines_of_node(conn, "node"),
    lines.assignments: lambda conn, other, pii, sip: lines.assignments(conn),
    lines.move: lambda conn, other, pii, sip: lines.move(conn, [Move(other.line_id, "node")]),
    lines.strand: lambda conn, other, pii, sip: lines.strand(conn, [other.line_id], "mine now"),
    lines.let_go: lambda conn, other, pii, sip: lines.let_go(conn, timedelta(0)),
    lines.node_started: lambda conn, other, pii, sip: lines.node_started(conn, "node"),
    lines.set_registration: lambda conn, other, pii, sip: lines.set_registration(
        conn, other.line_id, "node", 1, "registered"
    ),
    lines.tell_unresolved: lambda conn, other, pii, sip: lines.tell_unresolved(conn, "node", [other.line_id], "lost"),
    releases.latest: lambda conn, other, pii, sip: releases.latest(conn),
    releases.begin: lambda conn, other, pii, sip: releases.begin(
        conn, stable="a", candidate="b", stable_url="http://a", candidate_url="http://b", share=5
    ),
    releases.set_share: lambda conn, other, pii, sip: releases.set_share(conn, 5),
    releases.settle: lambda conn, other, pii, sip: releases.settle(conn, "withdrawn"),
    releases.count: lambda conn, other, pii, sip: releases.count(
        conn, new_id(), other.call_id, is_candidate=True, failure="lost"
    ),
    releases.tally: lambda conn, other, pii, sip: releases.tally(conn, new_id()),
    nodes.heartbeat: lambda conn, other, pii, sip: nodes.heartbeat(conn, "node", hostname="node"),
    nodes.all_nodes: lambda conn, other, pii, sip: nodes.all_nodes(conn),
    nodes.silent: lambda conn, other, pii, sip: nodes.silent(conn, timedelta(0)),
    nodes.others_are_healthy: lambda conn, other, pii, sip: nodes.others_are_healthy(conn, "node"),
    nodes.mark_down: lambda conn, other, pii, sip: nodes.mark_down(conn, timedelta(0)),
    partitions.ensure: lambda conn, other, pii, sip: partitions.ensure(conn, date(2031, 1, 1), 1),
    restaurants.create: lambda conn, other, pii, sip: restaurants.create(conn, replace(other.restaurant, id="")),
    traces.begun: lambda conn, other, pii, sip: traces.begun(conn, _trace(other)),
    traces.ended: lambda conn, other, pii, sip: traces.ended(conn, _trace(other)),
    traces.keep_ladder: lambda conn, other, pii, sip: traces.keep_ladder(conn, "one", NOW, Ladder()),
    line_states.all_of: lambda conn, other, pii, sip: line_states.all_of(conn),
    infrastructure.bridges: lambda conn, other, pii, sip: infrastructure.bridges(conn),
    infrastructure.ask_to_drain: lambda conn, other, pii, sip: infrastructure.ask_to_drain(conn, "node", True),
    infrastructure.outbox: lambda conn, other, pii, sip: infrastructure.outbox(conn),
    infrastructure.last_backup: lambda conn, other, pii, sip: infrastructure.last_backup(conn),
    people.search: lambda conn, other, pii, sip: people.search(conn, "", 10),
    people.get: lambda conn, other, pii, sip: people.get(conn, other.user_id),
    people.set_disabled: lambda conn, other, pii, sip: people.set_disabled(conn, other.user_id, True),
    people.set_platform: lambda conn, other, pii, sip: people.set_platform(conn, other.user_id, True),
    tenant_list.search: lambda conn, other, pii, sip: tenant_list.search(conn, "", 10),
    tenant_list.get: lambda conn, other, pii, sip: tenant_list.get(conn, other.id),
    tenant_list.set_plan: lambda conn, other, pii, sip: tenant_list.set_plan(
        conn, other.id, max_calls=1, plan="", plan_notes=""
    ),
    tenant_list.disable: lambda conn, other, pii, sip: tenant_list.disable(conn, other.id),
    tenant_list.enable: lambda conn, other, pii, sip: tenant_list.enable(conn, other.id),
    tenant_list.members: lambda conn, other, pii, sip: tenant_list.members(conn, other.id),
    users.create: lambda conn, other, pii, sip: users.create(conn, email="eve@x.example", password="long enough"),
}
# A log-in comes before a restaurant is known: these answer about the one address or user that is asked for.
LOG_IN: set[Callable[..., Any]] = {
    users.by_email,
    users.verify,
    users.memberships,
    sessions.find,
    sessions.find_all,
    sessions.end,
    tokens.use,
    account_links.make,
    account_links.look_at,
    account_links.reset_password,
    account_links.sign_up,
    team.look_at,
    team.sign_up,
}
# These work for one user, whom the transaction names: test_members_own_rows tries them with another's ids.
OWN_ROWS: set[Callable[..., Any]] = {
    users.as_user,
    users.hash_password,  # of no row
    users.rename,
    sessions.start,
    sessions.of_user,
    sessions.end_one,
    sessions.end_all,
    sessions.act_in,
    second_factors.begin,
    second_factors.get,
    second_factors.is_asked_for,
    second_factors.take_step,
    second_factors.renew_recovery_codes,
    second_factors.take_recovery_code,
    second_factors.recovery_codes_left,
    second_factors.remove,
}
# Makes a restaurant of its own for the one user who is named, and reads nobody's.
SET_UP: set[Callable[..., Any]] = {setups.set_up}
# What every caller is told anyhow: the one thing that may be known of all restaurants at once.
OF_ALL: set[Callable[..., Any]] = {hooks.find, devices.paired, restaurants.greeted, status.overview, status.incidents}
# Of Redis, where there is no restaurant in them.
OF_REDIS: set[Callable[..., Any]] = {status.say_admin_is_ready, status.admin_is_ready}

_NOTHING: tuple[object, ...] = (None, (), {}, 0, False, "")
_REFUSED = (NotFoundError, asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError)


@pytest.fixture(scope="module")
def database(module_database: Database) -> Database:
    """Shared: nothing here changes what another test looks at."""
    return module_database


@pytest.fixture(scope="module")
def tenants(database: Database, master_key: str) -> tuple[Tenant, Tenant]:
    async def seed() -> tuple[Tenant, Tenant]:
        platform = Postgres(database.platform_url)
        await platform.open()
        try:
            return await seed_both(platform, PiiCipher(master_key), SipPasswordCipher(master_key))
        finally:
            await platform.close()

    return run_apart(seed)


def _named(attempts: dict[Callable[..., Any], Attempt]) -> list[Any]:
    return [
        pytest.param(attempt, id=f"{function.__module__.removeprefix('stores.')}.{function.__name__}")
        for function, attempt in attempts.items()
    ]


def test_every_repository_function_is_tried_below() -> None:
    functions = {
        function
        for module in MODULES
        for name, function in vars(module).items()
        if inspect.iscoroutinefunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }

    assert functions == set(ATTEMPTS) | set(PLATFORM_ONLY) | LOG_IN | OWN_ROWS | SET_UP | OF_ALL | OF_REDIS


@pytest.mark.parametrize("attempt", _named(ATTEMPTS))
async def test_a_restaurant_can_neither_read_nor_write_anothers_rows(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher, sip: SipPasswordCipher, attempt: Attempt
) -> None:
    own, other = tenants
    before = await _everything_of(postgres, other)

    try:
        async with postgres.app.tenant(own.id) as conn:
            answer = await attempt(conn, other, pii, sip)
    except _REFUSED:
        pass
    else:
        assert other.id not in repr(answer)
        assert answer in _NOTHING or own.id in repr(answer)

    assert await _everything_of(postgres, other) == before


@pytest.mark.parametrize("attempt", _named(PLATFORM_ONLY))
async def test_the_app_role_is_refused_what_is_the_platforms(
    postgres: Any, tenants: tuple[Tenant, Tenant], pii: PiiCipher, sip: SipPasswordCipher, attempt: Attempt
) -> None:
    own, _ = tenants

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with postgres.app.tenant(own.id) as conn:
            await attempt(conn, own, pii, sip)


async def test_of_all_restaurants_with_a_line_the_app_role_learns_what_their_greeting_is_made_of(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    known = [Greeted(one.id, one.restaurant.name, "en", "Hello", "alba", False) for one in tenants]
    known.sort(key=lambda one: one.id)

    async with postgres.app.tenant(NO_RESTAURANT) as conn:
        pages = [await restaurants.greeted(conn, limit=1), await restaurants.greeted(conn, after_id=known[0].id)]
        end = await restaurants.greeted(conn, after_id=known[1].id)
        assert await conn.fetchval("select count(*) from phone_line") == 0

    assert [*pages[0], *pages[1]] == known
    assert end == ()


async def test_a_restaurant_without_an_active_line_has_no_greeting_to_keep(
    postgres: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    own, other = tenants
    async with postgres.app.tenant(own.id) as conn, conn.transaction():
        await lines.set_active(conn, own.line_id, False)
        assert [one.id for one in await restaurants.greeted(conn)] == [other.id]
        await lines.set_active(conn, own.line_id, True)


async def test_the_platform_role_has_its_own_list(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with postgres.platform.platform() as conn:
            await restaurants.greeted(conn)


async def test_without_a_restaurant_no_row_is_seen(
    postgres: Any, database: Any, tenants: tuple[Tenant, Tenant]
) -> None:
    connection = await asyncpg.connect(database.app_url)
    try:
        assert await connection.fetchval("select count(*) from restaurant") == 0
        async with connection.transaction():
            await connection.execute("select set_config('app.restaurant_id', $1, true)", tenants[0].id)
            assert await connection.fetchval("select count(*) from restaurant") == 1
        assert await connection.fetchval("select count(*) from restaurant") == 0
    finally:
        await connection.close()


async def test_a_row_can_not_point_at_another_restaurants_row(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    own, other = tenants

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with postgres.app.tenant(own.id) as conn:
            await conn.execute(
                "insert into item_size (restaurant_id, item_id, name, price_cents) values ($1, $2, 'XL', 1)",
                own.id,
                other.item_id,
            )


async def test_every_table_but_the_migrations_own_is_under_forced_row_level_security(postgres: Any) -> None:
    async with postgres.platform.platform() as conn:
        rows = await conn.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
            " and not relispartition and not (relrowsecurity and relforcerowsecurity)"
        )

    assert [row["relname"] for row in rows] == ["schema_migration"]


@pytest.mark.parametrize(
    "statement",
    [
        "alter table restaurant disable row level security",
        "create table mine (i int)",
        "set role alloresto_platform",
        "select password_hash from app_user",
        "select sip_password from phone_line",
        "update restaurant set max_calls = 1000",
        "update restaurant set is_synthetic = true",
        'update "order" set total_cents = 1',
        'delete from "order"',
        'select * from "order_default"',
        "select * from schema_migration",
        "select event from outbox",
        "insert into app_user (email, password_hash, is_platform) values ('eve@x.example', 'x', true)",
    ],
)
async def test_the_app_role_may_not(postgres: Any, tenants: tuple[Tenant, Tenant], statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with postgres.app.tenant(tenants[0].id) as conn:
            await conn.execute(statement)


async def test_a_restaurant_sees_its_own_staff_only(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    async with postgres.app.tenant(tenants[0].id) as conn:
        rows = await conn.fetch("select id, email from app_user")

    assert [row["id"] for row in rows] == [tenants[0].user_id]


async def test_each_kind_of_transaction_refuses_the_other_role(postgres: Any, tenants: tuple[Tenant, Tenant]) -> None:
    with pytest.raises(WrongRoleError, match="PLATFORM_DATABASE_URL"):
        async with postgres.app.platform():
            pass
    with pytest.raises(WrongRoleError, match="DATABASE_URL"):
        async with postgres.platform.tenant(tenants[0].id):
            pass
    with pytest.raises(ValueError, match="restaurant_id"):
        async with postgres.app.tenant("' or true"):
            pass


async def _everything_of(postgres: Any, tenant: Tenant) -> dict[str, list[str]]:
    async with postgres.platform.platform() as conn:
        tables = await conn.fetch(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
            " and a.attname = 'restaurant_id' order by 1"
        )
        found = {
            row["relname"]: await conn.fetch(
                f'select t::text as row from "{row["relname"]}" t where restaurant_id = $1 order by 1', tenant.id
            )
            for row in tables
        }
        found["restaurant"] = await conn.fetch("select t::text as row from restaurant t where id = $1", tenant.id)
    assert len(found["order"]) == 1
    return {name: [row["row"] for row in rows] for name, rows in found.items()}
