"""The database's side of a scenario: its restaurant before the call, and every row that the call left."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from domain import carts
from domain.agreement import Agreement
from domain.kitchen import NEXT, OrderStatus
from domain.restaurant import OpeningException, Restaurant
from evaluation.files import sister_content
from evaluation.scenarios import ChainBefore, PlacedBefore
from eventing.ordering import move_order, write_order
from eventing.reserving import Asked, NoTableFreeError, reserve
from seeds.files import SeedFile
from seeds.loader import write_restaurant
from stores import calls, chains, menus, orders, reservations, restaurants, waiting_list
from stores.calls import LoggedCall
from stores.chains import OwnHouse
from stores.ciphers import PiiCipher
from stores.errors import NotFoundError
from stores.kitchen import Move
from stores.orders import Order
from stores.postgres import Connection, Postgres
from stores.reservations import Reservation

LOG_WITHIN_S = 10.0
POLL_S = 0.02
LOOKED_AHEAD = timedelta(days=90)

# Tables of what a restaurant is and sells: no call may change a row of them.
_SETTLED = (
    *("menu_%", "item_size", "modifier_%", "combo_%", "opening_%", "delivery_zone", "faq"),
    *("dining_%", "reservation_rules", "membership"),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What the call left. ``earlier`` are the orders placed for it before, as they are now. ``strays`` names rows
    that are nobody's business: of other calls, tables, restaurants.
    """

    orders: tuple[Order, ...]
    tables: tuple[Reservation, ...]
    strays: tuple[str, ...]
    call: LoggedCall | None
    earlier: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """``orders`` as they were, by id; ``placed`` are those that this call is about."""

    orders: Mapping[str, Order]
    placed: frozenset[str]
    tables: frozenset[str]
    waiting: frozenset[str]
    settled: Mapping[str, str]


