import base64
import socket

import pytest

from edge_bridge.__main__ import environment_of
from edge_bridge.lines.line_book import StaticLine
from edge_bridge.settings import EdgeSettings
from process.settings import SettingsError, load

pytestmark = pytest.mark.unit

ENVIRONMENT = {
    "PLATFORM_DATABASE_URL": "postgresql://localhost/alloresto",
    "REDIS_URL": "redis://localhost",
    "MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "K_SINK": "http://call-handler",
}


def settings(**changed: str) -> EdgeSettings:
    config = load(EdgeSettings, ENVIRONMENT | changed)
    config.check()
    return config


def test_peers_are_networks() -> None:
    networks = settings(SIP_PEERS="10.0.0.0/8, 192.0.2.7, 198.51.100.9/24").peers()
    assert [str(network) for network in networks] == ["10.0.0.0/8", "192.0.2.7/32", "198.51.100.0/24"]


def test_a_node_is_called_as_it_is_told_or_else_as_its_host() -> None:
    assert settings(BRIDGE_NODE_ID="edge-1", HOSTNAME="pod-1").node_id == "edge-1"
    assert settings(HOSTNAME="pod-1").node_id == "pod-1"
    assert settings().node_id == socket.gethostname()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIP_PEERS", "10.0.0.0/99"),
        ("MASTER_KEY", "too short"),
        ("K_CE_OVERRIDES", "{"),
        ("K_SINK", "call-handler"),
        ("MAX_CALLS", "401"),
        ("SIP_PORT", "70000"),
        ("HANDLER_NAMESPACE", "Allo Resto"),
        ("RTP_NAT_PEERS", "here"),
        ("RTP_PORT_MAX", "10010"),
        ("RTP_PORT_MAX", "9000"),
        ("AUDIOSOCKET_PEERS", "asterisk.test"),
        ("TWILIO_PUBLIC_URL", "wss://edge.test"),
        ("TWILIO_PUBLIC_URL", "https://edge.test/twilio?a=b"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings(**{name: value})


def test_the_rtp_ports_have_to_suffice_for_the_calls() -> None:
    with pytest.raises(SettingsError, match="MAX_CALLS=300 needs 604 ports"):
        settings(MAX_CALLS="300", RTP_PORT_MIN="10000", RTP_PORT_MAX="10500")
    settings(MAX_CALLS="300", RTP_PORT_MIN="10000", RTP_PORT_MAX="10603")


def test_rtp_has_a_thousand_ports_or_those_that_are_said() -> None:
    assert settings().rtp_ports == range(10_000, 11_000)
    assert settings(RTP_PORT_MIN="65000").rtp_ports == range(65_000, 65_536)
    assert settings(RTP_PORT_MIN="30100", RTP_PORT_MAX="30141").rtp_ports == range(30_100, 30_142)


def test_an_entrance_is_not_opened_without_what_guards_it() -> None:
    assert settings().audiosocket_port == settings().twilio_port == 0
    with pytest.raises(SettingsError, match="AUDIOSOCKET_PEERS"):
        settings(AUDIOSOCKET_PORT="9092")
    with pytest.raises(SettingsError, match="AUDIOSOCKET_TLS_KEY"):
        settings(AUDIOSOCKET_TLS_CERT="/edge.pem")
    with pytest.raises(SettingsError, match="TWILIO_PUBLIC_URL"):
        settings(TWILIO_PORT="8070")
    opened = settings(
        AUDIOSOCKET_PORT="9092", AUDIOSOCKET_PEERS="10.0.0.7", TWILIO_PORT="8070", TWILIO_PUBLIC_URL="https://a/b"
    )
    assert [str(network) for network in opened.audiosocket_networks()] == ["10.0.0.7/32"]


def test_handlers_dial_back_to_the_address_that_others_see() -> None:
    assert settings(SIP_BIND_ADDRESS="192.0.2.1").media_host == "192.0.2.1"
    assert settings(SIP_BIND_ADDRESS="192.0.2.1", SIP_PUBLIC_ADDRESS="198.51.100.1").media_host == "198.51.100.1"
    assert settings(MEDIA_PUBLIC_HOST="10.0.0.5").media_host == "10.0.0.5"


def test_the_old_bridges_options_become_settings() -> None:
    options = [
        "--sip-domain",
        "trunk",
        "--sip-username",
        "ann",
        "--sip-password",
        "s",
        "--redis-url",
        "redis://r",
        "--api-port",
        "9",
    ]
    given = environment_of(options)
    assert given["REDIS_URL"] == "redis://r"
    assert given["API_PORT"] == "9"
    assert given["STATIC_LINE"] == '{"domain":"trunk","username":"ann","password":"s"}'


@pytest.mark.parametrize("domain", ["127.1", "trunk:x"])
def test_a_static_lines_domain_is_one_that_a_line_may_have(domain: str) -> None:
    encoded = '{"domain":"trunk","username":"ann","password":"s"}'
    assert StaticLine.parse(encoded) is not None
    with pytest.raises(SettingsError) as refused:
        StaticLine.parse(encoded.replace("trunk", domain))
    assert "STATIC_LINE: sip_domain: expected a host" in str(refused.value)


def test_half_an_account_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIP_PASSWORD", raising=False)
    with pytest.raises(SystemExit) as leaving:
        environment_of(["--sip-domain", "trunk"])
    assert leaving.value.code == 2
    assert "belong together" in capsys.readouterr().err
