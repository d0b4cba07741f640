"""Errands: what one outside service must be told, once. Which there are, when one is tried again, and given up.

Each kind is a struct: the adapter of the service reads what it needs from it, so that it needs no database. ``subject``
is what it is about; errands about one subject go to a connection one after the other, and those of ``behind``, if
there are any, before it. ``key`` names it for the other side: the same in every attempt, and another one for everything
that is to be done once more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Literal, get_args

import msgspec

from domain import mails
from domain.breakers import doubled
from domain.messages import Template
from domain.order import Address, FulfilmentKind

Service = Literal["till", "printer", "messages", "mail", "payments", "calendar", "crm"]
SERVICES: tuple[Service, ...] = get_args(Service)
State = Literal["waiting", "done", "refused", "failed"]

RETRY_FIRST = timedelta(seconds=1)
RETRY_MOST = timedelta(seconds=30)
# How long a connection's secrets are used before it is said that they should be changed.
SECRETS_GOOD_FOR = timedelta(days=90)
# How long an errand waits for another subject's: what can't be cancelled must not keep what is to be made.
BEHIND_MOST = timedelta(minutes=15)


class Work(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    SERVICE: ClassVar[Service]
    GIVE_UP_AFTER: ClassVar[timedelta] = timedelta(hours=24)

    @classmethod
    def named(cls) -> str:
        """What errands of this class are called where they are stored."""
        return str(cls.__struct_config__.tag)

    @property
    def kind(self) -> str:
        return self.named()

    @property
    def subject(self) -> str:
        raise NotImplementedError

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.subject}"

    @property
    def behind(self) -> str:
        return ""

    @property
    def useless_from(self) -> datetime | None:
        """From when on it serves nobody, however late it is known of; None for never."""
        return None


class _OfOrder(Work, frozen=True, kw_only=True):
    order_id: str

    @property
    def subject(self) -> str:
        return self.order_id


class _OfPayment(Work, frozen=True, kw_only=True):
    """``payment_id`` is ours."""

    payment_id: str

    @property
    def subject(self) -> str:
        return self.payment_id


class _OfBooking(Work, frozen=True, kw_only=True):
    reservation_id: str

    @property
    def subject(self) -> str:
        return self.reservation_id


class _VersionOfBooking(_OfBooking, frozen=True, kw_only=True):
    """``version`` counts what was told of the booking before."""

    version: int

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.reservation_id}/{self.version}"


class _Told(Work, frozen=True, kw_only=True):
    """``about`` is what is told of, ``occasion`` what of it, which is told once. ``useful_until`` None: whenever."""

    GIVE_UP_AFTER = timedelta(hours=3)

    about: str
    occasion: str
    to: str
    useful_until: datetime | None = None

    @property
    def subject(self) -> str:
        return self.about

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.about}/{self.occasion}"

    @property
    def useless_from(self) -> datetime | None:
        return self.useful_until


class TillChoice(msgspec.Struct, frozen=True):
    """A modifier that the till knows by a code of its own; ``cents`` are in its line's. ``within`` is where it is."""

    code: str
    name: str
    cents: int
    within: str = ""


class TicketLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order. ``modifiers`` are written as the ticket shows them; cents are of one, modifiers in them.

    ``code`` is the till's own name for the item in this size, "" where it isn't known, ``within`` where the till has
    it; ``choices`` are those of the modifiers for which one is known, too.
    """

    item_id: str
    name: str
    size: str
    quantity: int
    unit_cents: int
    modifiers: tuple[str, ...] = ()
    note: str = ""
    code: str = ""
    within: str = ""
    choices: tuple[TillChoice, ...] = ()


class PlaceOrder(_OfOrder, frozen=True, kw_only=True, tag="order.place"):
    """A confirmed order, for the till. Who ordered is "" where it isn't known. ``replaces_id`` is the order that it is
    in the place of, "" for none: that one is cancelled first."""

    SERVICE = "till"
    GIVE_UP_AFTER = timedelta(hours=3)  # a meal that nobody has cooked until then is eaten elsewhere

    number: int
    fulfilment: FulfilmentKind
    lines: tuple[TicketLine, ...]
    fee_cents: int
    total_cents: int
    currency: str
    confirmed_at: datetime
    promised_at: datetime
    customer: str = ""
    phone: str = ""
    address: Address | None = None
    allergies: str = ""
    replaces_id: str = ""

    @property
    def behind(self) -> str:
        return self.replaces_id

    @property
    def useless_from(self) -> datetime:
        return self.promised_at + self.GIVE_UP_AFTER


class CancelOrder(_OfOrder, frozen=True, kw_only=True, tag="order.cancel"):
    SERVICE = "till"

    number: int = 0
    reason: str = ""


class ReadTill(Work, frozen=True, kw_only=True, tag="till.read"):
    """What the till sells, and what of it has run out. ``reading_id`` is this one time of asking, ``currency`` what the
    restaurant's prices are in, "" for unknown."""

    SERVICE = "till"
    GIVE_UP_AFTER = timedelta(hours=1)

    reading_id: str
    currency: str = ""

    @property
    def subject(self) -> str:
        return self.kind

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.reading_id}"


class SendMessage(_Told, frozen=True, kw_only=True, tag="message.send"):
    """A text message. A number is told each occasion once, or once for all that has the same ``once``.

    ``receipts`` is where the service tells what became of it, "" for nowhere.
    """

    SERVICE = "messages"

    template: Template
    text: str
    receipts: str = ""
    once: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.once or self.about}/{self.occasion}"


