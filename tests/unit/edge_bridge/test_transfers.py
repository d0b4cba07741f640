"""Whom a caller may be put through to, and what becomes of a REFER."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import replace

import pytest

from domain.restaurant import Restaurant
from domain.trunks import TrunkOptions
from edge_bridge.calls.legs import Leg, Legs, LegSound, dial_of
from edge_bridge.calls.transfers import Refer, is_allowed
from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.gate.proxying import HOP
from edge_bridge.entrances.sip.registering.dns import Srv, SrvAnswer
from edge_bridge.entrances.sip.registering.trunks import TrunkNames
from edge_bridge.entrances.sip.registering.ways import Straight
from edge_bridge.entrances.sip.signals import Dial, Handle, Terms
from edge_bridge.lines.directory import LineEntry
from edge_bridge.lines.greetings import GreetingClip
from edge_bridge.media.audio import FRAME_BYTES, CallAudio
from edge_bridge.media.rtp.call import RtpNode
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.ports import PortRange
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

RESTAURANT = Restaurant("r1", "Chez Test", "fr", "EUR", "Europe/Paris", country="FR", fallback_number="06 12 34 00 00")
LINE = LineEntry("line-1", RESTAURANT, "+33465710042", GreetingClip((), ""))
FRAME = b"\x20" * FRAME_BYTES


@pytest.mark.parametrize("spelling", ["0612340000", "+33 6 12 34 00 00", "0033612340000", "tel:+33612340000"])
def test_the_number_that_the_restaurant_names_is_allowed_however_it_is_written(spelling: str) -> None:
    assert is_allowed(spelling, LINE)


@pytest.mark.parametrize("target", ["+33899123456", "0612340001", "sip:0612340000@evil.test", "", "+33465710042"])
def test_any_other_is_not(target: str) -> None:
    assert not is_allowed(target, LINE)


def test_without_a_number_and_to_the_line_itself_nobody_is_put_through() -> None:
    unnamed = replace(LINE, restaurant=replace(RESTAURANT, fallback_number=""))
    circular = replace(LINE, restaurant=replace(RESTAURANT, fallback_number="04 65 71 00 42"))
    assert not is_allowed("", unnamed)
    assert not is_allowed("+33465710042", circular)


def test_a_sip_uri_that_the_restaurant_names_is_allowed() -> None:
    named = replace(LINE, restaurant=replace(RESTAURANT, fallback_number="sip:desk@pbx.test"))
    assert is_allowed("SIP:desk@pbx.test", named)
    assert not is_allowed("sip:other@pbx.test", named)


async def test_a_caller_who_leaves_after_the_202_was_taken_and_before_it_was_not() -> None:
    early, late = Refer(), Refer()
    early.caller_left()
    late.answered(100, False)
    late.caller_left()
    assert (early.taken.is_set(), late.taken.is_set()) == (False, True)


async def test_only_what_follows_the_202_is_a_notify() -> None:
    refer = Refer()
    refer.answered(100, False)
    assert not refer.notified.is_set()
    refer.answered(100, False)
    assert refer.notified.is_set()
    refer.answered(486, True)
    assert (refer.over.is_set(), refer.taken.is_set()) == (True, False)


async def test_a_notify_may_overtake_the_202() -> None:
    refer = Refer()
    refer.answered(180, False)
    assert refer.notified.is_set()
    refer.answered(100, False)
    assert not refer.over.is_set()


@pytest.mark.parametrize(("status", "taken"), [(200, True), (486, False)])
async def test_a_final_status_is_the_end_though_the_subscription_goes_on(status: int, taken: bool) -> None:
    refer = Refer()
    refer.answered(100, False)
    refer.answered(status, False)
    assert (refer.over.is_set(), refer.taken.is_set()) == (True, taken)


def test_a_registered_line_dials_as_its_account_and_shows_its_number() -> None:
    registered = replace(LINE, sip_domain="trunk.test:5070", sip_username="user-1", sip_password="secret")
    dial = dial_of(registered, "sip:0612340000@trunk.test:5070", "192.0.2.1")
    assert (dial.caller, dial.username, dial.password) == ("sip:user-1@trunk.test", "user-1", "secret")
    assert ("P-Asserted-Identity", "<sip:+33465710042@trunk.test>") in dial.headers
    assert "secret" not in repr(dial)
    assert dial_of(LINE, "sip:0612340000@192.0.2.9", "192.0.2.1").caller == "sip:+33465710042@192.0.2.1"


def test_a_lines_outbound_proxy_and_digest_user_are_those_of_its_second_legs() -> None:
    trunk = TrunkOptions(auth_username="digest-user", outbound_proxy="proxy.test:5080")
    registered = replace(LINE, sip_domain="trunk.test", sip_username="user-1", sip_password="secret", trunk=trunk)
    dial = dial_of(registered, "sip:0612340000@trunk.test", "192.0.2.1")
    assert (dial.caller, dial.username) == ("sip:user-1@trunk.test", "digest-user")
    assert dial.routes == ("sip:proxy.test:5080;lr",)
    by_tls = replace(registered, trunk=replace(trunk, transport="tls"))
    dial = dial_of(by_tls, "sip:0612340000@trunk.test;transport=tls", "192.0.2.1", "sip:192.0.2.7:5070;lr")
    assert dial.routes == ("sip:192.0.2.7:5070;lr", "sip:proxy.test:5080;transport=tls;lr")


async def test_a_leg_to_a_domain_begins_at_its_preferred_server() -> None:
    async def ask(name: str) -> SrvAnswer:
        known = {"_sip._udp.trunk.test": (Srv(20, 0, 5060, "127.0.0.2"), Srv(10, 0, 5070, "127.0.0.3"))}
        return SrvAnswer(known.get(name, ()), 60)

    names = TrunkNames(ask)
    way = Straight(names)
    starts = await way.starts("trunk.test")
    assert starts[0] == (f"sip:127.0.0.3:5070;lr;{HOP}", ("127.0.0.3", 5070))
    assert [target for _, target in starts[1:]] == [("127.0.0.2", 5060)]
    assert await way.starts("192.0.2.1:5070") == (("", None),)
    assert await way.starts("nowhere.invalid") == ()
    await names.close()


class Signallers:
    """The first call of all ends with 503: the far end says so, or its INVITE is not even sent."""

    def __init__(self, *, sends_the_first: bool) -> None:
        self.legs: Legs | None = None
        self.routes: list[str] = []
        self.not_again: list[Collection[int]] = []
        self._sends_the_first = sends_the_first

    async def dial(self, dial: Dial, terms: Terms, last: Collection[int]) -> Handle | None:
        number = len(self.routes)
        handle = link.first_dialled(number)
        self.routes.append(dial.routes[0] if dial.routes else "")
        self.not_again.append(tuple(last))
        assert self.legs is not None
        loop = asyncio.get_running_loop()
        if number or self._sends_the_first:
            loop.call_soon(self.legs.dialled, handle)
        if not number:
            loop.call_soon(self.legs.ended, handle, 503)
        return handle

    def hang_up(self, handle: Handle) -> None: ...


@contextlib.asynccontextmanager
async def second_leg(dialler: Signallers, names: TrunkNames, at: str) -> AsyncIterator[Leg]:
    """One that ``dialler`` has begun; ended by the far end."""
    ports = PortRange("127.0.0.71", 20_600, 20_640)
    legs = dialler.legs = Legs(RtpNode(asyncio.get_running_loop(), ports, Pacer()), "192.0.2.1", Straight(names))
    legs.attach(dialler)
    async with asyncio.timeout(PATIENCE_S):
        while (leg := await legs.dial(LINE, f"sip:0612340000@{at}")) is None:
            await asyncio.sleep(0.02)  # its ports are listened to first
    yield leg
    legs.ended(link.first_dialled(1), 200)
    ports.close()
    await names.close()


async def test_an_address_that_is_out_of_service_is_left_for_the_next_one_and_tried_last_from_then_on() -> None:
    async def ask(name: str) -> SrvAnswer:
        return SrvAnswer((Srv(10, 0, 5070, "127.0.0.3"), Srv(20, 0, 5060, "127.0.0.2")), 60)

    names = TrunkNames(ask)
    dialler = Signallers(sends_the_first=True)
    async with second_leg(dialler, names, "trunk.test") as leg:
        assert leg.handle == link.first_dialled(1)
        assert dialler.routes == [f"sip:127.0.0.3:5070;lr;{HOP}", f"sip:127.0.0.2:5060;lr;{HOP}"]
        assert (await names.targets("trunk.test"))[-1] == ("127.0.0.3", 5070)


async def test_a_leg_that_one_signaller_cannot_send_is_sent_by_another() -> None:
    async def ask(name: str) -> SrvAnswer:
        return SrvAnswer((), 60)

    names = TrunkNames(ask)
    dialler = Signallers(sends_the_first=False)
    async with second_leg(dialler, names, "192.0.2.7") as leg:
        assert (leg.handle, leg.over.is_set()) == (link.first_dialled(1), False)
        assert dialler.not_again == [(), (0,)]


async def test_what_a_leg_hears_late_is_a_fifth_of_a_second_at_most() -> None:
    caller, sound = CallAudio(), LegSound()
    sound.heard(FRAME)
    sound.connect(caller)
    for _ in range(50):
        sound.heard(FRAME)
        caller.heard(FRAME)
    assert caller.ms_to_play == 200
    frames = [sound.next_frame() for _ in range(50)]
    assert sum(frame is not None for frame in frames) == 10
    sound.disconnect()
    caller.heard(FRAME)
    assert sound.next_frame() is None
    assert caller.ms_waiting
