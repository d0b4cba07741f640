"""A restaurant with one row of everything, made of the domain's own types."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.calendars import BusyTimes, Span
from domain.call_marks import CallMarks
from domain.errands import CancelOrder
from domain.menu import ItemSize, Menu, MenuCategory, MenuItem, ModifierGroup, ModifierOption
from domain.order import Address, CartLine, ChosenModifier, ConfirmedOrder, Fulfilment, VatShare
from domain.reservations import Rules
from domain.restaurant import DeliveryZone, FaqEntry, Opening, OpeningException, Restaurant
from domain.till_menus import TillCode, TillMenu
from domain.vat import VatRates, same_rate
from stores import (
    calendar_copies,
    calls,
    connections,
    deposits,
    dining,
    errands,
    figures,
    kitchen,
    lines,
    menus,
    messages,
    orders,
    payments,
    reservations,
    restaurants,
    retention_choices,
    till_menus,
    tills,
    tokens,
    users,
    waiting_list,
    webhooks,
)
from stores.calls import CallRecord, ConversationRecord
from stores.checkpoints import Utterance
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.deposits import Deposit
from stores.payments import Payment
from stores.postgres import Connection
from stores.reservations import Wish

# argon2id of "long enough": hashing anew for each test would be half of the suite's time.
PASSWORD_HASH = "$argon2id$v=19$m=65536,t=3,p=4$0eGqcCFjvHIFmnKhZkbtCg$It647rc7ahsjYjt8qFtTXQDZPqHgdK2nMYPns1Z/Qts"
NOW = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Tenant:
    """What was written for one restaurant."""

    restaurant: Restaurant
    menu: Menu
    order: ConfirmedOrder
    order_id: str
    call_id: str
    line_id: str
    table_id: str
    room_id: str
    reservation_id: str
    party_id: str
    user_id: str
    phone: str
    token_id: str
    webhook_id: str
    connection_id: str
    errand_id: str
    customer_id: str
    payment: Payment
    deposit: Deposit
    calendar: calendar_copies.Due

    @property
    def id(self) -> str:
        return self.restaurant.id

    @property
    def size_id(self) -> str:
        return self.menu.items[0].sizes[0].id

    @property
    def item_id(self) -> str:
        return self.menu.items[0].id


def make_restaurant(name: str) -> Restaurant:
    return Restaurant(
        id=new_id(),
        name=name,
        language="en",
        currency="EUR",
        zone="Europe/Paris",
        street="1 rue du Port",
        postcode="75001",
        city="Paris",
        phone="+33100000000",
        greeting="Hello",
        voice="alba",
        openings=(Opening(0, 690, 870), Opening(5, 1080, 1560)),
        exceptions=(OpeningException(date(2026, 12, 25)), OpeningException(date(2026, 12, 31), ((600, 900),))),
        delivery_zones=(DeliveryZone("Centre", ("75001", "75002"), 1500, 250, 30),),
        delivery=True,
        dine_in=True,
        max_calls=4,
        fallback="forward",
        fallback_number="+33100000001",
        country="MC",
        orders_ahead=True,
        last_order_minutes=15,
        max_order_cents=40_000,
        max_order_items=45,
        max_load_minutes=90,
    )


def make_menu(restaurant_id: str) -> Menu:
    extras = ModifierGroup(
        new_id(), "Extras", 0, 2, (ModifierOption(new_id(), "Olives", 100), ModifierOption(new_id(), "Ham", 150))
    )
    category = MenuCategory(new_id(), "Pizzas", 1)
    margherita = MenuItem(
        id=new_id(),
        category_id=category.id,
        name="Margherita",
        sizes=(ItemSize(new_id(), "Small", 900), ItemSize(new_id(), "Large", 1250)),
        vat=VatRates(550, 1000),
        description="Tomato, mozzarella",
        modifier_groups=(extras,),
        allergens=("gluten", "milk"),
        aliases=("margarita",),
    )
    regina = MenuItem(
        new_id(),
        category.id,
        "Regina",
        (ItemSize(new_id(), "", 1300),),
        same_rate(1000),
        modifier_groups=(extras,),
        available=False,
    )
    return Menu(restaurant_id, "EUR", "en", (category,), (margherita, regina))


def make_order(menu: Menu, call_id: str, *, order_id: str = "", confirmed_at: datetime = NOW) -> ConfirmedOrder:
    item = menu.items[0]
    group = item.modifier_groups[0]
    olives = ChosenModifier(group.options[0].id, group.id, "Olives", 100)
    line = CartLine(1, item.id, item.name, item.sizes[1].id, "Large", 2, 1350, item.vat, (olives,), "well done")
    return ConfirmedOrder(
        id=order_id or str(uuid.uuid4()),
        call_id=call_id,
        restaurant_id=menu.restaurant_id,
        currency="EUR",
        lines=(line,),
        fulfilment=Fulfilment("delivery", Address("2 quai Nord", "75002", "Paris"), 250),
        customer_name="Ada Lovelace",
        total_cents=2950,
        vat=(VatShare(550, 2700, 141), VatShare(2000, 250, 42)),
        confirmed_at=confirmed_at,
        promised_at=confirmed_at + timedelta(minutes=35),
    )


async def seed_tenant(platform: Any, name: str, number: str, pii: PiiCipher, sip: SipPasswordCipher) -> Tenant:
    restaurant = make_restaurant(name)
    menu = make_menu(restaurant.id)
    call_id = f"call-{name}"
    order = make_order(menu, call_id)
    async with platform.platform() as conn:
        await restaurants.create(conn, restaurant)
        await restaurants.set_faq(conn, restaurant.id, [FaqEntry("", "Parking?", "Behind the house.")])
        await menus.insert(conn, menu)
        line = await lines.create(
            conn,
            restaurant_id=restaurant.id,
            number=number,
            cipher=sip,
            sip_domain="trunk.example",
            sip_username=f"user-{name}",
            sip_password="line secret",
        )
        stored = await orders.insert_confirmed(conn, order, pii, caller=number)
        await write_call(conn, restaurant.id, call_id, line.id, number, pii)
        table_id = await dining.add_table(conn, restaurant.id, "Room", "T1", 4)
        (room,) = await dining.rooms(conn, restaurant.id)
        await dining.set_rules(conn, restaurant.id, Rules(max_covers=8))
        wish = Wish(
            starts_at=NOW,
            ends_at=NOW + timedelta(hours=2),
            covers=2,
            table_ids=[table_id],
            name="Ada Lovelace",
            phone=number,
        )
        reservation_id = await reservations.add(conn, restaurant.id, wish, status="confirmed", pii=pii)
        party_id = await waiting_list.add(
            conn, restaurant.id, NOW, 2, name="Ada Lovelace", phone=number, note="", pii=pii
        )
        await kitchen.set_load(conn, restaurant.id, "counter", 15, NOW + timedelta(hours=1))
        await retention_choices.choose(conn, restaurant.id, retention_choices.Choice(transcript_days=30))
        await figures.log_order(conn, logged(stored.id, restaurant.id))
        user_id = await conn.fetchval(
            "insert into app_user (email, name, password_hash) values ($1, 'Owner', $2) returning id",
            f"owner@{name}.example",
            PASSWORD_HASH,
        )
        await users.add_membership(conn, restaurant.id, user_id, "owner")
        await tokens.create(conn, restaurant.id, name="till", scopes=["orders:read"], created_by="owner@x.example")
        webhook = await webhooks.create_endpoint(
            conn, restaurant.id, url="https://till.example/", secret="whsec_eA==", pii=pii, created_by="owner@x.example"
        )
        till = await connections.connect(
            conn,
            restaurant.id,
            service="till",
            provider="store_api",
            settings={"url": "https://till.example/"},
            secrets={"token": "t"},
            pii=pii,
            created_by="owner@x.example",
        )
        await errands.add(conn, restaurant.id, till.id, CancelOrder(order_id=stored.id), pii)
        (errand,) = await errands.about(conn, restaurant.id, stored.id)
        await messages.opt_out(conn, restaurant.id, number, pii)
        await messages.record_sent(
            conn, restaurant.id, till.id, "SM0", about=stored.id, template="order_confirmed", parts=1
        )
        await payments.request(conn, restaurant.id, stored.id, till.id, 2950, "EUR")
        payment = await payments.of_order(conn, restaurant.id, stored.id)
        assert payment is not None
        await deposits.add(
            conn,
            restaurant.id,
            reservation_id,
            till.id,
            amount_cents=9000,
            currency="EUR",
            minutes=30,
            due_at=NOW + timedelta(minutes=30),
        )
        (deposit,) = await deposits.of_reservation(conn, restaurant.id, reservation_id)
        await tills.set_codes(conn, restaurant.id, till.id, {menu.items[0].sizes[0].id: TillCode("MARGHERITA")})
        await till_menus.put(conn, restaurant.id, till.id, TillMenu(categories=(), items=()))
        await connections.connect(
            conn,
            restaurant.id,
            service="calendar",
            provider="caldav",
            settings={"url": "https://dav.example/"},
            secrets={},
            pii=pii,
            created_by="owner@x.example",
        )
        (calendar,) = await calendar_copies.claim(conn, 1, 60)
        busy = BusyTimes(NOW, NOW + timedelta(days=1), (Span(NOW, NOW + timedelta(hours=1)),))
        assert await calendar_copies.keep(conn, calendar, busy)
        (token,) = await tokens.of_restaurant(conn, restaurant.id)
        customer_id = await conn.fetchval("select id from customer where restaurant_id = $1 limit 1", restaurant.id)
    return Tenant(
        restaurant,
        menu,
        order,
        stored.id,
        call_id,
        line.id,
        table_id,
        room.id,
        reservation_id,
        party_id,
        user_id,
        number,
        token.id,
        webhook.id,
        till.id,
        errand.id,
        customer_id,
        payment,
        deposit,
        calendar,
    )


async def seed_both(platform: Any, pii: PiiCipher, sip: SipPasswordCipher) -> tuple[Tenant, Tenant]:
    first = await seed_tenant(platform, "harbour", "+33111111111", pii, sip)
    return first, await seed_tenant(platform, "margot", "+33222222222", pii, sip)


async def write_call(
    conn: Connection, restaurant_id: str, call_id: str, line_id: str, caller: str, pii: PiiCipher
) -> None:
    record = CallRecord(
        id=call_id,
        restaurant_id=restaurant_id,
        started_at=NOW,
        outcome="order_confirmed",
        phone_line_id=line_id,
        ended_at=NOW + timedelta(minutes=2),
        duration_ms=120_000,
        caller=caller,
    )
    await calls.record_ended(conn, record, pii=pii)
    await calls.record_conversation(conn, conversation(call_id, restaurant_id), pii)


def conversation(call_id: str, restaurant_id: str, **fields: Any) -> ConversationRecord:
    """What a handler knows of a call that ended without an order."""
    known: dict[str, Any] = {
        "outcome": "answered",
        "transcript": (Utterance("caller", "One margherita please", NOW),),
        "usage": {"input_tokens": 12},
        "cost_dollars": 0.0123,
        "marks": CallMarks(ended="caller", told_of_ai_at=NOW, longest_silence_ms=1200, summary="Asked a question."),
    }
    return ConversationRecord(call_id=call_id, restaurant_id=restaurant_id, **({"started_at": NOW} | known | fields))


def logged(order_id: str, restaurant_id: str) -> figures.LoggedOrder:
    return figures.LoggedOrder(order_id, restaurant_id, 1, "delivery", 2, 2950, "EUR", NOW)
