"""Payments on Stripe's own page (Checkout Sessions), with a restricted key; its webhooks.

Written from Stripe's public reference, API version 2024-06-20; not yet tried with a real account. The key needs write
rights for Checkout Sessions and Refunds. Stripe keeps our ``Idempotency-Key`` for a day and answers the same to it.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from domain.errands import CancelPayment, RefundPayment, RequestPayment
from domain.payments import Fate
from integrations.tasks import Done, Later, Outcome, Refused, Task, decoded, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://api.stripe.com"
VERSION = "2024-06-20"
SHORTEST = timedelta(minutes=30)
"""That a page is open; SPARE is for the way."""
SPARE = timedelta(minutes=1)
TOLERANCE_S = 300
"""How old a webhook's signature may be, or how far ahead its clock."""

# A session that is completed may be unpaid yet (a bank transfer): ``async_payment_succeeded`` follows.
_FATES: Mapping[str, Fate] = {
    "checkout.session.completed": "paid",
    "checkout.session.async_payment_succeeded": "paid",
    "checkout.session.async_payment_failed": "expired",
    "checkout.session.expired": "expired",
    "charge.refunded": "refunded",
}


class _Session(msgspec.Struct):
    id: str = ""
    url: str | None = None
    expires_at: int = 0
    status: str | None = None
    payment_status: str = ""
    payment_intent: str | None = None


class _Object(msgspec.Struct):
    id: str = ""
    payment_intent: str | None = None
    payment_status: str = ""
    refunded: bool = False
    metadata: dict[str, str] = {}


class _Data(msgspec.Struct):
    object: msgspec.Raw  # of any kind; each has fields of its own under the same names


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    data: _Data


class _Wrong(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Problem(msgspec.Struct):
    error: _Wrong = msgspec.field(default_factory=_Wrong)


class Notice(msgspec.Struct, frozen=True):
    """What became of our payment ``payment_id``; ``intent`` is what a refund names."""

    message_id: str
    payment_id: str
    fate: Fate
    intent: str


class Stripe:
    def __init__(self, network: Network, base: str, key: str) -> None:
        self._network = network
        self._url = f"{base}/v1"
        self._key = key

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Stripe:
        return cls(network, (settings.get("url") or BASE).rstrip("/"), secrets["key"])

    async def perform(self, task: Task) -> Outcome:
        match task.work:
            case RequestPayment() as work:
                late = _late(work.expires_at, datetime.now(UTC))
                # Another end is another request to Stripe. A page whose answer was lost leads nobody to it.
                key = f"{task.key}/{late}" if late else task.key
                return _session(await self._post("/checkout/sessions", key, _page(work, late)))
            case CancelPayment() as work:
                return await self._expire(work, task.key)
            case RefundPayment() as work:
                form = {"payment_intent": work.intent, "metadata[payment_id]": work.payment_id}
                # Each attempt has its key: Stripe would say the same no again for a day, and it refunds once anyhow.
                answer = await self._post("/refunds", f"{task.key}/{task.attempt}", form)
                return Done() if _code(answer) == "charge_already_refunded" else _outcome(answer)
        raise unknown(task.work)

    async def _expire(self, work: CancelPayment, key: str) -> Outcome:
        """A session that is no longer open is as good as cancelled. One that was paid meanwhile says so: ``paid`` and
        its ``intent`` are in the facts."""
        path = f"/checkout/sessions/{quote(work.session, safe='')}"
        answer = await self._post(f"{path}/expire", key, {})
        if answer.status == 400:
            found = await self._network.request("GET", self._url + path, headers=self._headers())
            if not found.good:  # whether somebody has paid is not known yet
                return _outcome(found)
            session = _read(found)
            if session.status == "complete" and session.payment_status == "paid":
                return Done(work.session, {"paid": True, "intent": session.payment_intent or ""})
            if session.status in ("expired", "complete"):
                return Done(work.session)
        return _outcome(answer)

    async def _post(self, path: str, key: str, form: Mapping[str, str]) -> Answer:
        headers = self._headers() | {"content-type": "application/x-www-form-urlencoded", "idempotency-key": key}
        return await self._network.request("POST", self._url + path, body=urlencode(form).encode(), headers=headers)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}", "stripe-version": VERSION}


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether Stripe has signed this (``Stripe-Signature``, names in lower case), and not long ago: nobody can keep a
    notice and bring it again later. While a secret is changed there are several signatures.

    With an empty secret anybody could sign."""
    stamp, given = "", []
    for part in headers.get("stripe-signature", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamp = value
        elif name == "v1":
            given.append(value)
    if (
        not secret
        or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12)
        or abs(now - int(stamp)) > TOLERANCE_S
    ):
        return False
    wanted = signature(secret, int(stamp), body)
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)


def signature(secret: str, stamp: int, body: bytes) -> str:
    return hmac.digest(secret.encode(), f"{stamp}.".encode() + body, "sha256").hex()


def read(body: bytes) -> Notice | None:
    """What an event says; None for one that is not of ours, or no news yet. Raises ValueError for what is none."""
    try:
        event = msgspec.json.decode(body, type=_Event)
        fate = _FATES.get(event.type)
        if fate is None:
            return None
        about = msgspec.json.decode(event.data.object, type=_Object)
    except msgspec.MsgspecError as error:
        raise ValueError("no event of Stripe's") from error
    # Never by ``client_reference_id``: whoever pays on another page of the account may write there what they like.
    payment_id = about.metadata.get("payment_id", "")
    if not payment_id:
        return None
    if event.type == "checkout.session.completed" and about.payment_status == "unpaid":
        return None
    if fate == "refunded" and not about.refunded:  # a part of it: the restaurant's own doing
        return None
    return Notice(event.id, payment_id, fate, about.payment_intent or "")


def _late(expires_at: datetime, now: datetime) -> int:
    """How many times SHORTEST later than it was to end a page has to, so that Stripe opens it."""
    return max(0, math.ceil((now + SHORTEST + SPARE - expires_at) / SHORTEST))


def _page(work: RequestPayment, late: int) -> dict[str, str]:
    item = "line_items[0]"
    return {
        "mode": "payment",
        "client_reference_id": work.payment_id,
        "metadata[payment_id]": work.payment_id,
        "payment_intent_data[metadata][payment_id]": work.payment_id,
        f"{item}[quantity]": "1",
        f"{item}[price_data][currency]": work.currency.lower(),
        f"{item}[price_data][unit_amount]": str(work.amount_cents),
        f"{item}[price_data][product_data][name]": work.label,
        "expires_at": str(int((work.expires_at + late * SHORTEST).timestamp())),
        "locale": "fr" if work.language.startswith("fr") else "en",
        "success_url": work.back,
        "cancel_url": work.back,
    }


def _session(answer: Answer) -> Outcome:
    outcome = _outcome(answer)
    if not isinstance(outcome, Done):
        return outcome
    session = _read(answer)
    if not session.id or not (session.url or "").startswith(("https://", "http://")):
        return Later("no valid answer")
    return Done(session.id, {"url": session.url})


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer)) is not None:
        return later
    if answer.good:
        return Done(_read(answer).id)
    code = _code(answer)
    # The key is wrong or lacks a right; 409: the first attempt with this key is still under way.
    if answer.status in (401, 403, 409):
        return Later(f"Stripe: {code or answer.error}")
    return Refused(f"Stripe: {code or answer.error}")


def _read(answer: Answer) -> _Session:
    return decoded(answer, _Session) or _Session()


def _code(answer: Answer) -> str:
    return "" if answer.good else (decoded(answer, _Problem) or _Problem()).error.code[:80]
