"""Bookings at Cal.com (API v2), for a restaurant whose availability is there: an event type with as many seats, or
hosts, as it has tables.

Written from Cal.com's public reference, version 2024-08-13 of its bookings and 2024-09-04 of its slots, and its page of
webhooks; not yet tried with a real account. Cal.com knows no key of ours, so each booking carries its reservation in
``metadata``, and where one may be there already the upcoming ones are looked through. It asks for an e-mail address of
who comes; guests at the phone have none, so it gets the restaurant's own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from domain.calendars import BusyTimes, Span, between
from domain.errands import ForgetInCalendar, KeepInCalendar, ReleaseFromCalendar
from integrations.tasks import Done, Later, Outcome, Refused, StoppedError, Task, decoded, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

BASE = "https://api.cal.com"
VERSION = "2024-08-13"
SLOTS_VERSION = "2024-09-04"
SLOTS_DAYS = 31  # of one question: an answer stays small
# How far apart its starts are is not told: it is the nearest two, within these.
_APART_LEAST, _APART_MOST = timedelta(minutes=5), timedelta(hours=1)
SIGNATURE = "x-cal-signature-256"
PAGE = 100
MOST_PAGES = 10
# What it says of a time that somebody else has, or that nobody can have.
_BUSY = ("not available", "already has booking", "no_available_users", "no available users", "already booked")


class _Booking(msgspec.Struct):
    uid: str = ""
    start: datetime | None = None
    status: str = ""
    metadata: dict[str, Any] = {}


class _One(msgspec.Struct):
    data: _Booking


class _Many(msgspec.Struct):
    data: list[_Booking] = []


class _Slot(msgspec.Struct):
    start: datetime


class _Slots(msgspec.Struct):
    data: dict[str, list[_Slot]]


class _Wrong(msgspec.Struct):
    message: str = ""


class _Problem(msgspec.Struct):
    error: _Wrong = msgspec.field(default_factory=_Wrong)


class Notice(NamedTuple):
    """``uid`` is Cal.com's name for the booking that was there before; ``starts_at`` None: there is none any more."""

    message_id: str
    reservation_id: str
    uid: str
    starts_at: datetime | None


class _Payload(msgspec.Struct, rename="camel"):
    uid: str = ""
    reschedule_uid: str | None = None
    start_time: datetime | None = None
    metadata: dict[str, Any] | None = None


class _Event(msgspec.Struct, rename="camel"):
    trigger_event: str
    payload: _Payload


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Their HMAC of the body as it came; ``headers`` have lower-case names. With no secret nothing is theirs."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(digest.encode(), headers.get(SIGNATURE, "").encode())


def read(body: bytes) -> Notice | None:
    """None for what changes no booking of ours. Raises msgspec.MsgspecError for what is none of theirs."""
    event = msgspec.json.decode(body, type=_Event)
    about = event.payload
    reservation_id = (about.metadata or {}).get("reservation")
    if not isinstance(reservation_id, str):
        return None
    message_id = f"{event.trigger_event}/{about.uid}"
    if event.trigger_event in ("BOOKING_CANCELLED", "BOOKING_REJECTED"):
        return Notice(message_id, reservation_id, about.uid, None)
    if event.trigger_event == "BOOKING_RESCHEDULED" and about.start_time is not None and about.start_time.tzinfo:
        return Notice(message_id, reservation_id, about.reschedule_uid or "", about.start_time)
    return None


