"""Text messages by Twilio's Messages API (2010-04-01), its status callbacks, and answers to what was sent.

Written from Twilio's public reference; not yet tried with a real account. The API knows no idempotency keys: before a
message is sent for a second time its number's latest ones are looked through for it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from domain.errands import AskPrice, SendMessage
from domain.twilio_signatures import is_signed
from integrations.tasks import Done, Later, Outcome, Refused, Task, decoded, turned_away, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://api.twilio.com"
LATEST = 50
LONGEST_SID = 64
CLOCKS_DIFFER = timedelta(minutes=10)
MOST_FIELDS = 200
OPTED_OUT = 21610
PRICE_AGAIN_S = 600.0
Fate = Literal["sent", "delivered", "failed"]
# Twilio's own words; what is on its way is no news.
_FATES: Mapping[str, Fate] = {"sent": "sent", "delivered": "delivered", "undelivered": "failed", "failed": "failed"}


class _Message(msgspec.Struct):
    sid: str = ""
    body: str = ""
    status: str = ""
    num_segments: str = ""
    price: str | None = None
    price_unit: str = ""
    date_created: str = ""  # RFC 2822


class _Messages(msgspec.Struct):
    messages: list[_Message] = []


class _Problem(msgspec.Struct):
    code: int = 0
    message: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What became of the message that the service calls ``reference``."""

    message_id: str
    reference: str
    fate: Fate
    code: str = ""


class Inbound(msgspec.Struct, frozen=True):
    """What somebody wrote back."""

    message_id: str
    sender: str
    text: str


class Twilio:
    """``sender`` is a number of the account's, an alphanumeric name, or a messaging service (``MG…``)."""

    def __init__(self, network: Network, base: str, account: str, token: str, sender: str) -> None:
        self._network = network
        self._messages = f"{base}/2010-04-01/Accounts/{quote(account, safe='')}/Messages"
        self._url = f"{self._messages}.json"
        self._authorization = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        self._sender = sender

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Twilio:
        base = (settings.get("url") or BASE).rstrip("/")
        return cls(network, base, settings["account"], secrets["token"], settings["sender"])

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if isinstance(work, AskPrice):
            return _price(await self._ask("GET", f"{self._messages}/{quote(work.reference, safe='')}.json"))
        if not isinstance(work, SendMessage):
            raise unknown(work)
        if task.attempt > 1:
            answer = await self._ask("GET", f"{self._url}?{urlencode({'To': work.to, 'PageSize': LATEST})}")
            if not answer.good:
                return _outcome(answer)
            latest = decoded(answer, _Messages)
            if latest is None:
                return Later("no valid answer")
            known = _sent_before(latest.messages, work.text, task.since)
            if known is not None:
                return Done(known.sid)
        return _outcome(await self._ask("POST", self._url, self._form(work)))

    def _form(self, work: SendMessage) -> Mapping[str, str]:
        sender = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = {"To": work.to, sender: self._sender, "Body": work.text}
        return form | ({"StatusCallback": work.receipts} if work.receipts else {})

    async def _ask(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Answer:
        headers = {"authorization": self._authorization}
        if form is None:
            return await self._network.request(method, url, headers=headers)
        headers["content-type"] = "application/x-www-form-urlencoded"
        return await self._network.request(method, url, body=urlencode(form).encode(), headers=headers)


def verify(headers: Mapping[str, str], url: str, body: bytes, token: str) -> bool:
    """Whether Twilio asks ``url``, by its ``X-Twilio-Signature`` (header names in lower case)."""
    try:
        fields = _fields(body)
    except ValueError:
        return False
    return is_signed(headers.get("x-twilio-signature", ""), token, url, fields)


def read(body: bytes) -> Receipt | Inbound | None:
    """What a callback says; None for what is no news. Raises ValueError for what is no callback of theirs."""
    form = dict(_fields(body))
    sid = form.get("MessageSid", "")
    if not sid or len(sid) > LONGEST_SID:
        raise ValueError("MessageSid: missing, or none of theirs")
    if "MessageStatus" in form:
        fate = _FATES.get(form["MessageStatus"])
        return fate and Receipt(f"{sid}/{fate}", sid, fate, form.get("ErrorCode", "")[:20])
    if "Body" not in form or not form.get("From"):
        raise ValueError("Body, From: missing")
    return Inbound(sid, form["From"], form["Body"])


def _fields(body: bytes) -> Sequence[tuple[str, str]]:
    """Raises ValueError for more than a callback has."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)


def _sent_before(latest: Sequence[_Message], text: str, since: datetime | None) -> _Message | None:
    """The same words may have been another day's."""
    failed = ("failed", "undelivered", "canceled")
    same = (one for one in latest if one.body == text and one.status not in failed)
    return next((one for one in same if since is None or _may_be_of(one, since)), None)


def _may_be_of(message: _Message, since: datetime) -> bool:
    """Also where its time can't be read: not twice is better."""
    try:
        return parsedate_to_datetime(message.date_created) >= since - CLOCKS_DIFFER
    except (TypeError, ValueError):
        return True


def _price(answer: Answer) -> Outcome:
    """ "Populated after the message has been sent. May not be immediately available"; negative, for it is a charge."""
    if not answer.good:
        return _outcome(answer)
    message = decoded(answer, _Message)
    if message is None:
        return Later("no valid answer")
    try:
        price = None if message.price is None else abs(Decimal(message.price))
    except ArithmeticError:
        return Later("no valid answer")
    if price is None:
        if message.status in ("failed", "undelivered", "canceled"):
            return Done()
        return Later("no price yet", PRICE_AGAIN_S, is_there=True)
    return Done(facts={"micros": int(price * 1_000_000), "currency": message.price_unit.upper()})


def _outcome(answer: Answer) -> Outcome:
    if (later := unanswered(answer) or turned_away(answer, "Twilio")) is not None:
        return later
    if answer.good:
        sent = decoded(answer, _Message)
        if sent is None:
            return Later("no valid answer")
        return Done(sent.sid, {"parts": int(sent.num_segments)} if sent.num_segments.isdigit() else {})
    problem = decoded(answer, _Problem) or _Problem()
    if problem.code == OPTED_OUT:
        return Refused("opted out")
    return Refused(f"{answer.error} ({problem.code})" if problem.code else answer.error)
