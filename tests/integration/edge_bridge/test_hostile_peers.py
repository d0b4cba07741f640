"""What a peer, or who writes its address on a datagram, can not have the edge do."""

import pytest

from devstack.edge.raw_sip import RawSip, offer
from tests.conftest import Database
from tests.integration.edge_bridge.conftest import BUSY, Scene, Start

pytestmark = pytest.mark.integration

NOTHING_WITHIN_S = 0.5


def test_media_lines_behind_a_lone_carriage_return_are_refused(start: Start, seeded: Database) -> None:
    bridge = start()
    signallers = bridge.signallers()
    hidden = offer("127.0.0.1", 40_000) + ("a=x" + "\rm=audio 40000 RTP/AVP 0" * 15 + "\r\n") * 4
    with RawSip(bridge.target) as phone:
        statuses = [phone.call(BUSY, body=hidden) for _ in range(4)]
    assert bridge.signallers() == signallers
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


@pytest.mark.parametrize("line", ["a=rtcp:4001 IN IP4 {}", "a=candidate:1 1 UDP 1 {} 4000 typ host", "c=IN IP4 {}"])
def test_an_address_that_is_too_long_for_pjsip_does_not_reach_it(start: Start, seeded: Database, line: str) -> None:
    """It asserts that an address to look up has fewer than 254 characters."""
    bridge = start()
    signallers = bridge.signallers()
    body = offer("127.0.0.1", 40_000) + "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    with RawSip(bridge.target) as phone:
        status = phone.call(BUSY, body=f"{body}{line.format('a' * 254)}\r\n")
    assert bridge.signallers() == signallers
    assert status == 488


@pytest.mark.parametrize("media", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "udp/tls/rtp/savp"])
def test_an_offer_of_dtls_does_not_reach_pjsip(start: Start, seeded: Database, media: str) -> None:
    """It crashes on one, for it has nothing to poll DTLS with: first or second line, first or later offer."""
    bridge = start()
    signallers = bridge.signallers()
    plain = offer("127.0.0.1", 40_000)
    with RawSip(bridge.target) as phone:
        assert phone.call(BUSY, body=plain.replace("RTP/AVP", media)) == 488
        assert phone.call(BUSY, body=f"{plain}m=audio 40002 {media} 0\r\n") == 488
        assert phone.call(BUSY) == 200
        assert phone.ask("INVITE", phone.remote_uri, body=plain.replace("RTP/AVP", media)) == 488
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert set(signallers) <= set(bridge.signallers())


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_media_lines_that_come_and_go_cost_no_call(start: Start, seeded: Database, method: str) -> None:
    """pjsip opens two sockets for a line that comes, keeps their places for 500 ms, and aborts at the 65th."""
    bridge = start()
    signallers = bridge.signallers()
    one, two = offer("127.0.0.1", 40_000), offer("127.0.0.1", 40_000, media_lines=2)
    with RawSip(bridge.target) as phone:
        assert phone.call(BUSY) == 200
        statuses = {phone.ask(method, phone.remote_uri, body=body) for body in [two, one] * 40}
        assert phone.ask("BYE", phone.remote_uri) == 200
    assert set(signallers) <= set(bridge.signallers())
    assert statuses == {200}