class CalCom:
    def __init__(self, network: Network, base: str, key: str, event_type: str, email: str) -> None:
        self._network = network
        self._url = f"{base}/v2"
        self._key = key
        self._event_type = event_type
        self._email = email

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> CalCom:
        base = (settings.get("url") or BASE).rstrip("/")
        return cls(network, base, secrets["key"], settings["event_type"], settings["email"])

    async def perform(self, task: Task) -> Outcome:
        try:
            match task.work:
                case ForgetInCalendar():
                    return Refused("Cal.com keeps who came: take the name away there by hand")
                case KeepInCalendar() as work:
                    return await self._keep(work, may_be_there=work.version > 0 or task.doubtful)
                case ReleaseFromCalendar() as work:
                    found = await self._find(work.reservation_id)
                    return Done() if found is None else await self._cancel(found)
        except StoppedError as error:
            return error.outcome
        raise unknown(task.work)

    async def busy_times(self, since: datetime, until: datetime) -> BusyTimes | Later:
        """When none of its bookings may begin: it says when one may, with our own bookings counted.

        A time between two starts of Cal.com's is as the one before it.
        """
        starts: list[datetime] = []
        at = since = max(since, datetime.now(UTC))
        while at < until:
            to = min(at + timedelta(days=SLOTS_DAYS), until)
            query = {"eventTypeId": self._event_type, "start": _instant(at), "end": _instant(to), "timeZone": "UTC"}
            answer = await self._request("GET", f"/slots?{urlencode(query)}", version=SLOTS_VERSION)
            if not answer.good:
                said = _problem(answer)
                return said if isinstance(said, Later) else Later(said.reason)
            slots = decoded(answer, _Slots)
            if slots is None or any(one.start.tzinfo is None for day in slots.data.values() for one in day):
                return Later("no valid answer")
            starts += [one.start.astimezone(UTC) for day in slots.data.values() for one in day]
            at = to
        width = _apart(starts)
        return BusyTimes(since, until, between((Span(one, one + width) for one in starts), since, until), by_start=True)

    async def _keep(self, work: KeepInCalendar, *, may_be_there: bool) -> Outcome:
        """A booking at another time is moved; what else is changed of it, Cal.com does not take."""
        found = await self._find(work.reservation_id) if may_be_there else None
        start = _instant(work.starts_at)
        if found is None:
            return _booked(await self._post("/bookings", self._wanted(work, start)))
        if found.start == work.starts_at:
            return Done(found.uid)
        path = f"/bookings/{quote(found.uid, safe='')}/reschedule"
        return _booked(await self._post(path, {"start": start, "reschedulingReason": "changed by phone"}))

    def _wanted(self, work: KeepInCalendar, start: str) -> dict[str, Any]:
        return {
            "start": start,
            "eventTypeId": int(self._event_type) if self._event_type.isdigit() else self._event_type,
            "attendee": {
                "name": work.name or work.title,
                "email": self._email,
                "timeZone": work.zone,
                "language": "fr" if work.language.startswith("fr") else "en",
            }
            | ({"phoneNumber": work.phone} if work.phone else {}),
            "metadata": {"reservation": work.reservation_id, "covers": str(work.covers)},
            "bookingFieldsResponses": {"notes": f"{work.title}\n{work.details}".strip()},
        }

    async def _find(self, reservation_id: str) -> _Booking | None:
        """The one of this reservation that is not cancelled. Raises StoppedError."""
        for page in range(MOST_PAGES):
            query = {"eventTypeId": self._event_type, "status": "upcoming", "take": PAGE, "skip": page * PAGE}
            answer = await self._request("GET", f"/bookings?{urlencode(query)}")
            if not answer.good:
                raise StoppedError(_problem(answer))
            said = decoded(answer, _Many)
            if said is None:
                raise StoppedError(Later("no valid answer"))
            for one in said.data:
                if one.metadata.get("reservation") == reservation_id and one.status not in ("cancelled", "rejected"):
                    return one
            if len(said.data) < PAGE:
                return None
        raise StoppedError(Later(f"not among the next {MOST_PAGES * PAGE} bookings"))

    async def _cancel(self, booking: _Booking) -> Outcome:
        path = f"/bookings/{quote(booking.uid, safe='')}/cancel"
        answer = await self._post(path, {"cancellationReason": "cancelled at the restaurant"})
        return Done(booking.uid) if answer.good else _problem(answer)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await self._request("POST", path, msgspec.json.encode(body))

    async def _request(self, method: str, path: str, body: bytes | None = None, *, version: str = VERSION) -> Answer:
        headers = {"authorization": f"Bearer {self._key}", "cal-api-version": version}
        if body is not None:
            headers["content-type"] = "application/json"
        return await self._network.request(method, self._url + path, body=body, headers=headers)


def _booked(answer: Answer) -> Outcome:
    if not answer.good:
        return _problem(answer)
    made = decoded(answer, _One)
    return Later("no valid answer") if made is None else Done(made.data.uid)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _apart(starts: list[datetime]) -> timedelta:
    """How long a start stands for the times after it."""
    nearest = min((later - one for one, later in pairwise(sorted(set(starts)))), default=_APART_LEAST)
    return min(max(nearest, _APART_LEAST), _APART_MOST)


def _problem(answer: Answer) -> Later | Refused:
    if (later := unanswered(answer)) is not None:
        return later
    if answer.status in (401, 403, 404):  # the connection is wrong, not the booking
        return Later(f"Cal.com: {answer.error}")
    said = (decoded(answer, _Problem) or _Problem()).error.message
    busy = answer.status == 409 or any(words in said.lower() for words in _BUSY)
    return Refused(f"Cal.com: {said[:150] or answer.error}", busy=busy)
