"""What the admin's tests start from: two seeded restaurants, an order and a call, and a real gunicorn."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TypeVar

import asyncpg
import pytest
from argon2 import PasswordHasher
from flask import Flask

from devstack.servers.embedded import EmbeddedPostgres
from devstack.servers.ports import free_port
from domain.calls import LeftBecause
from domain.carts import totals
from domain.menu import Menu, MenuItem
from domain.order import Address, Cart, CartLine, ChosenModifier, ConfirmedOrder, Fulfilment
from domain.restaurant import Restaurant
from seeds import seed
from stores import calls, figures, live, menus, orders, users
from stores.calls import CallRecord, UnconfirmedCart
from stores.checkpoints import Utterance
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.orders import StoredOrder
from stores.postgres import Connection, Postgres
from stores.redis import connect
from tests.conftest import APP_ROLE, PLATFORM_ROLE, TEMPLATE, Database, run_apart
from web import context
from web.settings import WebSettings

T = TypeVar("T")

PASSWORD = "correct horse battery"
SECRET_KEY = "a secret of the tests that is long enough"
OWNER = "owner@alloresto.example"  # of both restaurants
COOK = "cook@harbour.example"  # staff of Harbour Pizza only
STRANGER = "margot@margot.example"  # owner of Chez Margot only
SUPPORT = "support@alloresto.example"  # of the platform's own staff, member of no restaurant
CALLER = "+353209110007"
START_TIMEOUT_S = 20

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Admin:
    """A populated database, and what the web process needs to serve it."""

    database: Database
    redis_url: str
    master_key: str
    pizza: Restaurant
    margot: Restaurant
    menu: Menu

    def settings(self, **changes: object) -> WebSettings:
        values: dict[str, object] = {
            "database_url": self.database.app_url,
            "platform_database_url": self.database.platform_url,
            "redis_url": self.redis_url,
            "master_key": self.master_key,
            "web_secret_key": SECRET_KEY,
        }
        return WebSettings(**{**values, **changes})  # type: ignore[arg-type]

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.database.app_url,
            "PLATFORM_DATABASE_URL": self.database.platform_url,
            "REDIS_URL": self.redis_url,
            "MASTER_KEY": self.master_key,
            "WEB_SECRET_KEY": SECRET_KEY,
            "WEB_HOST": "127.0.0.1",
            **changes,
        }

    def item(self, name: str) -> MenuItem:
        return next(item for item in self.menu.items if item.name == name)

    def size_id(self, item: str, size: str = "") -> str:
        return next(one.id for one in self.item(item).sizes if one.name == size)


@contextlib.contextmanager
def copied(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A database of its own with what is in ``template``, dropped afterwards."""
    name = f"web_{next(_numbers)}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server.url(database="postgres"), timeout=10)
        await connection.execute(statement)
        await connection.close()

    run_apart(lambda: run(f"create database {name} template {template} strategy file_copy"))
    yield Database(name, server.url(APP_ROLE, name), server.url(PLATFORM_ROLE, name), server.url("postgres", name))
    run_apart(lambda: run(f"drop database {name} with (force)"))


@contextlib.contextmanager
def populated(server: EmbeddedPostgres, master_key: str) -> Iterator[Admin]:
    """Populated once, to be copied for each test with ``fresh``. Its passwords are hashed with little work, which each
    log-in of a test would else repeat."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with copied(server, TEMPLATE) as database:
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(users, "_hasher", lambda: quick)
            admin = populate(database, "", master_key)
        yield admin


@contextlib.contextmanager
def lent(app: Flask, settings: WebSettings) -> Iterator[None]:
    """A standing application with a test's own parts: a database, streams, a throttle and so on."""
    before = dict(app.extensions)
    context.attach(app, settings)
    try:
        yield
    finally:
        app.extensions["alloresto.database"].close()
        app.extensions.clear()
        app.extensions.update(before)


@contextlib.contextmanager
def fresh(server: EmbeddedPostgres, original: Admin, redis_url: str) -> Iterator[Admin]:
    with copied(server, original.database.name) as database:
        yield replace(original, database=database, redis_url=redis_url)


