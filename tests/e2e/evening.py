"""A table with a deposit and a pizza, by one call; and the five services that are told of it, each of which dies."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from devstack.stand_ins.caldav import CalDav
from devstack.stand_ins.neighbourhood import Neighbourhood
from devstack.stand_ins.standing import StandIn
from devstack.stand_ins.store import Store
from devstack.stand_ins.stripe import Stripe
from devstack.stand_ins.twilio import Twilio
from domain.reservations import Rules
from stores import connections, dining
from tests.e2e.house import House, eventually
from tests.e2e.phone_call import PhoneCall
from tests.fakes.engine import Call, FakeEngine, FakeSession

SERVICES = ("store_api", "escpos", "caldav", "stripe", "twilio")
DIED_WITHIN_S = 20.0
SETTLED_WITHIN_S = 60.0
POLL_S = 0.005
DEPOSIT_CENTS = 1000
COVERS = 6
TEXTS = ("order confirmed", "order to be paid", "deposit to be paid", "table confirmed")


@dataclass
class Street:
    """The five stand-ins, each with a server of its own, connected to one restaurant. ``ids`` are the connections."""

    neighbours: Neighbourhood
    ids: dict[str, str] = field(default_factory=dict)

    def _server(self, name: str) -> Any:
        return self.neighbours.neighbours[name].server

    @property
    def till(self) -> Store:
        server: Store = self._server("store_api")
        return server

    @property
    def payments(self) -> Stripe:
        server: Stripe = self._server("stripe")
        return server

    @property
    def texts(self) -> Twilio:
        server: Twilio = self._server("twilio")
        return server

    @property
    def calendar(self) -> CalDav:
        server: CalDav = self._server("caldav")
        return server

    async def die_in_the_middle(self) -> None:
        """Each does the first thing that it is asked for and dies before its answer; the printer within a ticket, the
        calendar before anything."""
        await self.neighbours.away("caldav")
        printer = self.neighbours.printer
        printer.fault = "breaks_in_ticket"
        answering: dict[str, StandIn] = {"store_api": self.till, "stripe": self.payments, "twilio": self.texts}
        for server in answering.values():
            server.faults["lost_answer"] = 1
        dying = [self._dies(name, partial(_has_lost_it, one)) for name, one in answering.items()]
        await asyncio.gather(*dying, self._dies("escpos", lambda: bool(printer.torn)))
        printer.fault = None

    async def _dies(self, name: str, when: Callable[[], bool]) -> None:
        async with asyncio.timeout(DIED_WITHIN_S):
            while not when():
                await asyncio.sleep(POLL_S)
        await self.neighbours.away(name)

    async def all_back(self) -> None:
        for name in SERVICES:
            await self.neighbours.back(name)

    async def link(self) -> str:
        """Where the guest pays: in the text that asks for the deposit."""

        async def found() -> str:
            told = [one["body"] for one in self.texts.messages if "deposit" in one["body"]]
            return re.search(r"https?://\S+", told[0]).group() if told else ""  # type: ignore[union-attr]

        return await eventually(found, timeout_s=SETTLED_WITHIN_S)


def kind_of(text: dict[str, Any]) -> str:
    """One of ``TEXTS``."""
    body = text["body"]
    about = "table" if "table for" in body else "order"
    to_be_paid = ": pay " in body or "deposit" in body
    return f"{'deposit' if about == 'table' and to_be_paid else about} {'to be paid' if to_be_paid else 'confirmed'}"


def _has_lost_it(server: StandIn) -> bool:
    return not server.faults["lost_answer"]


@contextlib.asynccontextmanager
async def street(house: House, restaurant_id: str) -> AsyncIterator[Street]:
    """Connected as an owner does it, with a deposit asked of all who book by phone; disconnected at the end."""
    made = Street(Neighbourhood())
    await made.neighbours.start()
    try:
        for name in SERVICES:
            made.ids[name] = await house.connect(restaurant_id, name, made.neighbours.addresses[name])
        made.payments.endpoint = f"{house.about.web_url}/hooks/stripe/{made.ids['stripe']}"
        async with house.tenant(restaurant_id) as connection:
            await dining.set_rules(connection, restaurant_id, Rules(deposit_cents=DEPOSIT_CENTS, max_covers=COVERS))
        yield made
    finally:
        async with house.tenant(restaurant_id) as connection:
            await dining.set_rules(connection, restaurant_id, Rules())
            for connection_id in made.ids.values():
                await connections.disconnect(connection, connection_id)
        await made.neighbours.stop()


async def session_of_call(engine: FakeEngine) -> FakeSession:
    """Who renders greetings asks the engine, too; a handler brings its tools."""
    while True:
        session = await engine.session()
        if (await session.expect("session.update"))["session"].get("tools"):
            return session


async def books_and_orders(session: FakeSession, call: PhoneCall) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the handler said to the booking and to the order."""
    day = datetime.now(ZoneInfo("Europe/Dublin")) + timedelta(days=1)
    wish = {"date": day.date().isoformat(), "time": "19:30", "covers": COVERS}
    await session.caller_says("A table for six, tomorrow at half past seven, please. Under Nora.")
    [free] = await _uses(session, ("check_table", wish))
    assert free["ok"], free
    [booked] = await _uses(session, ("book_table", wish | {"name": "Nora"}))
    await session.expect("response.create")
    await session.reply(booked["say"], audio_ms=200)
    await session.caller_says("And a large pepperoni now, please, I will collect it.")
    cart: list[Call] = [("add_item", {"item": "Pepperoni", "size": "Large"}), ("set_fulfilment", {"kind": "pickup"})]
    for answer in await _uses(session, *cart, ("set_customer", {"name": "Nora"})):
        assert answer["ok"], answer
    [read] = await _uses(session, ("read_cart", {}))
    await session.expect("response.create")
    asked_at = time.monotonic()
    await session.reply(read["say"], audio_ms=400)
    await call.until_silent(await call.hears_voice(asked_at))
    await session.caller_says("Yes, please.")
    [confirmed] = await _uses(session, ("confirm_order", {}))
    return booked, confirmed


async def _uses(session: FakeSession, *calls: Call) -> list[dict[str, Any]]:
    await session.reply(calls=calls)
    return await session.tool_outputs(len(calls))


async def pays(link: str) -> None:
    """What the guest does with the link: the booking's page, Stripe's page, its button."""
    async with aiohttp.ClientSession() as http:
        async with http.get(link) as page:
            assert page.status == 200, page
            payable = re.search(r'href="(http[^"]+/pay/[^"]+)"', await page.text())
        assert payable is not None, link
        async with http.post(payable.group(1), data={"do": "pay"}) as paid:
            assert paid.status == 200, paid
