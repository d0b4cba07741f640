"""Where a trunk is: names and SRV records, with the DNS itself in the test's hands."""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.entrances.sip.registering import dns, trunks
from edge_bridge.entrances.sip.registering.dns import DnsError, Srv, SrvAnswer, SrvQuestions
from edge_bridge.entrances.sip.registering.trunks import (
    ALL_SERVICES,
    MOST_ADDRESSES,
    MOST_HOSTS,
    TrunkNames,
    in_order,
)
from tests.fakes.dns_server import DnsServer

pytestmark = pytest.mark.unit

Ask = Callable[[str], Awaitable[SrvAnswer]]


def answering(*records: Srv, ttl_s: int = 60) -> Ask:
    async def ask(_: str) -> SrvAnswer:
        return SrvAnswer(records, ttl_s)

    return ask


async def failing(_: str) -> SrvAnswer:
    raise DnsError("away")


async def test_an_address_and_a_port_are_taken_as_they_are() -> None:
    names = TrunkNames(failing)
    assert await names.targets("192.0.2.1") == (("192.0.2.1", 5060),)
    assert await names.targets("192.0.2.1:5070") == (("192.0.2.1", 5070),)
    assert await names.targets("localhost:5071") == (("127.0.0.1", 5071),)


async def test_an_address_of_ipv6_may_call_and_is_no_target_of_udp() -> None:
    names = TrunkNames(failing)
    assert await names.targets("[2001:db8::1]:5060") == ()
    assert await names.hosts("[2001:db8::1]:5060") == {"2001:db8::1"}


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433:5060", "[::ffff:127.0.0.1]"])
async def test_an_odd_spelling_of_an_address_leads_nowhere(host: str) -> None:
    """The system's resolver takes each for this machine."""
    names = TrunkNames(failing)
    assert await names.targets(host) == ()
    assert await names.hosts(host) == frozenset()


async def test_a_domain_without_srv_records_is_at_port_5060() -> None:
    for ask in (failing, answering()):
        assert await TrunkNames(ask).targets("localhost") == (("127.0.0.1", 5060),)


async def test_all_targets_of_srv_records_are_told_in_their_order() -> None:
    names = TrunkNames(answering(Srv(20, 0, 5062, "192.0.2.2"), Srv(10, 0, 5061, "192.0.2.1"), Srv(5, 0, 0, ".")))
    assert await names.targets("trunk.test") == (("192.0.2.1", 5061), ("192.0.2.2", 5062))
    assert await names.hosts("trunk.test") == {"192.0.2.1", "192.0.2.2"}


async def test_where_trunks_are_asked_by_tcp_and_tls_they_may_call_from_there() -> None:
    records = {
        "_sip._udp.trunk.test": (Srv(1, 0, 5060, "192.0.2.1"),),
        "_sip._tcp.trunk.test": (Srv(1, 0, 5060, "192.0.2.2"),),
        "_sips._tcp.trunk.test": (Srv(1, 0, 5061, "192.0.2.3"),),
    }

    async def ask(name: str) -> SrvAnswer:
        return SrvAnswer(records[name], 60)

    names = TrunkNames(ask, ALL_SERVICES)
    assert await names.hosts("trunk.test") == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    assert await names.targets("trunk.test") == (("192.0.2.1", 5060),)
    assert await TrunkNames(ask).hosts("trunk.test") == {"192.0.2.1"}


async def test_a_name_with_very_many_addresses_is_taken_within_bounds_and_the_same_way_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [(0, 0, 0, "", (f"192.0.{high}.{low}", 0)) for high in range(4) for low in range(256)]
    loop = asyncio.get_running_loop()

    async def resolve(*_: object, **__: object) -> list[object]:
        random.shuffle(many)
        return list(many)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    records = tuple(Srv(1, 0, 5060, f"{number}.trunk.test") for number in range(8))
    first, second = TrunkNames(failing), TrunkNames(failing)
    assert len(await first.hosts("trunk.test")) == MOST_ADDRESSES
    assert await first.hosts("trunk.test") == await second.hosts("trunk.test")
    assert len(await first.targets("trunk.test")) == MOST_ADDRESSES
    assert len(await TrunkNames(answering(*records)).hosts("trunk.test")) <= MOST_HOSTS


async def test_a_transport_without_srv_records_is_at_the_name_itself() -> None:
    async def ask(name: str) -> SrvAnswer:
        return SrvAnswer((Srv(1, 0, 5060, "192.0.2.1"),) if name.startswith("_sip._udp.") else (), 60)

    assert await TrunkNames(ask, ALL_SERVICES).hosts("localhost") >= {"192.0.2.1", "127.0.0.1"}


async def test_a_target_that_failed_is_tried_last_for_a_while() -> None:
    names = TrunkNames(answering(Srv(10, 0, 5061, "192.0.2.1"), Srv(20, 0, 5062, "192.0.2.2")))
    first, second = await names.targets("trunk.test")
    names.failed("trunk.test", first, 60.0)
    assert await names.targets("trunk.test") == (second, first)
    names.failed("trunk.test", first, -1.0)
    assert await names.targets("trunk.test") == (first, second)