def populate(database: Database, redis_url: str, master_key: str) -> Admin:
    """Seed the two restaurants, add a cook, a stranger and one of the platform's staff."""

    async def work() -> tuple[Restaurant, Restaurant, Menu]:
        postgres = Postgres(database.platform_url)
        await postgres.open()
        cipher = SipPasswordCipher(master_key)
        result = await seed(postgres, always_open=True, cipher=cipher, admin_password=PASSWORD)
        by_name = {restaurant.name: restaurant for restaurant in result.restaurants}
        pizza, margot = by_name["Harbour Pizza"], by_name["Chez Margot"]
        async with postgres.platform() as connection:
            cook = await users.create(connection, email=COOK, password=PASSWORD, name="Cook")
            await users.add_membership(connection, pizza.id, cook, "staff")
            stranger = await users.create(connection, email=STRANGER, password=PASSWORD, name="Margot")
            await users.add_membership(connection, margot.id, stranger, "owner")
            await users.create(connection, email=SUPPORT, password=PASSWORD, name="Support", is_platform=True)
            menu = await menus.load(connection, pizza.id)
        await postgres.close()
        return pizza, margot, menu

    pizza, margot, menu = run_apart(work)
    return Admin(database, redis_url, master_key, pizza, margot, menu)


def make_order(admin: Admin, *, minutes_ago: int = 0, name: str = "Aoife", call_id: str = "") -> ConfirmedOrder:
    """A large Margherita with olives and cheese, two garlic breads and a cola, delivered."""
    margherita, cola = admin.item("Margherita"), admin.item("Cola")
    extras = next(group for group in margherita.modifier_groups if group.name == "Extras")
    chosen = tuple(
        ChosenModifier(option.id, extras.id, option.name, option.price_cents) for option in extras.options[:2]
    )
    large, bread = margherita.sizes[2], admin.item("Garlic bread")
    lines = (
        CartLine(
            1,
            margherita.id,
            "Margherita",
            large.id,
            "Large",
            1,
            large.price_cents + 350,
            margherita.vat,
            chosen,
            "well done",
        ),
        CartLine(2, bread.id, "Garlic bread", bread.sizes[0].id, "", 2, bread.sizes[0].price_cents, bread.vat),
        CartLine(3, cola.id, "Cola", cola.sizes[0].id, "Small", 1, cola.sizes[0].price_cents, cola.vat),
    )
    fulfilment = Fulfilment("delivery", Address("3 Abbey Street", "D13", "Howth"), 200)
    cart = Cart("EUR", str(uuid.uuid4()), lines=lines, fulfilment=fulfilment, customer_name=name, version=4)
    sums = totals(cart, "IE")
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return ConfirmedOrder(
        call_id=call_id or str(uuid.uuid4()),
        restaurant_id=admin.pizza.id,
        id=cart.order_id,
        currency="EUR",
        lines=lines,
        fulfilment=fulfilment,
        customer_name=name,
        total_cents=sums.total_cents,
        vat=sums.vat,
        confirmed_at=at,
        promised_at=at + timedelta(minutes=35),
    )


def take_order(admin: Admin, order: ConfirmedOrder, *, tell: bool = True) -> StoredOrder:
    """Write the order as the call handler and the order logger do, and tell the live feed."""

    async def work() -> StoredOrder:
        async def write(connection: Connection) -> StoredOrder:
            stored = await orders.insert_confirmed(connection, order, PiiCipher(admin.master_key), caller=CALLER)
            portions = sum(line.quantity for line in order.lines)
            entry = figures.LoggedOrder(
                order_id=stored.id,
                restaurant_id=order.restaurant_id,
                number=stored.number,
                fulfilment=order.fulfilment.kind,
                items=portions,
                total_cents=order.total_cents,
                currency=order.currency,
                confirmed_at=order.confirmed_at,
            )
            await figures.log_order(connection, entry)
            return stored

        stored = await _as_tenant(admin, order.restaurant_id, write)
        if tell:
            taken = live.OrderTaken(
                call_id=order.call_id,
                order_id=stored.id,
                number=stored.number,
                total_cents=order.total_cents,
                currency=order.currency,
                lines=(),
            )
            async with connect(admin.redis_url) as redis:
                await live.publish(redis, order.restaurant_id, taken)
        return stored

    return run_apart(work)


def log_call(admin: Admin, call_id: str, *, order_id: str | None = None, minutes_ago: int = 1) -> None:
    """A finished call with a short conversation."""
    started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    said = (
        ("assistant", "Hello, Harbour Pizza, how can I help you?"),
        ("caller", "A large Margherita with extra olives, please. <b>No</b> onions."),
        ("assistant", "One large Margherita with extra olives. Anything else?"),
        ("caller", "Two garlic breads, and that is all."),
    )

    async def work() -> None:
        async def write(connection: Connection) -> None:
            record = CallRecord(
                id=call_id,
                restaurant_id=admin.pizza.id,
                started_at=started,
                outcome="order_confirmed",
                ended_at=started + timedelta(seconds=74),
                duration_ms=74_000,
                order_id=order_id,
                caller=CALLER,
            )
            transcript = [
                Utterance(who, text, started + timedelta(seconds=9 * turn))  # type: ignore[arg-type]
                for turn, (who, text) in enumerate(said)
            ]
            conversation = calls.ConversationRecord(
                call_id=call_id,
                restaurant_id=admin.pizza.id,
                started_at=started,
                outcome="order_confirmed",
                transcript=tuple(transcript),
                cost_dollars=0.03,
                order_id=order_id,
            )
            await calls.record_ended(connection, record, pii=PiiCipher(admin.master_key))
            await calls.record_conversation(connection, conversation, PiiCipher(admin.master_key))

        await _as_tenant(admin, admin.pizza.id, write)

    run_apart(work)


