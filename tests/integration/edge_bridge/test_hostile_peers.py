"""What a peer, or who writes its address on a datagram, can not have the edge do."""

import random

import pytest

from devstack.edge.raw_sip import RawSip, offer
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Scene, Start

pytestmark = pytest.mark.integration

NOTHING_WITHIN_S = 0.5
MUTATED = (
    'Contact: "x" <sip:a@192.0.2.1:5070;transport=udp>;q=0.5',
    "Record-Route: <sip:p1@192.0.2.9;lr>, <sip:192.0.2.10:5080;lr>",
    "Session-Expires: 1800;refresher=uac",
    "Min-SE: 90",
    "Require: timer",
    "Supported: timer, 100rel",
    "Allow: INVITE, ACK, BYE",
    "Expires: 300",
    "Event: refer;id=1",
    "Retry-After: 120;duration=60",
    'WWW-Authenticate: Digest realm="a", nonce="b"',
    "Accept: application/sdp, text/plain",
)
EDITS = (
    "",
    " ",
    ";",
    ",",
    ":",
    "<",
    ">",
    '"',
    "@",
    "=",
    "%",
    "\\",
    "[",
    "{",
    "(",
    "?",
    "\t",
    "4294967296",
    "a=b",
    "*",
    "~",
)


def test_media_lines_behind_a_lone_carriage_return_are_refused(scene: Scene) -> None:
    bridge = scene.bridge
    signallers = bridge.signallers()
    hidden = offer("127.0.0.1", 40_000) + ("a=x" + "\rm=audio 40000 RTP/AVP 0" * 15 + "\r\n") * 4
    with RawSip(bridge.target) as phone:
        statuses = [phone.call(BUSY, body=hidden) for _ in range(4)]
    assert set(signallers) <= set(bridge.signallers())
    assert statuses == [488] * 4


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "REFER", "MESSAGE"])
def test_nothing_is_relayed_to_where_a_request_says(scene: Scene, method: str) -> None:
    """By its Request-URI, its Route, or what follows a line's user in either."""
    with RawSip(scene.bridge.target) as phone, RawSip(scene.bridge.target, "127.0.0.9") as elsewhere:
        there = f"127.0.0.9:{elsewhere.port}"
        for uri in (f"sip:+33899000000@{there}", f"sip:{BUSY}@{there};lr", f"sip:x@{there}?Route=%3Csip:{there}%3E"):
            phone.new_call()
            headers = (f"Route: <sip:{there};lr>", f"Refer-To: <sip:+33899000000@{there}>")
            phone.send(phone.request(method, uri, *headers, body=offer("127.0.0.1", 40_000)))
            answer = phone.final(method)
            if answer is not None and answer.status == 200 and method == "INVITE":  # its line is called, not the host
                phone.to_tag, phone.sequence = answer.to_tag, answer.sequence
                phone.remote_uri = answer.first("contact").strip("<>")
                phone.send(phone.request("ACK", phone.remote_uri, sequence=answer.sequence))
                assert phone.ask("BYE", phone.remote_uri) == 200
        assert elsewhere.receive(NOTHING_WITHIN_S) is None


def test_a_source_that_a_request_claims_for_itself_does_not_count(start: Start, seeded: Database) -> None:
    bridge = start(SIP_PEERS="127.0.0.1/32")
    with RawSip(bridge.target, "127.0.0.8") as stranger:
        assert stranger.call(BUSY, "X-Edge-Source: 127.0.0.1:5060", "x-edge-source : 127.0.0.1:5060") == 403


def test_a_message_that_pjsip_can_not_read_is_answered_at_once(start: Start, seeded: Database) -> None:
    """pjsip throws away, without an answer, what has one malformed header."""
    bridge = start(SIP_IN_DIALOG_PER_S="10000")
    chance = random.Random(7)
    unanswered = []
    with RawSip(bridge.target) as phone:
        for malformed in ("Session-Expires: soon", "Min-SE: ;", "Require: timer,,", "Record-Route: <sip:a"):
            assert phone.call(BUSY, malformed) == 400
        assert phone.call(BUSY, "Expires: {", "Allow: INVITE,", "Event: ;", "Supported: ,") == 200
        for _ in range(250):
            header = chance.choice(MUTATED)
            mutated = mutate(header, chance)
            if phone.ask("UPDATE", phone.remote_uri, mutated, within_s=3) == 0:
                unanswered.append(mutated)
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert unanswered == []