async def test_what_is_known_holds_for_its_ttl_and_while_dns_is_away() -> None:
    asked = 0

    async def ask(_: str) -> SrvAnswer:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise DnsError("away")
        return SrvAnswer((Srv(10, 0, 5061, "192.0.2.1"),), 1)

    names = TrunkNames(ask)
    for _ in range(3):
        assert await names.targets("trunk.invalid") == (("192.0.2.1", 5061),)
    assert asked == 1
    names._known["trunk.invalid"].until = 0.0  # its time is over
    assert await names.targets("trunk.invalid") == (("192.0.2.1", 5061),)
    assert asked == 2


async def test_while_one_question_is_not_answered_its_last_answer_counts() -> None:
    """The name's own address may be that of a web site, and one target's nameserver may be away by itself."""
    is_away = False

    async def ask(_: str) -> SrvAnswer:
        if is_away:
            raise DnsError("away")
        return SrvAnswer((Srv(10, 0, 5061, "192.0.2.1"), Srv(20, 0, 5062, "192.0.2.2")), 60)

    names = TrunkNames(ask)
    known = await names.hosts("localhost")
    assert known == {"192.0.2.1", "192.0.2.2"}
    is_away = True
    names._known["localhost"].until = 0.0  # its time is over
    assert await names.hosts("localhost") == known
    assert await names.targets("localhost") == (("192.0.2.1", 5061), ("192.0.2.2", 5062))


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "away"), {"192.0.2.1", "192.0.2.2"}),
        (TimeoutError(), {"192.0.2.1", "192.0.2.2"}),
        (socket.gaierror(socket.EAI_NONAME, "gone"), {"192.0.2.1"}),
    ],
)
async def test_a_target_whose_name_is_not_answered_keeps_its_address_and_one_that_is_gone_does_not(
    error: OSError, left: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {"a.test": "192.0.2.1", "b.test": "192.0.2.2"}

    async def resolve(host: str, *_: object, **__: object) -> list[object]:
        if host not in addresses:
            raise error
        return [(0, 0, 0, "", (addresses[host], 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    names = TrunkNames(answering(Srv(1, 0, 5060, "a.test"), Srv(2, 0, 5060, "b.test")))
    assert await names.hosts("trunk.test") == {"192.0.2.1", "192.0.2.2"}
    del addresses["b.test"]
    names._known["trunk.test"].until = 0.0  # its time is over
    assert await names.hosts("trunk.test") == left


async def test_who_asks_for_a_trunk_that_is_known_does_not_wait_for_a_slow_nameserver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, never = answering(Srv(10, 0, 5061, "192.0.2.1")), asyncio.Event()

    async def ask(name: str) -> SrvAnswer:
        if asked:
            await never.wait()
        asked.append(name)
        return await answers(name)

    asked: list[str] = []
    monkeypatch.setattr(trunks, "LONGEST_S", 0.0)
    monkeypatch.setattr(trunks, "KNOWN_WAITS_S", 0.05)
    names = TrunkNames(ask)
    first = await names.targets("trunk.test")
    async with asyncio.timeout(5):
        assert await names.targets("trunk.test") == first == (("192.0.2.1", 5061),)
    await names.close()


def test_equals_are_drawn_by_their_weight() -> None:
    random.seed(7)
    records = (Srv(1, 90, 5060, "often"), Srv(1, 10, 5060, "seldom"), Srv(0, 0, 5060, "first"))
    drawn = [[one.target for one in in_order(records)] for _ in range(500)]
    assert all(order[0] == "first" and sorted(order) == ["first", "often", "seldom"] for order in drawn)
    assert 400 < sum(order[1] == "often" for order in drawn) < 490


# --- The questions themselves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("truncates", [False, True])
async def test_srv_records_come_over_udp_and_over_tcp_where_they_are_truncated(truncates: bool) -> None:
    records = (Srv(10, 60, 5060, "a.trunk.test"), Srv(20, 0, 5070, "b.trunk.test"))
    async with DnsServer({"_sip._udp.trunk.test": records}, ttl_s=77) as server:
        server.truncates = truncates
        assert await SrvQuestions((server.address,)).ask("_sip._udp.trunk.test") == SrvAnswer(records, 77)
        assert (await SrvQuestions((server.address,)).ask("_sip._udp.other.test")).records == ()


async def test_the_next_nameserver_is_asked_when_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "WITHIN_S", 0.05)
    records = {"trunk.test": (Srv(10, 0, 5060, "a.test"),)}
    async with DnsServer(records) as silent, DnsServer(records) as second:
        silent.silent = True
        answer = await SrvQuestions((silent.address, second.address)).ask("trunk.test")
        assert answer.records == records["trunk.test"]
        with pytest.raises(DnsError):
            await SrvQuestions((silent.address,)).ask("trunk.test")


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".test", "é.test"])
async def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(DnsError):
        await SrvQuestions((("127.0.0.1", 9),)).ask(name)


@given(st.binary(max_size=300), st.integers(0, 8))
def test_no_answer_makes_more_than_a_refusal_to_read_it(rest: bytes, answers: int) -> None:
    question = dns._question(7, "trunk.test")
    data = question[:2] + struct.pack("!5H", 0x8180, 1, answers, 0, 0) + question[12:] + rest
    try:
        answer = dns._read(data, question)
    except (ValueError, IndexError, struct.error, UnicodeError):
        return
    assert len(answer.records) <= answers


def test_a_name_that_points_at_itself_is_refused() -> None:
    question = dns._question(7, "trunk.test")
    at = len(question)
    data = question[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question[12:] + struct.pack("!H", 0xC000 | at)
    with pytest.raises(ValueError, match="forwards"):
        dns._read(data, question)