def leave_cart(
    admin: Admin,
    *,
    reason: LeftBecause = "caller_hung_up",
    minutes_ago: int = 5,
    caller: str = CALLER,
    name: str = "Sinéad",
    tell: bool = False,
) -> str:
    """A call that ended before the caller agreed to the cart of ``make_order``: the call's id."""
    order = make_order(admin, minutes_ago=minutes_ago, name=name)
    cart = Cart("EUR", order.id, lines=order.lines, fulfilment=order.fulfilment, customer_name=name)
    record = calls.ConversationRecord(
        call_id=order.call_id,
        restaurant_id=admin.pizza.id,
        started_at=order.confirmed_at,
        outcome="abandoned",
        caller=caller,
        unconfirmed=UnconfirmedCart(cart, order.total_cents, reason),
    )

    async def work() -> None:
        await _as_tenant(
            admin,
            admin.pizza.id,
            lambda connection: calls.record_conversation(connection, record, PiiCipher(admin.master_key)),
        )

    run_apart(work)
    if tell:
        publish(admin, live.CartLeft(call_id=order.call_id))
    return order.call_id


def log_ended(admin: Admin, *records: CallRecord) -> None:
    """Calls as the call logger writes them."""

    async def work() -> None:
        async def write(connection: Connection) -> None:
            for record in records:
                await calls.record_ended(connection, record, pii=PiiCipher(admin.master_key))

        await _as_tenant(admin, admin.pizza.id, write)

    run_apart(work)


def ring(admin: Admin, call_id: str, *, caller: str = CALLER, seconds_ago: int = 0) -> None:
    """A call comes in, as the edge bridge tells it; its lease began ``seconds_ago``."""
    owner, now = admin.pizza.id, datetime.now(UTC) - timedelta(seconds=seconds_ago)
    call = live.LiveCall(
        restaurant_id=owner,
        call_id=call_id,
        phone_line_id=str(uuid.uuid4()),
        bridge_node_id="edge-0",
        started_at=now,
        caller_sealed=PiiCipher(admin.master_key).encrypt(owner, caller) if caller else b"",
    )

    async def work() -> None:
        async with connect(admin.redis_url) as redis:
            await live.call_started(redis, call, now)
            await live.publish(redis, owner, live.CallChanged(call_id=call_id, state="ringing", at=now))

    run_apart(work)


def execute(admin: Admin, statement: str, *arguments: object) -> None:
    """What no part of the product does: damage a row, make thousands."""

    async def work() -> None:
        connection = await asyncpg.connect(admin.database.owner_url, timeout=10)
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()

    run_apart(work)


def publish(admin: Admin, event: live.LiveEvent) -> None:
    async def work() -> None:
        async with connect(admin.redis_url) as redis:
            await live.publish(redis, admin.pizza.id, event)

    run_apart(work)


async def _as_tenant(admin: Admin, restaurant_id: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    postgres = Postgres(admin.database.app_url)
    await postgres.open()
    try:
        async with postgres.tenant(restaurant_id) as connection:
            return await work(connection)
    finally:
        await postgres.close()


def fetch(admin: Admin, query: str, *arguments: object) -> list[dict[str, object]]:
    """Rows, as the platform sees them."""

    async def work() -> list[dict[str, object]]:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        try:
            async with postgres.platform() as connection:
                return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await postgres.close()

    return run_apart(work)


@contextlib.contextmanager
def gunicorn(admin: Admin, log: Path, application: str = "web:create_app()", **environment: str) -> Iterator["Server"]:
    """A real gunicorn on a free port, ended with SIGTERM when it is still there."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "web/gunicorn.conf.py", application]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=admin.environment(PORT=str(port), **environment), stdout=output, stderr=subprocess.STDOUT
        )
        server = Server(f"http://127.0.0.1:{port}", process, log, output)
        try:
            server.wait_until_ready()
            yield server
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@dataclass(frozen=True)
class Server:
    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    output: IO[bytes]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=6):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"the admin did not start: {self.log.read_text()}") from None
            time.sleep(0.1)


def csrf_token(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found, "the page has no form token"
    return found[1]
