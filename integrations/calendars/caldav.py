"""A calendar by CalDAV (RFC 4791), as Nextcloud, Radicale, iCloud and most hosters have one: its address, a user, a
password of the application.

A booking's object has a name of ours, so that it is one however often it is brought: ``PUT`` with ``If-None-Match: *``
makes it, and where it is there already the new state goes over the old one (``If-Match``). Before that the server is
asked what is busy then (``free-busy-query``); one that can't tell says so, and is believed to be free.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from domain.calendars import BusyTimes, Span, apart
from domain.errands import ForgetInCalendar, KeepInCalendar, ReleaseFromCalendar
from integrations.calendars import icalendar
from integrations.tasks import Done, Later, Outcome, Refused, Task, unanswered, unknown

if TYPE_CHECKING:
    from integrations.network import Answer, Network

# A server without free-busy-query; RFC 4791 5.3.2 lets a server refuse what it can't keep, with 403 and a reason.
_CANT_TELL = (400, 403, 405, 415, 422, 501)
GONE = Done()
_QUERY = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<C:free-busy-query xmlns:C="urn:ietf:params:xml:ns:caldav"><C:time-range start="{}" end="{}"/></C:free-busy-query>'
)


class CalDav:
    def __init__(self, network: Network, url: str, user: str, password: str) -> None:
        self._network = network
        self._url = url.rstrip("/") + "/"
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @classmethod
    def open(cls, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> CalDav:
        return cls(network, settings["url"], settings["user"], secrets["password"])

    async def perform(self, task: Task) -> Outcome:
        match task.work:
            case ForgetInCalendar() as work:
                return await self._write_over(work)
            case KeepInCalendar() as work:
                return await self._keep(work)
            case ReleaseFromCalendar() as work:
                answer = await self._request("DELETE", self._place(work.reservation_id))
                return Done() if answer.status in (404, 410) else _outcome(answer)
        raise unknown(task.work)

    async def _keep(self, work: KeepInCalendar) -> Outcome:
        said = await self._is_free(work)
        if said is not None:
            return said
        answer = await self._put(work, {"if-none-match": "*"})
        if answer.status == 412:  # it is there: of an attempt before, or as it was before it was changed
            return await self._write_over(work, gone=Later("it was there, and is gone", untouched=True))
        return _outcome(answer, reference=work.reservation_id)

    async def _write_over(self, work: KeepInCalendar, *, gone: Outcome = GONE) -> Outcome:
        found = await self._request("GET", self._place(work.reservation_id))
        if found.status in (404, 410):
            return gone
        if not found.good:
            return _outcome(found)
        tag = found.headers.get("etag", "")
        answer = await self._put(work, {"if-match": tag} if tag else {})
        if answer.status == 412:
            return Later("somebody else has just changed it")
        return _outcome(answer, reference=work.reservation_id)

    async def _put(self, work: KeepInCalendar, only: Mapping[str, str]) -> Answer:
        body = icalendar.event(work, work.reservation_id).encode()
        kind = {"content-type": "text/calendar; charset=utf-8"}
        return await self._request("PUT", self._place(work.reservation_id), body, kind | dict(only))

    async def busy_times(self, since: datetime, until: datetime) -> BusyTimes | Later:
        """What was entered by hand; our own entries do not block the time."""
        said = await self._busy(since, until)
        if not isinstance(said, tuple):
            return said if isinstance(said, Later) else Later(said.reason)
        return BusyTimes(since, until, apart(said))

    async def _is_free(self, work: KeepInCalendar) -> Outcome | None:
        """None where nothing stands against it."""
        said = await self._busy(work.starts_at, work.ends_at)
        if not isinstance(said, tuple):
            return said
        if any(one.starts_at < work.ends_at and work.starts_at < one.ends_at for one in said):
            return Refused("busy then", busy=True)
        return None

    async def _busy(self, since: datetime, until: datetime) -> tuple[Span, ...] | Later | Refused:
        """Nothing where the server can't tell."""
        query = _QUERY.format(icalendar.stamp(since), icalendar.stamp(until))
        headers = {"content-type": "application/xml; charset=utf-8", "depth": "1"}
        answer = await self._request("REPORT", self._url, query.encode(), headers)
        if answer.status in _CANT_TELL:
            return ()
        if not answer.good:
            return _no(answer)
        try:
            return icalendar.busy_times(answer.body.decode())
        except ValueError:  # UnicodeDecodeError is one
            return ()

    def _place(self, reservation_id: str) -> str:
        return f"{self._url}alloresto-{reservation_id}.ics"

    async def _request(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"authorization": self._authorization} | dict(headers or {})
        return await self._network.request(method, url, body=body, headers=sent)


def _outcome(answer: Answer, reference: str = "") -> Outcome:
    return Done(reference) if answer.good else _no(answer)


def _no(answer: Answer) -> Later | Refused:
    if (later := unanswered(answer)) is not None:
        return later
    if answer.status in (401, 403, 404, 405, 409, 423, 507):  # the connection is wrong, or the calendar full or locked
        return Later(f"the calendar answers {answer.status}")
    return Refused(f"the calendar answers {answer.status}")
