import ipaddress
from dataclasses import replace

import pytest

from domain.restaurant import Restaurant
from domain.trunks import TrunkOptions
from edge_bridge.entrances.sip.signals import Invite, Refusal
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.lines.greetings import GreetingClip

pytestmark = pytest.mark.unit

RESTAURANT = Restaurant("r1", "Chez Test", "fr", "EUR", "Europe/Paris")
LINE = LineEntry("line-1", RESTAURANT, "+33123456789", GreetingClip((), ""), "trunk.test", "user", "secret")
OTHER = replace(LINE, id="line-2", number="+33200000000", sip_domain="other.test")
PEER = ipaddress.ip_network("10.0.0.0/8")


@pytest.fixture
def directory() -> Directory:
    trunks = {"trunk.test": frozenset({"192.0.2.1"}), "other.test": frozenset({"192.0.2.2"})}
    return Directory.of([LINE, OTHER], (PEER,), trunks)


def invite(user: str, source: str) -> Invite:
    return Invite(user, "+336", source)


def test_a_trunk_calls_its_line_by_the_lines_id(directory: Directory) -> None:
    assert directory.find(invite("line-1", "192.0.2.1")) == LINE


def test_a_trunk_calls_its_line_by_the_number_too(directory: Directory) -> None:
    assert directory.find(invite("0033123456789", "192.0.2.1")) == LINE


@pytest.mark.parametrize("user", ["line-1", "+33123456789", "0033 1 23 45 67 89", "+33-1-23-45-67-89"])
def test_a_peer_calls_by_id_or_by_number_however_written(directory: Directory, user: str) -> None:
    assert directory.find(invite(user, "10.1.2.3")) == LINE


def test_a_stranger_learns_nothing(directory: Directory) -> None:
    assert directory.find(invite("line-1", "198.51.100.7")) == Refusal(403)
    assert directory.find(invite("no-such-line", "198.51.100.7")) == Refusal(403)


def test_a_trunk_may_not_call_another_trunks_line(directory: Directory) -> None:
    assert directory.find(invite("line-2", "192.0.2.1")) == Refusal(403)


def test_calls_may_come_from_a_trunks_proxy_and_not_from_another_lines_proxy(directory: Directory) -> None:
    behind = replace(LINE, id="line-3", number="+33300000000", trunk=TrunkOptions(outbound_proxy="proxy.test"))
    trunks = {**directory.book.trunks, behind.trunk_name: frozenset({"192.0.2.1", "192.0.2.9"})}
    known = Directory.of([LINE, OTHER, behind], (PEER,), trunks)
    assert known.find(invite("line-3", "192.0.2.9")) == behind
    assert known.find(invite("line-1", "192.0.2.9")) == Refusal(403)


def test_an_unknown_line_is_not_found(directory: Directory) -> None:
    assert directory.find(invite("", "10.1.2.3")) == Refusal(404)
    assert directory.find(invite("+33999999999", "192.0.2.1")) == Refusal(404)


def test_a_source_that_is_no_address_is_a_stranger(directory: Directory) -> None:
    assert directory.find(invite("line-1", "")) == Refusal(403)


def test_a_line_of_another_entrance_does_not_ring_over_sip(directory: Directory) -> None:
    twilio = replace(LINE, provider="twilio")
    assert not twilio.registers
    known = Directory.of([twilio, OTHER], directory.book.peers, directory.book.trunks)
    assert known.find(invite("line-1", "10.1.2.3")) == Refusal(404)
    assert known.find(invite("+33123456789", "192.0.2.1")) == Refusal(404)


def test_audiosockets_lines_are_found_by_their_uuid_alone(directory: Directory) -> None:
    line = replace(LINE, provider="audiosocket", audiosocket_uuid="40325ec2-5efd-4bd3-805f-53576e581d13")
    known = Directory.of([line, OTHER], directory.book.peers, directory.book.trunks)
    assert known.by_audiosocket == {"40325ec2-5efd-4bd3-805f-53576e581d13": line}


def test_a_line_that_is_switched_off_rings_and_takes_no_call_from_one_that_is_not(directory: Directory) -> None:
    off = replace(LINE, id="line-3", number="+33300000000", sip_username="other", is_active=False)
    renumbered = replace(LINE, id="line-4", number="+33400000000", is_active=False)
    known = Directory.of([renumbered, off, LINE], directory.book.peers, directory.book.trunks)
    assert not off.registers
    assert known.find(invite("+33300000000", "10.1.2.3")) == off
    assert known.find(invite("user", "10.1.2.3")) == LINE
    assert known.find(invite("+33400000000", "10.1.2.3")) == Refusal(404)
