"""Deliverect, as an ordering channel: it stands before the tills of many makers.

Written from Deliverect's public pages of 2026 (developers.deliverect.com: Get Access Token, Create / Cancel Order,
Channel Order Model, Order Statuses, How to Query Results, HMAC Authentication, Snooze / Unsnooze Products, Busy Mode,
Register Channel, Menu Push). It was never tried with an account of theirs: ``devstack.stand_ins.deliverect`` is what it
runs against.

An order is ``POST /{channel}/order/{channelLinkId}``, its cancellation the same with status 100: nothing amends an
order. 201 says that Deliverect has it; whether the till took it comes by webhook (``read``). There is no idempotency
key, but ``channelOrderId`` is ours, and used once in 48 hours: so before an order is sent again it is looked for, by
``GET /orders``. An account that may not look sends it again all the same: Deliverect drops the second one as a
duplicate (status 30).

Menus come by webhook (``deliverect_menu``). A product is known by its PLU. What has none of its own
(``domain.errands.TicketLine.choices``) goes into the remark, in words, with its price in the line's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from domain.errands import CancelOrder, PlaceOrder, TicketLine
from domain.order import FulfilmentKind
from integrations.tasks import Done, Outcome, Refused, Task, decoded, turned_away, unanswered, unknown
from integrations.tills import deliverect_menu
from integrations.tills.login import Client, Login, Token
from integrations.tills.notices import (
    Availability,
    Busy,
    MenuSold,
    Notice,
    OrderStands,
    Registered,
    Standing,
)
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

URL = "https://api.deliverect.com"
SIGNATURE = "x-server-authorization-hmac-sha256"
# "If the pickupTime is within 30 minutes, this should be true."
ASAP = timedelta(minutes=30)
ORDER_TYPES: dict[FulfilmentKind, int] = {"pickup": 1, "delivery": 2, "dine_in": 3}
CASH = 1  # how it will be paid isn't known: at the restaurant, or at the door
CANCEL = 100

# Every status from 20 to 95 says that the till has the order; those not named here change nothing. 95 is an acceptance
# by a till that says nothing more, no end.
STANDINGS: dict[int, Standing] = {
    20: "accepted",
    35: "refused",
    40: "accepted",
    50: "preparing",
    60: "ready",
    70: "ready",
    90: "done",
    95: "accepted",
    110: "cancelled",
    120: "refused",
    121: "refused",
    124: "refused",
}


class Deliverect:
    def __init__(self, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._network = network
        self._url = settings.get("url", "").rstrip("/") or URL
        self._channel = settings["channel"].lower()
        self._link = settings["channel_link"]
        client, secret = settings["client_id"], secrets["client_secret"]
        asked = {
            "client_id": client,
            "client_secret": secret,
            "audience": self._url,
            "grant_type": "client_credentials",
        }
        self._login = Login(network, Client(f"{self._url}/oauth/token", client, secret, asked, _token))

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if isinstance(work, PlaceOrder):
            return await self._place(work, again=task.doubtful)
        if isinstance(work, CancelOrder):
            return await self._cancel(work)
        raise unknown(work)

    async def _place(self, work: PlaceOrder, again: bool) -> Outcome:
        if (refused := without_product(work)) is not None:
            return refused
        if again:
            looked = await self._look(work.order_id)
            if looked is not None:
                return looked
        answer = await self._send(order(work, datetime.now(UTC)))
        return _outcome(answer)

    async def _look(self, order_id: str) -> Outcome | None:
        """Done with it when it is there, Later while nobody can say, None when it is to be sent."""
        where = msgspec.json.encode({"channelOrderId": order_id, "channelLink": self._link}).decode()
        answer = await self._call("GET", f"/orders?where={quote(where, safe='')}&max_results=1", None)
        if (later := unanswered(answer)) is not None:
            return later
        found = decoded(answer, _Found) if answer.good else None
        return Done(found.items[0].id, SENT) if found is not None and found.items else None

    async def _cancel(self, work: CancelOrder) -> Outcome:
        answer = await self._send(
            {
                "channelOrderId": work.order_id,
                "channelOrderDisplayId": str(work.number),
                "status": CANCEL,
                "cancellationReason": work.reason,
            }
        )
        return Done() if answer.status == 404 else _outcome(answer)

    async def _send(self, what: dict[str, Any]) -> Answer:
        path = f"/{quote(self._channel, safe='')}/order/{quote(self._link, safe='')}"
        return await self._call("POST", path, msgspec.json.encode(what))

    async def _call(self, method: str, path: str, body: bytes | None) -> Answer:
        async def send(token: str) -> Answer:
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            return await self._network.request(method, self._url + path, body=body, headers=headers)

        return await self._login.call(send)


def order(work: PlaceOrder, now: datetime) -> dict[str, Any]:
    """Their Channel Order Model. The sum of its items and the delivery is what the caller was told."""
    ready_at = rfc3339(max(work.promised_at, now))  # what is in the past isn't shown
    body: dict[str, Any] = {
        "channelOrderId": work.order_id,
        "channelOrderDisplayId": str(work.number),
        "orderType": ORDER_TYPES[work.fulfilment],
        "courier": "restaurant",  # required, of what is picked up, too
        "placedTime": rfc3339(work.confirmed_at),
        "pickupTime": ready_at,
        "deliveryIsAsap": work.promised_at - work.confirmed_at <= ASAP,
        "decimalDigits": 2,
        "orderIsAlreadyPaid": False,
        "payment": {"amount": work.total_cents, "type": CASH},
        "deliveryCost": work.fee_cents,
        "customer": {"name": work.customer, "phoneNumber": work.phone},
        "note": allergies(work),
        "items": [_item(line) for line in work.lines],
    }
    if work.fulfilment == "delivery" and work.address is not None:
        body |= {
            "deliveryTime": ready_at,
            "deliveryAddress": {
                "street": work.address.street,
                "postalCode": work.address.postcode,
                "city": work.address.city,
            },
        }
    return body


def _item(line: TicketLine) -> dict[str, Any]:
    return {
        "plu": line.code,
        "name": f"{line.name} {line.size}".strip(),
        "quantity": line.quantity,
        "price": bare_cents(line),
        "remark": ", ".join(in_words(line)),
        "subItems": [
            {"plu": choice.code, "name": choice.name, "price": choice.cents, "quantity": 1} for choice in line.choices
        ],
    }


class _Token(msgspec.Struct):
    access_token: str
    expires_at: float


def _token(answer: Answer) -> Token | None:
    said = decoded(answer, _Token)
    return None if said is None else Token(said.access_token, said.expires_at)


class _Item(msgspec.Struct):
    id: str = msgspec.field(name="_id", default="")


class _Found(msgspec.Struct):
    items: list[_Item] = msgspec.field(name="_items", default_factory=list)


class _Said(msgspec.Struct):
    id: str = msgspec.field(name="_id", default="")
    description: str = ""
    message: str = ""


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer) or turned_away(answer, "Deliverect")) is not None:
        return later
    said = decoded(answer, _Said) or _Said()
    if answer.good:
        return Done(said.id, SENT)
    return Refused((said.description or said.message)[:LONGEST_REASON] or answer.error)


# --- What they tell us ------------------------------------------------------------------------------------------------


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Their HMAC over the body as it came; ``headers`` have lower-case names. There is no time in it to check.

    With an empty secret anybody could sign: nothing is theirs then."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").lower().encode())


class _Snoozed(msgspec.Struct):
    plu: str
    until: datetime | None = msgspec.field(name="snoozeEnd", default=None)


class _SnoozedItems(msgspec.Struct):
    items: list[_Snoozed] = []


class _Operation(msgspec.Struct):
    action: str
    data: _SnoozedItems = msgspec.field(default_factory=_SnoozedItems)


class _Sent(msgspec.Struct, rename="camel"):
    """Any of their webhooks: which one it is shows by what it holds."""

    channel_order_id: str = ""
    order_id: str = ""
    status: int | str = ""
    time_stamp: str = ""
    reason: str = ""
    operations: list[_Operation] | None = None
    delay: int = 0
    menus: list[deliverect_menu.PushedMenu] | None = None


def read(body: bytes) -> Notice | None:
    """What it says, None for what changes nothing here. Raises msgspec.MsgspecError for what is none of theirs."""
    digest = hashlib.sha256(body).hexdigest()
    sent = msgspec.json.decode(body, type=_Sent | list[deliverect_menu.PushedMenu])
    if isinstance(sent, list):
        return MenuSold(digest, deliverect_menu.read(sent))
    if sent.menus is not None:
        return MenuSold(digest, deliverect_menu.read(sent.menus))
    if sent.operations is not None:
        return _availability(digest, sent.operations)
    if sent.channel_order_id and isinstance(sent.status, int):
        standing = STANDINGS.get(sent.status)
        message_id = f"{sent.channel_order_id}/{sent.status}/{sent.time_stamp}"
        reason = sent.reason[:LONGEST_REASON]
        return standing and OrderStands(message_id, sent.channel_order_id, standing, sent.order_id, reason)
    match sent.status:
        case "PAUSED":
            return Busy(digest, "paused")
        case "BUSY":
            return Busy(digest, "busy", max(sent.delay, 0))
        case "ONLINE":
            return Busy(digest, "normal")
        case "register" | "active" | "inactive":
            return Registered(digest, sent.status != "inactive")
    return None


def _availability(digest: str, operations: list[_Operation]) -> Availability:
    """The later of two operations about one product counts."""
    off: dict[str, datetime | None] = {}
    on: dict[str, None] = {}
    for operation in operations:
        for item in operation.data.items:
            if operation.action == "snooze":
                on.pop(item.plu, None)
                off[item.plu] = item.until
            elif operation.action == "unsnooze":
                off.pop(item.plu, None)
                on[item.plu] = None
    return Availability(digest, tuple(off.items()), tuple(on))
