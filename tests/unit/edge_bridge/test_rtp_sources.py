"""Who may send to a call."""

import ipaddress

import pytest

from edge_bridge.media.rtp.sources import SourceRule, is_behind_nat

pytestmark = pytest.mark.unit

PEERS = (ipaddress.ip_network("198.51.100.0/24"),)
PHONE = ("203.0.113.7", 4000)


def test_only_the_negotiated_address_and_port_is_heard() -> None:
    rule = SourceRule(PHONE, peers=PEERS)
    strangers = [("203.0.113.7", 4002), ("203.0.113.8", 4000), ("198.51.100.1", 4000)]
    assert [rule.admits(one) for one in strangers] == [False] * 3
    assert rule.admits(PHONE)
    assert rule.remote == PHONE


@pytest.mark.parametrize("source", [("192.0.2.9", 61_000), ("198.51.100.44", 5), ("10.0.0.5", 4000)])
def test_behind_nat_the_first_that_may_be_the_phone_is_latched_once(source: tuple[str, int]) -> None:
    rule = SourceRule(("10.0.0.5", 4000), latch_host="192.0.2.9", peers=PEERS)
    assert not rule.admits(("203.0.113.66", 4000))
    assert rule.admits(source)
    assert rule.remote == source
    assert not rule.admits(("192.0.2.9", 61_001))
    assert not rule.admits(("198.51.100.45", 5))
    assert rule.admits(source)


@pytest.mark.parametrize(
    ("media", "sip", "expected"),
    [
        ("203.0.113.7", "192.0.2.9", False),  # a trunk's media gateway
        ("192.168.1.7", "198.51.100.9", True),
        ("100.64.3.4", "198.51.100.9", True),
        ("192.168.1.7", "192.168.1.7", False),
        ("203.0.113.7", "127.0.0.1", True),  # a softphone on the same machine
        ("fd00::7", "2001:db8::1", True),
        ("203.0.113.7", "192.0.2.200", True),  # of a network that is said to be behind NAT
    ],
)
def test_nat_is_seen_by_a_private_address_or_said(media: str, sip: str, expected: bool) -> None:
    assert is_behind_nat(media, sip, (ipaddress.ip_network("192.0.2.128/25"),)) is expected
