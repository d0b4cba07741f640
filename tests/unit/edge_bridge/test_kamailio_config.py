import ipaddress
from pathlib import Path

import pytest

from edge_bridge.entrances.sip.gate.front import KamailioFront, OpenFront
from edge_bridge.entrances.sip.gate.proxying import address_text
from edge_bridge.entrances.sip.kamailio import config as written
from edge_bridge.entrances.sip.kamailio import figures
from edge_bridge.entrances.sip.kamailio.tls import Certificates
from edge_bridge.settings import EdgeSettings
from process.settings import SettingsError
from tests.unit.edge_bridge.test_settings import settings

pytestmark = pytest.mark.unit

PORTS = written.Loopback(inner=15_001, asks=15_002, gate=15_003, tls=15_004)
FOLDER = Path("/run/node")
KAMAILIO = {"REGISTRAR": "kamailio", "SIP_BIND_ADDRESS": "192.0.2.1"}


def sockets(config: EdgeSettings, *, only_ours: bool = False) -> list[str]:
    return written.sockets(config, PORTS, Certificates(FOLDER, only_ours, ""))


# --- Settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "changed"),
    [
        ("SIP_TLS_CERT", {"SIP_TLS_CERT": "a.pem"}),
        ("SIP_TLS_PORT", {"SIP_TLS_PORT": "0"}),
        ("SIP_PORT", {"SIP_PORT": "0"}),
        ("SIP_BIND_ADDRESS", {"SIP_BIND_ADDRESS": "edge.test"}),
        ("SIP_PUBLIC_ADDRESS", {"SIP_PUBLIC_ADDRESS": "edge.test"}),
        ("SIP_IPV6_ADDRESS", {"SIP_IPV6_ADDRESS": "192.0.2.1"}),
        ("SIP_TCP", {"SIP_TCP": "maybe"}),
        ("REGISTRAR", {"REGISTRAR": "asterisk"}),
    ],
)
def test_what_kamailio_would_not_take_is_named(variable: str, changed: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=variable):
        settings(**{**KAMAILIO, **changed})


@pytest.mark.parametrize("variable", ["SIP_IPV6_ADDRESS", "SIP_TLS_CA"])
def test_what_only_kamailio_can_do_is_not_silently_left_out(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        settings(**{variable: "::1"})


# --- What Kamailio reads -----------------------------------------------------------------------------------------


def test_it_listens_by_each_transport_and_tells_the_public_address() -> None:
    config = settings(**KAMAILIO, SIP_PUBLIC_ADDRESS="198.51.100.7", SIP_IPV6_ADDRESS="2001:db8::5")
    assert sockets(config) == [
        "udp:192.0.2.1:5060 advertise 198.51.100.7:5060",
        "tcp:192.0.2.1:5060 advertise 198.51.100.7:5060",
        "tls:192.0.2.1:5061 advertise 198.51.100.7:5061",
        "udp:[2001:db8::5]:5060 advertise [2001:db8::5]:5060",
        "tcp:[2001:db8::5]:5060 advertise [2001:db8::5]:5060",
        "tls:[2001:db8::5]:5061 advertise [2001:db8::5]:5061",
        "udp:127.0.0.1:15001",
        "udp:127.0.0.1:15002",
    ]


def test_without_a_certificate_nobody_reaches_its_tls_and_without_tcp_its_tcp() -> None:
    found = sockets(settings(**KAMAILIO, SIP_TCP="off"), only_ours=True)
    assert [one for one in found if not one.startswith("udp")] == ["tls:127.0.0.1:15004 advertise 192.0.2.1:5061"]


def test_peers_are_a_condition_and_nobody_is_one_by_default() -> None:
    networks = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "2001:db8::/32")]
    assert written.peers_text(networks) == "src_ip == 192.0.2.0/24 || src_ip == [2001:db8::]/32"
    assert written.peers_text([]) == "src_port == 0"