class AskPrice(Work, frozen=True, kw_only=True, tag="message.price"):
    """What a text message has cost, which its service knows some time later. ``reference`` is its name for it."""

    SERVICE = "messages"
    GIVE_UP_AFTER = timedelta(hours=6)

    reference: str
    parts: int

    @property
    def subject(self) -> str:
        return self.reference


class SendMail(_Told, frozen=True, kw_only=True, tag="mail.send"):
    """An e-mail, from ``sender`` (a name for people) to one address.

    ``stop`` is where its reader, or their mail program, asks for no more of them; "" for nowhere.
    """

    SERVICE = "mail"

    template: mails.Template
    sender: str
    title: str
    text: str
    html: str
    stop: str = ""


class RequestPayment(_OfPayment, frozen=True, kw_only=True, tag="payment.request"):
    """A page of the payment service on which ``amount_cents`` can be paid until ``expires_at``; then back to ``back``.

    It is asked for until ``useful_until``, however long the service is away; asked for late it may end later than
    ``expires_at``, for a service opens none for a few minutes. ``label`` is what the payer reads.
    """

    SERVICE = "payments"

    amount_cents: int
    currency: str
    label: str
    language: str
    expires_at: datetime
    back: str
    useful_until: datetime | None = None

    @property
    def useless_from(self) -> datetime:
        return self.useful_until or self.expires_at

    @classmethod
    def ends(cls, wanted: datetime, now: datetime) -> datetime:
        """``expires_at``, as near to ``wanted`` as a service takes it: 30 minutes to 24 hours from now."""
        return min(max(wanted, now + timedelta(minutes=35)), now + timedelta(hours=23))


class CancelPayment(_OfPayment, frozen=True, kw_only=True, tag="payment.cancel"):
    """Nobody can pay on that page any more. ``session`` is the service's name for it."""

    SERVICE = "payments"

    session: str


class RefundPayment(_OfPayment, frozen=True, kw_only=True, tag="payment.refund"):
    """All that was paid goes back. ``intent`` is the service's name for the payment."""

    SERVICE = "payments"
    GIVE_UP_AFTER = timedelta(days=7)

    intent: str


Occasion = Literal["new", "again", "cancelled"]


class PrintTicket(_OfOrder, frozen=True, kw_only=True, tag="ticket.print"):
    """An order's ticket at one station: the lines that are made there. ``copy`` is 0 for the first one.

    ``again`` says at the top that the kitchen may have it already, ``replaces`` (0 for none) which ticket this one is
    instead of. Times are shown by ``zone`` (IANA).
    """

    SERVICE = "printer"
    GIVE_UP_AFTER = timedelta(hours=6)

    number: int
    occasion: Occasion
    fulfilment: FulfilmentKind
    lines: tuple[TicketLine, ...]
    confirmed_at: datetime
    promised_at: datetime
    zone: str
    language: str
    copy: int = 0
    customer: str = ""
    address: Address | None = None
    allergies: str = ""
    replaces: int = 0

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.order_id}/{self.occasion}/{self.copy}"

    @property
    def useless_from(self) -> datetime | None:
        """A reprint is somebody's wish, at whatever time."""
        return None if self.occasion == "again" else self.promised_at + self.GIVE_UP_AFTER


class KeepInCalendar(_VersionOfBooking, frozen=True, kw_only=True, tag="calendar.keep"):
    """A booking as it is now stands in the restaurant's calendar.

    ``title`` and ``details`` are for who looks at the calendar. ``tentative``: its deposit is not paid yet.
    """

    SERVICE = "calendar"

    starts_at: datetime
    ends_at: datetime
    zone: str
    language: str
    covers: int
    title: str
    details: str = ""
    name: str = ""
    phone: str = ""
    tentative: bool = False


class ForgetInCalendar(KeepInCalendar, frozen=True, kw_only=True, tag="calendar.forget"):
    """Where the booking stands in the calendar, it names nobody any more."""

    GIVE_UP_AFTER = timedelta(days=30)


class ReleaseFromCalendar(_OfBooking, frozen=True, kw_only=True, tag="calendar.release"):
    SERVICE = "calendar"


class NoteCustomer(_VersionOfBooking, frozen=True, kw_only=True, tag="customer.note"):
    """Who booked is in the customer files, with a note of what has become of it."""

    SERVICE = "crm"
    GIVE_UP_AFTER = timedelta(days=3)

    phone: str
    name: str
    text: str
    at: datetime


class ForgetCustomer(Work, frozen=True, kw_only=True, tag="customer.forget"):
    """Who has this number is in the customer files no more. ``contacts`` are the files' own names of who was noted."""

    SERVICE = "crm"
    GIVE_UP_AFTER = timedelta(days=30)  # as long as the law gives

    erasure_id: str
    phone: str
    contacts: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return self.erasure_id


AnyWork = (
    PlaceOrder
    | CancelOrder
    | ReadTill
    | PrintTicket
    | SendMessage
    | AskPrice
    | SendMail
    | RequestPayment
    | CancelPayment
    | RefundPayment
    | KeepInCalendar
    | ForgetInCalendar
    | ReleaseFromCalendar
    | NoteCustomer
    | ForgetCustomer
)


def encode(work: Work) -> str:
    return msgspec.json.encode(work).decode()


def decode(text: str) -> AnyWork:
    """Raises msgspec.ValidationError for what another release has written."""
    work: AnyWork = msgspec.json.decode(text, type=AnyWork)
    return work


def again_after(attempt: int, asked: timedelta | None = None) -> timedelta:
    """How long after the ``attempt``-th one; ``asked`` is what the service wants, as far as it is sensible."""
    if asked is not None:
        return min(max(asked, RETRY_FIRST), timedelta(minutes=10))
    return doubled(RETRY_FIRST, attempt - 1, RETRY_MOST)