def mutate(header: str, chance: random.Random) -> str:
    """One to three edits of the header's value."""
    name, _, value = header.partition(": ")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(value) + 1)
        value = value[:at] + chance.choice(EDITS) + value[at + chance.randint(0, 2) :]
    return f"{name}: {value}"


@pytest.mark.parametrize("line", ["a=rtcp:4001 IN IP4 {}", "a=candidate:1 1 UDP 1 {} 4000 typ host", "c=IN IP4 {}"])
def test_an_address_that_is_too_long_for_pjsip_does_not_reach_it(scene: Scene, line: str) -> None:
    """It asserts that an address to look up has fewer than 254 characters."""
    bridge = scene.bridge
    signallers = bridge.signallers()
    body = offer("127.0.0.1", 40_000) + "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    with RawSip(bridge.target) as phone:
        status = phone.call(BUSY, body=f"{body}{line.format('a' * 254)}\r\n")
    assert set(signallers) <= set(bridge.signallers())
    assert status == 488


@pytest.mark.parametrize("media", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "udp/tls/rtp/savp"])
def test_an_offer_of_dtls_does_not_reach_pjsip(scene: Scene, media: str) -> None:
    """It crashes on one, for it has nothing to poll DTLS with: first or second line, first or later offer."""
    signallers = scene.bridge.signallers()
    plain = offer("127.0.0.1", 40_000)
    with RawSip(scene.bridge.target) as phone:
        assert phone.call(BUSY, body=plain.replace("RTP/AVP", media)) == 488
        assert phone.call(BUSY) == 200
        assert phone.ask("INVITE", phone.remote_uri, body=plain.replace("RTP/AVP", media)) == 488
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert set(signallers) <= set(scene.bridge.signallers())


@pytest.mark.parametrize("media", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "udp/tls/rtp/savp"])
@pytest.mark.parametrize("order", [("plain", "dtls"), ("dtls", "plain")])
def test_audio_in_plain_is_taken_beside_dtls_which_is_refused(scene: Scene, media: str, order: tuple[str, str]) -> None:
    signallers = scene.bridge.signallers()
    plain = offer("127.0.0.1", 40_000)
    session, _, line = plain.partition("m=")
    lines = {"plain": f"m={line}", "dtls": f"m=audio 40002 {media} 0 8\r\na=fingerprint:sha-256 00:11\r\n"}
    both = session + "".join(lines[one] for one in order)
    with RawSip(scene.bridge.target) as phone:
        phone.new_call()
        invite = phone.request("INVITE", BUSY, body=both)
        phone.send(invite)
        answer = phone.final("INVITE")
        assert answer is not None and answer.status == 200
        taken = [text.split()[:2] for text in answer.body.decode().split("m=")[1:]]
        assert [one == ["audio", "0"] for one in taken] == [one == "dtls" for one in order]
        phone.acknowledge(BUSY, invite, answer)
        phone.to_tag, phone.remote_uri = answer.to_tag, answer.first("contact").strip("<>")
        assert phone.ask("INVITE", phone.remote_uri, body=both) == 200
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert set(signallers) <= set(scene.bridge.signallers())


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_media_lines_that_come_and_go_cost_no_call(scene: Scene, method: str) -> None:
    """pjsip opens two sockets for a line that comes, keeps their places for 500 ms, and aborts at the 65th."""
    bridge = scene.bridge
    signallers = bridge.signallers()
    one, two = offer("127.0.0.1", 40_000), offer("127.0.0.1", 40_000, media_lines=2)
    with RawSip(bridge.target) as phone:
        assert phone.call(BUSY) == 200
        statuses = {phone.ask(method, phone.remote_uri, body=body) for body in [two, one] * 40}
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert set(signallers) <= set(bridge.signallers())
    assert statuses == {200}