def test_trunks_are_known_from_the_start_once_lines_are_read() -> None:
    assert "known" not in written.sources_text(None)
    text = written.sources_text(frozenset(("192.0.2.9", "evil) = 1; }")))
    assert "$sht(known=>trunks) = 1;" in text
    assert "$sht(known=>192.0.2.9) = 1;" in text
    assert "evil" not in text


def test_nothing_that_an_operator_wrote_gets_into_its_files_as_it_is() -> None:
    config = settings(**KAMAILIO, SIP_TLS_CERT='/a"\nexit', SIP_TLS_KEY="/b#", SIP_PEERS="192.0.2.7/24")
    certificates = Certificates(FOLDER, False, "")
    text = written.node_text(FOLDER, config, PORTS, written.Secrets("p", "d"), certificates) + certificates.profiles()
    assert "exit" not in text
    assert "/b" not in text
    assert "192.0.2.0/24" in text


# --- Who sent it -------------------------------------------------------------------------------------------------

FRONT = KamailioFront("192.0.2.1", 5060, PORTS.inner, PORTS.asks)
INNER = ("127.0.0.1", PORTS.inner)


def datagram(*headers: str, first: str = "INVITE sip:1@x SIP/2.0") -> bytes:
    return "\r\n".join([first, *headers, "", ""]).encode()


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("198.51.100.9:5080;transport=udp;as=known", (("198.51.100.9", 5080), None)),
        ("[2001:db8::9]:5060;transport=tls;as=dialog", (("2001:db8::9", 5060), "dialog")),
        ("198.51.100.9:1024;transport=tcp;as=asked", (("198.51.100.9", 1024), "asked")),
    ],
)
def test_kamailio_says_who_sent_it(header: str, sender: object) -> None:
    assert FRONT.sender(datagram(f"X-Edge-Source: {header}", "Via: x"), INNER) == sender


def test_the_first_header_counts_and_only_from_kamailio() -> None:
    real, claimed = (f"X-Edge-Source: 198.51.100.{host}:5060;transport=udp;as=known" for host in (1, 2))
    assert FRONT.sender(datagram(real, claimed), INNER) == (("198.51.100.1", 5060), None)
    assert FRONT.sender(datagram(real), ("127.0.0.1", 9)) is None
    assert FRONT.sender(datagram(real), ("198.51.100.1", PORTS.inner)) is None


def test_a_request_without_it_is_nobodys_and_a_response_is_kamailios_own() -> None:
    assert FRONT.sender(datagram("Via: x"), INNER) is None
    assert FRONT.sender(datagram("Via: x", first="SIP/2.0 408 Timeout"), INNER) == (INNER, "asked")


def test_what_may_wait_for_names_leaves_by_its_own_port() -> None:
    assert FRONT.way_out(datagram("To: <sip:a@b>", first="REGISTER sip:b SIP/2.0")) == ("127.0.0.1", PORTS.asks)
    assert FRONT.way_out(datagram("To: <sip:a@b>;tag=1", first="BYE sip:b SIP/2.0")) == INNER
    assert FRONT.way_back(("198.51.100.9", 5060)) == INNER


def test_without_kamailio_the_neighbour_is_the_sender_whatever_it_says() -> None:
    front = OpenFront("192.0.2.1", 5060)
    claimed = datagram("X-Edge-Source: 198.51.100.9:5080;transport=udp;as=dialog")
    assert front.sender(claimed, ("203.0.113.5", 7)) == (("203.0.113.5", 7), None)
    assert front.way_out(claimed) is None


def test_an_ipv6_address_is_told_in_brackets() -> None:
    assert address_text(("2001:db8::9", 5060)) == "[2001:db8::9]:5060"
    assert address_text(("192.0.2.1", 5060)) == "192.0.2.1:5060"


def test_its_counters_are_prometheus_text() -> None:
    text = figures.render({"core:rcv_requests": 3, "script:dropped_rate": 2, "htable:banned": 1}, starts=2)
    assert "sip_front_received_total 3\n" in text
    assert 'sip_front_dropped_total{reason="rate"} 2\n' in text
    assert "sip_front_banned_sources 1\n" in text
    assert "sip_front_starts_total 2\n" in text
