"""Square: an order becomes one of its Orders API, which its Point of Sale and Order Manager show.

Written from Square's public pages and its OpenAPI description of 2026 (developer.squareup.com: Orders API, Create
Orders, Manage Fulfillments, Update Orders, Search Orders, Catalog API, Handle Inventory Event Notifications, Validate
Notifications; github.com/square/connect-api-specification). It was never tried with an account of theirs:
``devstack.stand_ins.square`` is what it runs against. Two things of theirs need a look there: whether a Point of Sale
shows orders that are not paid yet, and what Square asks for orders that are paid elsewhere.

An order goes out under an idempotency key, and a second one of the key is the first one's answer. So its body is the
same in each attempt. It is never amended: UpdateOrder, with the version that was read, cancels it. Deliveries go as
pickups with the address in their note, for Square shows a seller no others of an application without an agreement.

A product is known by its variation's id, an option by its modifier's. Prices are ours: what is said in words is in its
line's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from domain.errands import CancelOrder, PlaceOrder, ReadTill, TicketLine
from integrations.tasks import (
    Done,
    Later,
    Outcome,
    Refused,
    StoppedError,
    Task,
    decoded,
    turned_away,
    unanswered,
    unknown,
)
from integrations.tills import square_catalog
from integrations.tills.notices import Availability, MenuMoved, Notice, OrderStands, Standing
from integrations.tills.sending import (
    LONGEST_REASON,
    SENT,
    allergies,
    bare_cents,
    in_words,
    rfc3339,
    without_product,
)

if TYPE_CHECKING:
    from integrations.network import Answer, Network

URL = "https://connect.squareup.com"
VERSION = "2025-08-20"
SIGNATURE = "x-square-hmacsha256-signature"
LONGEST_NOTE = 500
MOST_ORDERS = 500  # of one page of a search
MOST_SEARCHED = 20  # such pages
MOST_PAGES = 60
CATALOGUE_BYTES = 16_000_000  # all its pages

# What a fulfilment's state says of the order.
STANDINGS: dict[str, Standing] = {
    "RESERVED": "preparing",
    "PREPARED": "ready",
    "COMPLETED": "done",
    "CANCELED": "cancelled",
    "FAILED": "refused",
}


class _Fulfilment(msgspec.Struct):
    uid: str = ""


class _Order(msgspec.Struct):
    id: str = ""
    reference_id: str = ""
    version: int = 1
    state: str = ""
    fulfillments: list[_Fulfilment] = []


class _Error(msgspec.Struct):
    code: str = ""
    detail: str = ""
    field: str = ""


class _Said(msgspec.Struct):
    order: _Order = msgspec.field(default_factory=_Order)
    orders: list[_Order] = []
    cursor: str = ""
    errors: list[_Error] = []


class Square:
    def __init__(self, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._network = network
        self._url = settings.get("url", "").rstrip("/") or URL
        self._location = settings["location"]
        self._token = secrets["token"]

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if isinstance(work, PlaceOrder):
            return without_product(work) or await self._place(work, task.key)
        if isinstance(work, CancelOrder):
            return await self._cancel(work, task.key)
        if isinstance(work, ReadTill):
            return await self._read(work.currency)
        raise unknown(work)

    async def _place(self, work: PlaceOrder, key: str) -> Outcome:
        body = {"idempotency_key": key, "order": order(work, self._location)}
        return _outcome(await self._call("POST", "/v2/orders", body))

    async def _cancel(self, work: CancelOrder, key: str) -> Outcome:
        """Whether it stands there is asked first: its number, and the version that is to be changed."""
        try:
            found = await self._find(work.order_id)
        except StoppedError as error:
            return error.outcome
        if found is None or found.state == "CANCELED":
            return Done()
        if found.state == "COMPLETED":
            return Refused("it is completed there")
        parts = [
            {"uid": one.uid, "state": "CANCELED", "pickup_details": {"cancel_reason": work.reason[:100]}}
            for one in found.fulfillments
        ]
        change = {"location_id": self._location, "version": found.version, "state": "CANCELED", "fulfillments": parts}
        body = {"idempotency_key": f"{key}/{found.version}", "order": change}
        answer = await self._call("PUT", f"/v2/orders/{quote(found.id, safe='')}", body)
        if answer.status == 409:
            return Later("it was changed there meanwhile", untouched=True)
        return _outcome(answer)

    async def _find(self, order_id: str) -> _Order | None:
        """From the newest on. Raises StoppedError."""
        wanted: dict[str, Any] = {
            "location_ids": [self._location],
            "limit": MOST_ORDERS,
            "query": {"sort": {"sort_field": "CREATED_AT", "sort_order": "DESC"}},
        }
        for _ in range(MOST_SEARCHED):
            answer = await self._call("POST", "/v2/orders/search", wanted)
            if not answer.good:
                raise StoppedError(_outcome(answer))
            said = decoded(answer, _Said)
            if said is None:
                raise StoppedError(Later("its answer can't be read"))
            found = next((one for one in said.orders if one.reference_id == order_id), None)
            if found is not None or not said.cursor:
                return found
            wanted["cursor"] = said.cursor
        raise StoppedError(Refused(f"not among its newest {MOST_SEARCHED * MOST_ORDERS} orders: cancel it there"))

    async def _read(self, currency: str) -> Outcome:
        objects: list[square_catalog.Object] = []
        cursor, left = "", CATALOGUE_BYTES
        for _ in range(MOST_PAGES):
            path = f"/v2/catalog/list?types=ITEM,MODIFIER_LIST,CATEGORY,TAX&cursor={quote(cursor, safe='')}"
            answer = await self._call("GET", path, None, most=left)
            page = decoded(answer, square_catalog.Page) if answer.good else None
            if page is None and len(answer.body) >= left:
                return Refused(f"its catalogue has more than {CATALOGUE_BYTES} bytes")
            if page is None:
                return _outcome(answer) if not answer.good else Later("its catalogue can't be read")
            objects += page.objects
            foreign = square_catalog.currencies(page.objects) - {currency, ""}
            if currency and foreign:
                return Refused(f"its prices are in {', '.join(sorted(foreign))}, the restaurant's in {currency}")
            cursor, left = page.cursor, left - len(answer.body)
            if not cursor:
                return Done(facts={"menu": square_catalog.read(objects, self._location)})
        return Refused(f"its catalogue has more than {MOST_PAGES} pages")

    async def _call(self, method: str, path: str, what: dict[str, Any] | None, *, most: int = 1_000_000) -> Answer:
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
            "square-version": VERSION,
        }
        body = None if what is None else msgspec.json.encode(what)
        return await self._network.request(method, self._url + path, body=body, headers=headers, most=most)


def order(work: PlaceOrder, location: str) -> dict[str, Any]:
    """Their Order. Its lines and the delivery add up to what the caller was told."""
    body: dict[str, Any] = {
        "location_id": location,
        "reference_id": work.order_id,
        "source": {"name": "AlloResto"},
        "ticket_name": f"{work.number} {work.customer}".strip()[:30],
        "line_items": [_line(line, work.currency) for line in work.lines],
        "fulfillments": [
            {
                "type": "PICKUP",
                "state": "PROPOSED",
                "pickup_details": {
                    "recipient": {
                        "display_name": (work.customer or str(work.number))[:255],
                        **({"phone_number": work.phone} if work.phone else {}),
                    },
                    "schedule_type": "SCHEDULED",
                    "pickup_at": rfc3339(work.promised_at),
                    "note": _note(work)[:LONGEST_NOTE],
                },
            }
        ],
    }
    if work.fee_cents:
        fee = {"amount": work.fee_cents, "currency": work.currency}
        body["service_charges"] = [{"name": "Delivery", "amount_money": fee, "calculation_phase": "TOTAL_PHASE"}]
    return body


def _note(work: PlaceOrder) -> str:
    """What must not be missed comes first: a note may be cut."""
    parts = [allergies(work)]
    if work.fulfilment == "delivery" and work.address is not None:
        parts.append(f"DELIVERY: {work.address.street}, {work.address.postcode} {work.address.city}")
    elif work.fulfilment == "dine_in":
        parts.append("EAT IN")
    return " / ".join(filter(None, parts))


def _line(line: TicketLine, currency: str) -> dict[str, Any]:
    return {
        "catalog_object_id": line.code,
        "quantity": str(line.quantity),
        "base_price_money": {"amount": bare_cents(line), "currency": currency},
        "note": ", ".join(in_words(line))[:2000],
        "modifiers": [
            {
                "catalog_object_id": choice.code,
                "base_price_money": {"amount": choice.cents, "currency": currency},
                "quantity": "1",
            }
            for choice in line.choices
        ],
    }


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer)) is not None:
        return later
    said = decoded(answer, _Said) or _Said()
    if answer.good:  # under its key it is the same order when it is asked for again
        return Done(said.order.id, SENT) if said.order.id else Later("its answer can't be read")
    is_of_a_line = any("line_items" in one.field for one in said.errors)  # a product that is gone is a 404, too
    if not is_of_a_line and (later := turned_away(answer, "Square")) is not None:
        return later
    reason = "; ".join(one.detail or one.code for one in said.errors)
    return Refused(reason[:LONGEST_REASON] or answer.error)


# --- What they tell us ------------------------------------------------------------------------------------------------


def verify(headers: Mapping[str, str], here: str, body: bytes, key: str) -> bool:
    """Their HMAC over the address that they were given, and the body as it came; ``headers`` have lower-case names.

    With an empty key anybody could sign: nothing is theirs then."""
    digest = hmac.new(key.encode(), here.encode() + body, hashlib.sha256).digest()
    return bool(key) and hmac.compare_digest(base64.b64encode(digest), headers.get(SIGNATURE, "").encode())


class _Update(msgspec.Struct):
    new_state: str = ""


class _Moved(msgspec.Struct):
    order_id: str = ""
    state: str = ""
    fulfillment_update: list[_Update] = []


class _Count(msgspec.Struct):
    catalog_object_id: str = ""
    location_id: str = ""
    quantity: str = ""
    state: str = ""
    calculated_at: datetime | None = None


class _Object(msgspec.Struct):
    order_updated: _Moved | None = None
    order_fulfillment_updated: _Moved | None = None
    inventory_counts: list[_Count] = []


class _Data(msgspec.Struct):
    object: _Object | None = None


class _Event(msgspec.Struct):
    type: str
    event_id: str
    data: _Data = msgspec.field(default_factory=_Data)


def read(body: bytes, location: str) -> Notice | None:
    """What it says, None for what changes nothing here: a seller's events tell of all of their locations. Raises
    msgspec.MsgspecError for what is none of theirs.

    Counts are told by those who count; what is merely marked as sold out is a change of the catalogue."""
    event = msgspec.json.decode(body, type=_Event)
    what = event.data.object or _Object()
    if event.type == "catalog.version.updated":
        return MenuMoved(event.event_id)
    if event.type == "inventory.count.updated":
        here = [one for one in what.inventory_counts if one.location_id in ("", location)]
        return _counts(event.event_id, here)
    moved = what.order_updated or what.order_fulfillment_updated
    if moved is None or not moved.order_id:
        return None
    states = [one.new_state for one in moved.fulfillment_update] or [moved.state]
    standing = STANDINGS.get(states[-1])
    return standing and OrderStands(event.event_id, "", standing, moved.order_id)


def _counts(message_id: str, counts: list[_Count]) -> Availability | None:
    off: dict[str, None] = {}
    on: dict[str, None] = {}
    at = max((one.calculated_at for one in counts if one.calculated_at), default=None)
    for one in counts:
        if one.state != "IN_STOCK":
            continue
        try:
            is_there = float(one.quantity) > 0
        except ValueError:
            continue
        (on if is_there else off)[one.catalog_object_id] = None
    if not off and not on:
        return None
    back = tuple(code for code in on if code not in off)
    return Availability(message_id, tuple((code, None) for code in off), back, at)