class Evaluated:
    """One database with the restaurants that are rung. ``app`` and ``platform`` are its two roles, opened."""

    def __init__(self, app: Postgres, platform: Postgres, pii: PiiCipher) -> None:
        self._app, self._platform, self._pii = app, platform, pii

    async def restaurant(self, content: SeedFile, name: str, *, always_open: bool = True) -> Restaurant:
        """One of its own for one call, open all day or never: ids come from its slug, so that none is shared."""
        about = msgspec.structs.replace(content.restaurant, slug=f"{content.restaurant.slug}/{name}")
        own = msgspec.structs.replace(content, restaurant=about)
        async with self._platform.platform() as connection:
            restaurant, _ = await write_restaurant(connection, own, always_open=always_open)
            if not always_open:
                today = datetime.now(UTC).date()
                for day in range(-1, 3):
                    closed = OpeningException(today + timedelta(days=day))
                    await restaurants.set_exception(connection, restaurant.id, closed)
        return restaurant

    async def chain(self, called: Restaurant, wanted: ChainBefore, name: str) -> dict[str, str]:
        """Its sisters, and the chain of them all: the ids of the houses by their names."""
        offers = {f"offers_{one}": one in wanted.offers for one in ("closed", "full", "outside")}
        houses = [(called.id, OwnHouse(wanted.called, wanted.asks, wanted.serves, **offers))]
        for house in wanted.houses:
            sister = await self.restaurant(
                sister_content(house), f"{name}/{house.called}", always_open=not house.closed
            )
            houses.append((sister.id, OwnHouse(house.called, serves=house.serves)))
        async with self._platform.platform() as connection:
            await chains.make(connection, "Chain", houses)
        if wanted.full:
            await self._take_all_tables(called, time.fromisoformat(wanted.full))
        return {house.called: one for one, house in houses}

    async def _take_all_tables(self, restaurant: Restaurant, at: time) -> None:
        """Tomorrow at this local time nobody gets one any more."""
        now, zone = datetime.now(UTC), ZoneInfo(restaurant.zone)
        wanted = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), at, zone)
        with contextlib.suppress(NoTableFreeError):
            while True:
                asked = Asked(starts_at=wanted, covers=2, name="Somebody", call_id=str(uuid.uuid4()))
                async with self._app.tenant(restaurant.id) as connection:
                    await reserve(connection, restaurant, asked, now, self._pii, source="/evaluation")

    async def place(self, restaurant: Restaurant, wanted: PlacedBefore, caller: str) -> str:
        """An order from before the call; its id."""
        async with self._app.tenant(restaurant.id) as connection:
            own = await menus.load(connection, restaurant.id)
            cart = carts.add(carts.new_cart(own, str(uuid.uuid4())), own, wanted.item, wanted.size, (), wanted.quantity)
            cart = carts.set_customer(carts.set_fulfilment(cart, restaurant, "pickup"), wanted.name)
            yes = Agreement(cart.version, heard=True, answered=True, answer="Yes.")
            order = carts.confirm(cart, restaurant, yes, str(uuid.uuid4()), datetime.now(UTC), 0)
            await write_order(connection, order, self._pii, caller=caller)
            seen: OrderStatus = "confirmed"
            while seen != wanted.status:
                await move_order(connection, Move(order.id, seen, NEXT[seen], "kitchen"), source="/evaluation")
                seen = NEXT[seen]
        return order.id

    async def before(self, restaurant_id: str, placed: Collection[str] = ()) -> Before:
        async with self._app.tenant(restaurant_id) as connection:
            stored, tables, waiting = await self._rows(connection, restaurant_id)
        return Before(
            {one.id: one for one in stored},
            frozenset(placed),
            frozenset(one.id for one in tables),
            frozenset(one.id for one in waiting),
            await self._settled(restaurant_id),
        )

    async def ending(self, called_id: str, call_id: str, before: Before, *, ends_in: str = "") -> Ending:
        """Once the call's log is written, which is last; without one after LOG_WITHIN_S, as it is then.

        ``ends_in`` is the restaurant that has what the call left, where that is another than the called one.
        """
        logged = await self._logged(called_id, call_id)
        restaurant_id = ends_in or called_id
        async with self._app.tenant(restaurant_id) as connection:
            stored, tables, waiting = await self._rows(connection, restaurant_id)
        strays = [
            f"an order of another call ({one.number})"
            for one in stored
            if one.id not in before.orders and one.call_id != call_id
        ]
        strays += [
            f"a changed order of another call ({one.number})"
            for one in stored
            if one.id in before.orders and one.id not in before.placed and _is_undone(one, before.orders[one.id])
        ]
        strays += ["a party on the waiting list" for one in waiting if one.id not in before.waiting]
        settled = await self._settled(restaurant_id)
        strays += [f"a changed {name}" for name in settled if settled[name] != before.settled.get(name)]
        strays += await self._elsewhere(restaurant_id, call_id)
        return Ending(
            tuple(one for one in stored if one.id not in before.orders and one.call_id == call_id),
            tuple(one for one in tables if one.id not in before.tables and one.status != "cancelled"),
            tuple(strays),
            logged,
            tuple(one for one in stored if one.id in before.placed),
        )

    async def _rows(
        self, connection: Connection, restaurant_id: str
    ) -> tuple[tuple[Order, ...], tuple[Reservation, ...], tuple[waiting_list.WaitingParty, ...]]:
        since, until = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + LOOKED_AHEAD
        stored = await orders.recent(connection, 200, pii=self._pii)
        tables = await reservations.between(connection, restaurant_id, since, until, limit=500, pii=self._pii)
        waiting = await waiting_list.between(connection, restaurant_id, since, until, limit=500, pii=self._pii)
        return stored, tables, waiting

    async def _logged(self, restaurant_id: str, call_id: str) -> LoggedCall | None:
        deadline = asyncio.get_running_loop().time() + LOG_WITHIN_S
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with self._app.tenant(restaurant_id) as connection:
                    found = await calls.get(connection, call_id, pii=self._pii)
                if found.outcome != "in_progress":
                    return found
            except NotFoundError:
                pass
            await asyncio.sleep(POLL_S)
        return None

    async def _settled(self, restaurant_id: str) -> dict[str, str]:
        """A digest of each settled table's rows."""
        async with self._platform.platform() as connection:
            names = await connection.fetch(
                "select table_name from information_schema.columns where table_schema = 'public'"
                " and column_name = 'restaurant_id' and table_name like any($1::text[]) order by 1",
                list(_SETTLED),
            )
            rows = "md5(coalesce(string_agg(t::text, ',' order by t::text), ''))"
            digests = [
                f"select '{row['table_name']}', {rows} from \"{row['table_name']}\" t where restaurant_id = $1"
                for row in names
            ]
            digests.append("select 'restaurant', md5(t::text) from restaurant t where id = $1")
            found = await connection.fetch(" union all ".join(digests), restaurant_id)
        return {row[0]: row[1] for row in found}

    async def _elsewhere(self, restaurant_id: str, call_id: str) -> list[str]:
        async with self._platform.platform() as connection:
            count = await connection.fetchval(
                'select count(*) from "order" where call_id = $1 and restaurant_id <> $2', call_id, restaurant_id
            )
        return [f"{count} orders in another restaurant"] if count else []


def _is_undone(order: Order, before: Order) -> bool:
    """By a call: the kitchen's own moves say nothing."""
    cancelled = order.status == "cancelled" and before.status != "cancelled"
    return cancelled or order.replaced_by_number != before.replaced_by_number
