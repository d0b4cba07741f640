"""Which headers the gate passes on to pjsip, leaves out, and refuses."""

import time

import pytest

from edge_bridge.entrances.sip.gate.admission import unfit_request
from edge_bridge.entrances.sip.gate.grammar import unreadable
from edge_bridge.entrances.sip.gate.message import parse
from tests.unit.edge_bridge.test_gate_message import PLAIN, WSINV, changed

pytestmark = pytest.mark.unit

CONTACT = "Contact: <sip:a@192.0.2.1:5070>"
WHOLE = """\
Require: 100rel, timer
Supported: timer,replaces
Allow: INVITE, ACK,BYE
Accept: application/sdp;level=1, text/*
Record-Route: <sip:p1.example.com;lr>, "P" <sip:[2001:db8::1]:5080;lr;ftag=a-b;did=1.2>;x=y
Session-Expires: 1800;refresher=uac
Min-SE: 90
Expires: 300
Event: refer;id=93809823
Retry-After: 120;duration=3600
WWW-Authenticate: Digest realm="a, b", nonce="c=d", qop="auth,auth-int", algorithm=SHA-256
User-Agent: what "ever it says
"""


def test_headers_as_rfc_3261_has_them_are_all_passed_on() -> None:
    message = parse(changed(CONTACT, f"{CONTACT}\n{WHOLE.strip()}".replace("\n", "\r\n")))
    before = list(message.headers)
    assert unreadable(message) == ""
    assert message.headers == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sip:a@192.0.2.1>;tag=f", '"A, \\"B\\"" <sip:+33%201@h.example;user=phone?Subject=x>;tag=f;x="y z"'),
        ("<sip:a@192.0.2.1>;tag=f", "Ren\u00e9 de L\u2019Orme <tel:+33-1.2(3);phone-context=+33>;tag=f"),
        ("<sip:a@192.0.2.1>;tag=f", "sip:anonymous@anonymous.invalid;tag=f"),
        ("<sip:b@192.0.2.2>", "<urn:service:sos>"),
        ("<sip:a@192.0.2.1>;tag=f", '"A" <urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>;tag=f'),
        ("<sip:a@192.0.2.1>;tag=f", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6;tag=f"),
        ("<sip:b@192.0.2.2>", "<sip:a?b/c@192.0.2.2>"),
        ("sip:vivekg@chair-dnrc.example.com", "sip:a?b/c@chair-dnrc.example.com"),
        ("Content-Type: application/sdp", "Content-Type: application / sdp ; charset = utf-8"),
        ("<sip:b@192.0.2.2>", "<sip:+33465710042;npdi;rn=+33@trunk.example;user=phone>"),
        ("sip:vivekg@chair-dnrc.example.com", "tel:+33465710042;npdi"),
        ("sip:vivekg@chair-dnrc.example.com", "sip:vivekg:secret@[2001:db8::1]:5060;transport=udp;lr"),
        (CONTACT, 'Contact: "x"<sip:a@192.0.2.1:5070;ob;x=%20>;+sip.instance="<urn:uuid:1>";expires=60;q=0.3'),
        ("Content-Type: application/sdp", "Content-Type: Application/SDP ; charset=utf-8"),
        ("rport;branch", "rport;received=2001:db8::1;branch"),
        ("rport;branch", 'rport;oc-algo="loss;A";branch'),
        ("SIP/2.0/UDP 192.0.2.1", "SIP/2.0/TLS-SCTP p.example.com;branch=z9,SIP/2.0/UDP 192.0.2.1"),
        (CONTACT, "Contact: <sip:a@192.0.2.1:5070;user=;transport=udp?Route=%3Csip:h%3E&Subject=&X-A=b?c/d>;q=;x=1"),
        ("sip:vivekg@chair-dnrc.example.com", "sip:vivekg@chair-dnrc.example.com;user=;x=1?Subject=a&Priority=b"),
        ("<sip:a@192.0.2.1>;tag=f", "<sip:+33612345678@192.0.2.1:65535;user=phone;isup-oli=>;tag=f;epid="),
        (CONTACT, f"{CONTACT}\r\nRecord-Route: <sip:192.0.2.7;lr=;r2=on>;x="),
        ("rport;branch", "rport;received=[2001:db8::1];maddr=192.0.2.1;branch"),
    ],
)
def test_strange_values_that_are_valid_are_passed_on(old: str, new: str) -> None:
    message = parse(changed(old, new))
    before = list(message.headers)
    assert unreadable(message) == ""
    assert message.headers == before


def test_the_torture_invite_is_readable() -> None:
    message = parse(WSINV.encode())
    assert unreadable(message) == ""
    assert unfit_request(message) is None


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("<sip:b@192.0.2.2>", "<sip:b@192.0.2.{2}>", "to"),
        ("<sip:a@192.0.2.1>;tag", "<sip:a@192.0.2.1>;=x;tag", "from"),
        (CONTACT, "Contact: <sip:a@192.0.2.1:5070", "contact"),
        (CONTACT, "Contact: <urn:uuid:1>", "contact"),
        ("<sip:b@192.0.2.2>", "<urn:service:{sos}>", "to"),
        ("Content-Type: application/sdp", "Content-Type: application sdp", "content-type"),
        (CONTACT, f"{CONTACT}, <sip:>", "contact"),
        (CONTACT, f"{CONTACT};x=[::1]", "contact"),
        (CONTACT, "Contact: <sip:a@192.0.2.1:65536>", "contact"),
        (CONTACT, "Contact: <tel:+33465710042;ext=1?Subject=x>", "contact"),
        (CONTACT, f"{CONTACT}\r\nRecord-Route: sip:p1.example.com", "record-route"),
        (CONTACT, f"{CONTACT}\r\nSession-Expires: half an hour", "session-expires"),
        (CONTACT, f"{CONTACT}\r\nMin-SE:", "min-se"),
        (CONTACT, f"{CONTACT}\r\nRequire: 100rel,", "require"),
        ("Content-Type: application/sdp", "Content-Type: sdp", "content-type"),
        ("z9hG4bK1", "z9hG4bK{1}", "via"),
        ("sip:vivekg@chair-dnrc.example.com", "sip:vivekg@chair{dnrc}", "request-uri"),
    ],
)
def test_what_no_call_can_do_without_is_named_where_it_is_malformed(old: str, new: str, name: str) -> None:
    assert unreadable(parse(changed(old, new))) == name


@pytest.mark.parametrize(
    "header",
    [
        "Expires: never",
        "Allow: INVITE,",
        "Supported: timer, {x}",
        "Event: ;id",
        "WWW-Authenticate: Digest",
        "Accept: *",
    ],
)
def test_what_a_call_can_do_without_is_left_out_where_it_is_malformed(header: str) -> None:
    message = parse(changed(CONTACT, f"{CONTACT}\r\n{header}\r\nUser-Agent: x"))
    assert unreadable(message) == ""
    assert not message.first(header.partition(":")[0].lower())
    assert message.first("user-agent") == "x"


@pytest.mark.parametrize("value", ["a;" * 2000, " " * 4000 + ";", "a" * 4000, "a, " * 1300 + "{", '"' + "\\" * 3000])
@pytest.mark.parametrize("name", ["Contact", "Record-Route", "Accept", "Allow", "WWW-Authenticate"])
def test_no_value_takes_long_to_read(name: str, value: str) -> None:
    message = parse(PLAIN.encode())
    message.headers.append((name.lower(), f"<sip:a@b>{value}{{"))
    began = time.process_time()
    unreadable(message)
    assert time.process_time() - began < 0.1
