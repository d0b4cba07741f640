"""Toast: an order is priced first, and sent only where its price is what the caller was told.

Written from Toast's public developer guide and OpenAPI descriptions of 2026 (doc.toasttab.com: Authentication, Creating
orders, Getting check prices, Void an order, Menus API v2, Stock API, Configuration API's dining options, Stock webhook,
Orders webhook, Message signing). It was never tried with an account of theirs: ``devstack.stand_ins.toast`` is what it
runs against. Toast tells its host's name only to who has such an account, and asks of some orders an e-mail address,
which a caller is not asked for.

A token is a client's, and kept until it ends. There is no idempotency key, but an order has an ``externalId`` that is
ours: before one is sent again it is looked for by that. An order is never amended: its cancellation voids it.

An item is known by its guid and the menu group's that it is sold in, an option by its guid and its group's. What has
none goes along as a special request, in words, for nothing: where those words cost something the prices differ, and the
order is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from domain.errands import CancelOrder, PlaceOrder, ReadTill, TicketLine
from domain.money import format_cents
from domain.order import FulfilmentKind
from integrations.tasks import Done, Later, Outcome, Refused, Task, decoded, turned_away, unanswered, unknown
from integrations.tills import toast_menu
from integrations.tills.login import Client, Login, Token
from integrations.tills.notices import Availability, MenuMoved, Notice, OrderStands, Standing
from integrations.tills.sending import (
    LONGEST_REASON,
    SENT,
    allergies,
    in_words,
    rfc3339,
    without_product,
)

if TYPE_CHECKING:
    from integrations.network import Answer, Network

SIGNATURE = "toast-signature"
AUTHORITY = "ALLORESTO"  # an external id begins with who gives it
MENU_BYTES = 16_000_000
BEHAVIORS: dict[FulfilmentKind, str] = {"pickup": "TAKE_OUT", "delivery": "DELIVERY", "dine_in": "DINE_IN"}
STANDINGS: dict[str, Standing] = {"APPROVED": "accepted", "FUTURE": "accepted", "NOT_APPROVED": "refused"}

T = TypeVar("T")

_dining: dict[tuple[str, str], dict[str, str]] = {}
"""By address and restaurant: the guid of each behavior's dining option. They change as seldom as a till's set-up."""


class _Token(msgspec.Struct, rename="camel"):
    access_token: str = ""
    expires_in: float = 0


class _LoggedIn(msgspec.Struct):
    token: _Token = msgspec.field(default_factory=_Token)


class _Dining(msgspec.Struct):
    guid: str = ""
    behavior: str | None = None


class _Check(msgspec.Struct, rename="camel"):
    total_amount: float | None = None


class _Order(msgspec.Struct, rename="camel"):
    guid: str | None = None
    approval_status: str | None = None
    voided: bool | None = None
    external_id: str | None = None
    closed_date: str | None = None
    checks: list[_Check] = []


class _Said(msgspec.Struct):
    message: str | None = None


class Toast:
    def __init__(self, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._network = network
        self._url = settings["url"].rstrip("/")
        self._restaurant = settings["restaurant"]
        client, secret = settings["client_id"], secrets["client_secret"]
        asked = {"clientId": client, "clientSecret": secret, "userAccessType": "TOAST_MACHINE_CLIENT"}
        where = f"{self._url}/authentication/v1/authentication/login"
        self._login = Login(network, Client(where, client, secret, asked, _token))

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if isinstance(work, PlaceOrder):
            return without_product(work) or await self._place(work, again=task.doubtful)
        if isinstance(work, CancelOrder):
            return await self._cancel(work)
        if isinstance(work, ReadTill):
            return await self._read()
        raise unknown(work)

    # --- Orders -------------------------------------------------------------------------------------------------

    async def _place(self, work: PlaceOrder, again: bool) -> Outcome:
        if again:
            there = await self._find(work.order_id)
            if isinstance(there, Later):
                return there
            if there is not None:
                return _stands(there)
        dining = await self._dining_option(work.fulfilment)
        if not isinstance(dining, str):
            return dining
        body = order(work, dining)
        answer = await self._call("POST", "/orders/v2/prices", body)
        if not answer.good:
            _dining.pop((self._url, self._restaurant), None)  # it may be what has changed there
            return _refusal(answer)
        if (refused := _differing(work, decoded(answer, _Order))) is not None:
            return refused
        answer = await self._call("POST", "/orders/v2/orders", body)
        made = decoded(answer, _Order) if answer.good else None
        if made is not None:
            return _stands(made)
        return Later("its answer can't be read") if answer.good else _refusal(answer)

    async def _find(self, order_id: str) -> _Order | Later | None:
        """Later while nobody can say."""
        answer = await self._call("GET", f"/orders/v2/orders/{quote(external_id(order_id), safe='')}", None)
        if answer.status == 404:
            return None
        found = decoded(answer, _Order) if answer.good else None
        return found or unanswered(answer) or Later(f"Toast does not say whether it has it ({answer.status})")

    async def _cancel(self, work: CancelOrder) -> Outcome:
        there = await self._find(work.order_id)
        if isinstance(there, Later):
            return there
        if there is None or there.voided:
            return Done()
        path = f"/orders/v2/orders/{quote(there.guid or '', safe='')}/void"
        answer = await self._call("POST", path, {"selections": {"voidAll": True}, "payments": {"voidAll": True}})
        return Done(there.guid or "") if answer.good else _refusal(answer)

    async def _dining_option(self, fulfilment: FulfilmentKind) -> str | Outcome:
        place = (self._url, self._restaurant)
        if place not in _dining:
            answer = await self._call("GET", "/config/v2/diningOptions", None)
            known = decoded(answer, list[_Dining]) if answer.good else None
            if known is None:
                return _refusal(answer) if not answer.good else Later("its dining options can't be read")
            found: dict[str, str] = {}
            for one in known:
                found.setdefault(one.behavior or "", one.guid)
            _dining[place] = found
        wanted = BEHAVIORS[fulfilment]
        return _dining[place].get(wanted) or Refused(f"the till has no dining option of the kind {wanted}")

    # --- The menu -----------------------------------------------------------------------------------------------

    async def _read(self) -> Outcome:
        menus = await self._get("/menus/v2/menus", toast_menu.Menus)
        if not isinstance(menus, toast_menu.Menus):
            return menus
        stock = await self._get("/stock/v1/inventory?status=OUT_OF_STOCK", list[toast_menu.Stock])
        if not isinstance(stock, list):
            return stock
        return Done(facts={"menu": toast_menu.read(menus, {one.guid for one in stock if one.guid})})

    async def _get(self, path: str, kind: type[T]) -> T | Outcome:
        answer = await self._call("GET", path, None)
        if not answer.good:
            return _refusal(answer)
        said = decoded(answer, kind)
        return Later("its answer can't be read") if said is None else said

    # --- Reaching it --------------------------------------------------------------------------------------------

    async def _call(self, method: str, path: str, what: dict[str, Any] | None) -> Answer:
        body = None if what is None else msgspec.json.encode(what)

        async def send(token: str) -> Answer:
            headers = {
                "authorization": f"Bearer {token}",
                "content-type": "application/json",
                "toast-restaurant-external-id": self._restaurant,
            }
            return await self._network.request(method, self._url + path, body=body, headers=headers, most=MENU_BYTES)

        return await self._login.call(send)


def _token(answer: Answer) -> Token | None:
    said = decoded(answer, _LoggedIn)
    if said is None or not said.token.access_token:
        return None
    return Token(said.token.access_token, time.time() + said.token.expires_in)


def external_id(order_id: str) -> str:
    return f"{AUTHORITY}:{order_id}"


def order(work: PlaceOrder, dining_option: str) -> dict[str, Any]:
    """Their Order; prices are theirs to say."""
    customer = {
        "firstName": work.customer or "Phone",
        "lastName": f"#{work.number}",
        "phone": work.phone,
        "email": _email(work),
    }
    body: dict[str, Any] = {
        "entityType": "Order",
        "externalId": external_id(work.order_id),
        "diningOption": {"guid": dining_option, "entityType": "DiningOption"},
        "promisedDate": rfc3339(work.promised_at).replace("Z", ".000+0000"),
        "checks": [
            {
                "entityType": "Check",
                "tabName": f"{work.number} {work.customer}".strip(),
                "customer": customer,
                "selections": [_selection(line, allergies(work)) for line in work.lines],
            }
        ],
    }
    if work.fulfilment == "delivery" and work.address is not None:
        body["deliveryInfo"] = {
            "address1": work.address.street,
            "city": work.address.city,
            "zipCode": work.address.postcode,
        }
    return body


def _email(work: PlaceOrder) -> str:
    """Toast requires one, and takes it for who the guest is. Who rings has none: this one leads nowhere (RFC 2606)."""
    digits = "".join(filter(str.isdigit, work.phone))
    return f"{'guest' + digits if digits else 'order' + str(work.number)}@phone.invalid"


def _selection(line: TicketLine, warning: str) -> dict[str, Any]:
    words = [*filter(None, (warning,)), *in_words(line)]
    chosen: list[dict[str, Any]] = [
        {
            "entityType": "MenuItemSelection",
            "item": {"guid": choice.code, "entityType": "MenuItem"},
            "optionGroup": {"guid": choice.within, "entityType": "MenuOptionGroup"},
            "quantity": 1,
            "modifiers": [],
        }
        for choice in line.choices
    ]
    chosen += [
        {"entityType": "MenuItemSelection", "selectionType": "SPECIAL_REQUEST", "displayName": one, "quantity": 1}
        for one in words
    ]
    return {
        "entityType": "MenuItemSelection",
        "item": {"guid": line.code, "entityType": "MenuItem"},
        "itemGroup": {"guid": line.within, "entityType": "MenuGroup"},
        "quantity": line.quantity,
        "modifiers": chosen,
    }


def _differing(work: PlaceOrder, priced: _Order | None) -> Outcome | None:
    totals = [check.total_amount for check in priced.checks] if priced else []
    if not totals or None in totals:
        return Later("its prices can't be read")
    cents = sum(round(total * 100) for total in totals if total is not None)
    if cents == work.total_cents:
        return None
    theirs, ours = format_cents(cents, work.currency, "en"), format_cents(work.total_cents, work.currency, "en")
    return Refused(f"the till asks for {theirs}, and the caller was told {ours}")


def _stands(made: _Order) -> Outcome:
    if made.approval_status == "NOT_APPROVED" or made.voided:
        return Refused("the restaurant's till says no")
    waits = made.approval_status in (None, "NEEDS_APPROVAL")
    return Done(made.guid or "", SENT if waits else {})


def _refusal(answer: Answer) -> Outcome:
    """Of what is no yes."""
    if (later := unanswered(answer) or turned_away(answer, "Toast")) is not None:
        return later
    said = decoded(answer, _Said) or _Said()
    return Refused((said.message or "")[:LONGEST_REASON] or answer.error)


# --- What they tell us ------------------------------------------------------------------------------------------------


class _Details(msgspec.Struct, rename="camel"):
    restaurant_guid: str | None = None
    item_guid: str | None = None
    status: str | None = None
    order: _Order | None = None


class _Event(msgspec.Struct, rename="camel"):
    guid: str
    event_category: str
    timestamp: str = ""
    event_type: str = ""
    details: _Details = msgspec.field(default_factory=_Details)


def verify(headers: Mapping[str, str], body: bytes, secrets: str) -> bool:
    """Their HMAC over the body as it came, and the time that is in it; ``headers`` have lower-case names.

    Each of Toast's subscriptions has a secret of its own: ``secrets`` are all of them, apart by spaces or commas. With
    none nothing is theirs. Raises msgspec.MsgspecError for what is no event.
    """
    signed = body + msgspec.json.decode(body, type=_Event).timestamp.encode()
    given = headers.get(SIGNATURE, "").encode()
    return any(
        hmac.compare_digest(base64.b64encode(hmac.new(one.encode(), signed, hashlib.sha256).digest()), given)
        for one in secrets.replace(",", " ").split()
    )


def read(body: bytes, restaurant: str) -> Notice | None:
    """What it says, None for what changes nothing here: one subscription tells of all restaurants of a partner's.

    Raises msgspec.MsgspecError for what is none of theirs."""
    event = msgspec.json.decode(body, type=_Event)
    details = event.details
    if details.restaurant_guid not in (None, restaurant):
        return None
    if event.event_category == "menus":
        return MenuMoved(event.guid)
    if event.event_category == "stock" and details.item_guid:
        if details.status == "OUT_OF_STOCK":
            return Availability(event.guid, ((details.item_guid, None),), (), _time(event.timestamp))
        return Availability(event.guid, (), (details.item_guid,), _time(event.timestamp))
    made = details.order
    if made is None or not (made.external_id or "").startswith(f"{AUTHORITY}:"):
        return None
    standing: Standing | None = STANDINGS.get(made.approval_status or "")
    if made.voided:
        standing = "cancelled"
    elif made.closed_date:
        standing = "done"
    order_id = (made.external_id or "").partition(":")[2]
    return standing and OrderStands(event.guid, order_id, standing, made.guid or "")


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
