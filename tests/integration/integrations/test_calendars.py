"""Bookings in calendars: one entry however often it is brought, moved, taken out; and whose time it is."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web

from devstack.stand_ins.calcom import CalCom as CalComServer
from devstack.stand_ins.caldav import CalDav as CalDavServer
from devstack.stand_ins.standing import Fault
from domain.calendars import BusyTimes, Span
from domain.errands import ForgetInCalendar, KeepInCalendar, ReleaseFromCalendar
from integrations.calendars.calcom import CalCom
from integrations.calendars.caldav import CalDav
from integrations.calendars.icalendar import busy_times, event
from integrations.network import Network
from integrations.tasks import Done, Later, Refused, Task
from tests.integration.integrations.conftest import Serve

AT = datetime(2026, 12, 4, 19, tzinfo=UTC)
NAME = "alloresto-r1.ics"
RELEASE = ReleaseFromCalendar(reservation_id="r1")


def keep(version: int = 0, at: datetime = AT) -> KeepInCalendar:
    return KeepInCalendar(
        reservation_id="r1",
        version=version,
        starts_at=at,
        ends_at=at + timedelta(minutes=105),
        zone="Europe/Paris",
        language="fr",
        covers=6,
        title="Table pour 6 : Léa; Nora",
        details="Table T1\nTéléphone +33612345678",
        name="Léa",
        phone="+33612345678",
    )


def task(work: KeepInCalendar | ReleaseFromCalendar, attempt: int = 1) -> Task:
    return Task("e1", "r1", work.key, attempt, work, doubtful=attempt > 1)


@pytest.fixture
async def at_caldav(serve: Serve, network: Network) -> tuple[CalDavServer, CalDav]:
    server = CalDavServer("lea", "secret")
    return server, CalDav.open(network, {"url": await serve(server), "user": "lea"}, {"password": "secret"})


@pytest.fixture
async def at_calcom(serve: Serve, network: Network) -> tuple[CalComServer, CalCom]:
    server = CalComServer("cal_1")
    settings = {"url": await serve(server), "event_type": "42", "email": "lea@x.example"}
    return server, CalCom.open(network, settings, {"key": "cal_1"})


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
async def test_a_booking_stands_in_a_caldav_calendar_once_as_it_is_now(
    fault: Fault, at_caldav: tuple[CalDavServer, CalDav]
) -> None:
    server, adapter = at_caldav
    server.faults[fault] = 2 if fault == "lost_answer" else 1  # the query's answer, and then that of the PUT

    attempts = 1
    while not isinstance(await adapter.perform(task(keep(), attempts)), Done):
        attempts += 1
    later = AT + timedelta(hours=1)
    assert await adapter.perform(task(keep(1, later))) == Done("r1")
    (text,) = server.objects.values()
    assert "DTSTART:20261204T200000Z" in text and "SEQUENCE:1" in text
    assert attempts == (3 if fault == "lost_answer" else 2)

    assert isinstance(await adapter.perform(task(RELEASE)), Done)
    assert isinstance(await adapter.perform(task(RELEASE, 2)), Done)
    assert server.objects == {}


async def test_a_guest_who_is_forgotten_is_named_in_no_caldav_calendar(
    at_caldav: tuple[CalDavServer, CalDav],
) -> None:
    server, adapter = at_caldav
    nobody = ForgetInCalendar(
        reservation_id="r1",
        version=1,
        starts_at=AT,
        ends_at=AT + timedelta(minutes=105),
        zone="Europe/Paris",
        language="fr",
        covers=6,
        title="Table pour 6",
        details="Table T1",
    )
    assert isinstance(await adapter.perform(task(nobody)), Done)  # what is not there is not made
    assert server.objects == {}

    await adapter.perform(task(keep()))
    server.busy = [Span(AT, AT + timedelta(hours=1))]  # it stays where it is
    assert isinstance(await adapter.perform(task(nobody)), Done)
    (text,) = server.objects.values()
    assert "SUMMARY:Table pour 6\r" in text and "a; Nora" not in text and "336123" not in text


async def test_what_is_entered_by_hand_is_busy_and_a_booking_is_not(at_caldav: tuple[CalDavServer, CalDav]) -> None:
    server, adapter = at_caldav
    server.busy.append(Span(AT + timedelta(minutes=90), AT + timedelta(hours=5)))  # a wedding

    assert await adapter.perform(task(keep())) == Refused("busy then", busy=True)
    before = AT - timedelta(hours=2)
    assert isinstance(await adapter.perform(task(keep(0, before))), Done)
    assert isinstance(await adapter.perform(task(keep(1, before))), Done)  # its own entry does not stand against it


async def test_a_wrong_password_is_the_connections_fault(serve: Serve, network: Network) -> None:
    url = await serve(CalDavServer("lea", "secret"))
    adapter = CalDav.open(network, {"url": url, "user": "lea"}, {"password": "old"})
    assert await adapter.perform(task(keep())) == Later("the calendar answers 401")


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
async def test_a_booking_stands_at_calcom_once_and_is_moved_and_cancelled(
    fault: Fault, at_calcom: tuple[CalComServer, CalCom]
) -> None:
    server, adapter = at_calcom
    server.faults[fault] = 1

    assert isinstance(await adapter.perform(task(keep())), Later)
    first = await adapter.perform(task(keep(), 2))
    assert first == await adapter.perform(task(keep(), 3)) == Done("booking1")
    moved = await adapter.perform(task(keep(1, AT + timedelta(hours=1))))
    assert moved == Done("booking2")
    assert [one["start"] for one in server.accepted("r1")] == ["2026-12-04T20:00:00Z"]

    assert await adapter.perform(task(RELEASE)) == Done("booking2")
    assert await adapter.perform(task(RELEASE, 2)) == Done()
    assert server.accepted() == []


async def test_calcom_says_that_somebody_else_has_the_time(at_calcom: tuple[CalComServer, CalCom]) -> None:
    server, adapter = at_calcom
    server.blocked.add("2026-12-04T19:00:00Z")

    said = await adapter.perform(task(keep()))

    assert isinstance(said, Refused) and said.busy
    assert server.accepted() == []


async def test_a_conflict_at_calcom_is_somebody_elses_time_whatever_its_words(serve: Serve, network: Network) -> None:
    class Full(CalComServer):
        def _full(self, start: str) -> web.Response:
            return web.json_response({"status": "error", "error": {"message": "booking_conflict"}}, status=409)

    settings = {"url": await serve(Full("cal_1")), "event_type": "42", "email": "lea@x.example"}

    said = await CalCom.open(network, settings, {"key": "cal_1"}).perform(task(keep()))

    assert isinstance(said, Refused) and said.busy


def test_words_that_are_said_cannot_add_lines_to_an_event() -> None:
    said = msgspec.structs.replace(keep(), title="Nora\r\nATTENDEE:mailto:x@x.example", details="a\u2028b\\n;,\x0b")
    text = event(said, "r1")
    lines = text.split("\r\n")
    assert "SUMMARY:Nora\\nATTENDEE:mailto:x@x.example" in lines
    assert "DESCRIPTION:ab\\\\n\\;\\," in lines
    assert text.replace("\r\n", "").isprintable()


def test_an_event_keeps_to_the_format() -> None:
    text = event(keep(), "r1")
    lines = text.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "SUMMARY:Table pour 6 : Léa\\; Nora" in lines
    assert "DESCRIPTION:Table T1\\nTéléphone +33612345678" in lines
    assert "TRANSP:TRANSPARENT" in lines


def test_busy_times_are_read_by_end_and_by_duration() -> None:
    text = (
        "BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nFREEBUSY;FBTYPE=BUSY:20261204T190000Z/PT1H30M,\r\n"
        " 20261205T190000Z/20261205T200000Z\r\nFREEBUSY;FBTYPE=FREE:20261206T190000Z/PT1H\r\nEND:VFREEBUSY\r\n"
        "END:VCALENDAR\r\n"
    )
    day = AT + timedelta(days=1)
    assert busy_times(text) == (
        Span(AT, AT + timedelta(minutes=90)),
        Span(day, day + timedelta(hours=1)),
    )
    with pytest.raises(ValueError, match="no iCalendar"):
        busy_times("<html>")


async def test_all_that_is_busy_is_told_without_our_own_bookings(at_caldav: tuple[CalDavServer, CalDav]) -> None:
    server, adapter = at_caldav
    await adapter.perform(task(keep()))
    day = AT.replace(hour=0)
    server.busy = [Span(day, day + timedelta(days=1)), Span(AT, AT + timedelta(hours=9)), Span(AT, AT)]

    said = await adapter.busy_times(AT - timedelta(days=3), AT + timedelta(days=9))

    whole = Span(day, AT + timedelta(hours=9))
    assert said == BusyTimes(AT - timedelta(days=3), AT + timedelta(days=9), (whole,))


async def test_calcom_tells_when_a_booking_may_begin_with_ours_among_them(serve: Serve, network: Network) -> None:
    server = CalComServer("cal_1", seats=1)
    settings = {"url": await serve(server), "event_type": "42", "email": "lea@x.example"}
    adapter = CalCom.open(network, settings, {"key": "cal_1"})
    at = (datetime.now(UTC) + timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
    server.blocked = {f"{at + timedelta(minutes=one):%Y-%m-%dT%H:%M:%SZ}" for one in (15, 30)}
    assert isinstance(await adapter.perform(task(keep(at=at))), Done)

    said = await adapter.busy_times(at - timedelta(days=99), at + timedelta(hours=2))

    assert isinstance(said, BusyTimes) and said.by_start
    assert said.since > at - timedelta(days=41)  # what is over is not told
    first, *others = said.spans  # of the quarter that has begun
    assert first.ends_at - first.starts_at < timedelta(minutes=15)
    assert others == [Span(at, at + timedelta(minutes=45))]


@pytest.mark.parametrize("fault", ["failing", "rate_limited"])
async def test_a_calendar_that_does_not_answer_says_nothing_of_its_time(
    fault: Fault, at_caldav: tuple[CalDavServer, CalDav], at_calcom: tuple[CalComServer, CalCom]
) -> None:
    for server, adapter in (at_caldav, at_calcom):
        server.faults[fault] = 1
        assert isinstance(await adapter.busy_times(datetime.now(UTC), datetime.now(UTC) + timedelta(days=1)), Later)
