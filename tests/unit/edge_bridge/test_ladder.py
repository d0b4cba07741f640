"""What the gate keeps of a call's SIP messages."""

import pytest

from domain.traces import Ladder
from edge_bridge.entrances.sip.gate.dialogs import Dialog, asked, dialled
from edge_bridge.entrances.sip.gate.ladder import MOST_RUNGS, Ladders, facts_of
from edge_bridge.entrances.sip.gate.message import Message, parse

pytestmark = pytest.mark.unit

SECRETS = ("+33612345678", "Anna", "Secret", "0612", "nonce", "+33699")
SDP = """v=0
o=Anna 1 1 IN IP4 192.0.2.9
s=Anna's phone
c=IN IP4 192.0.2.9
t=0 0
m=audio 40000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=sendonly
"""


def message(
    start: str, cseq: str, *headers: str, body: str = "", to_tag: str = "", from_tag: str = "caller"
) -> Message:
    lines = [
        start,
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
        f'From: "Anna" <sip:+33612345678@192.0.2.9>;tag={from_tag}',
        f"To: <sip:+33100@edge>{f';tag={to_tag}' if to_tag else ''}",
        "Call-ID: one@phone",
        f"CSeq: {cseq}",
        "Contact: <sip:+33612345678@192.0.2.9:5060>",
        'Authorization: Digest username="Anna", nonce="nonce", response="Secret"',
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return parse(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def invite(*headers: str, body: str = "") -> Message:
    return message("INVITE sip:+33100@edge SIP/2.0", "1 INVITE", *headers, body=body)


def begun() -> tuple[Ladders, Dialog]:
    ladders, first = Ladders(), invite(body=SDP)
    ladders.began(first)
    return ladders, asked(first, ("192.0.2.9", 5060), 1)


def ladder_of(ladders: Ladders, dialog: Dialog) -> Ladder:
    found = ladders.over(dialog)
    assert found is not None
    return found[1]


def test_an_offer_is_told_by_its_address_its_codecs_and_whether_it_holds() -> None:
    assert facts_of(invite(body=SDP)) == {
        "media": "192.0.2.9:40000",
        "codecs": "PCMA PCMU telephone-event",
        "flow": "sendonly",
    }


def test_what_a_caller_wrote_is_in_no_rung() -> None:
    kept = facts_of(
        invite(
            'Reason: Q.850;cause=16;text="Anna said Secret"',
            "Refer-To: <sip:+33699@trunk.example>",
            "Retry-After: 7 (Anna is out)",
            "Subscription-State: active;reason=Anna",
            body=SDP.replace("PCMA/8000", "Anna 0612/8000"),
        )
    )
    assert kept["reason"] == "Q.850 16"
    assert kept["referTo"] == "trunk.example"
    assert (kept["retryAfter"], kept["state"]) == ("7", "active")
    assert not [secret for secret in SECRETS if secret in str(kept)]


def test_a_call_is_told_message_by_message_with_its_direction() -> None:
    ladders, dialog = begun()
    ladders.went(message("SIP/2.0 200 OK", "1 INVITE", to_tag="us"))
    ladders.came(message("ACK sip:x@edge SIP/2.0", "1 ACK", to_tag="us"))
    # Ours: the caller is in To.
    ladders.went(message("BYE sip:x@phone SIP/2.0", "9 BYE", from_tag="us", to_tag="caller"))
    ladders.came(message("SIP/2.0 200 OK", "9 BYE", from_tag="us", to_tag="caller"))
    told = [(rung.direction, rung.method, rung.status) for rung in ladder_of(ladders, dialog).rungs]
    assert told == [
        ("in", "INVITE", 0),
        ("out", "INVITE", 200),
        ("in", "ACK", 0),
        ("out", "BYE", 0),
        ("in", "BYE", 200),
    ]
    assert len(ladders) == 0


def test_a_repeated_message_is_counted_and_not_told_again() -> None:
    ladders, dialog = begun()
    for _ in range(3):
        ladders.came(invite(body=SDP))
    assert [(rung.method, rung.times) for rung in ladder_of(ladders, dialog).rungs] == [("INVITE", 4)]


def test_a_long_call_keeps_its_beginning_and_its_end() -> None:
    ladders, dialog = begun()
    for number in range(2, 200):
        ladders.came(message("INFO sip:x@edge SIP/2.0", f"{number} INFO", to_tag="us"))
    ladders.came(message("BYE sip:x@edge SIP/2.0", "200 BYE", to_tag="us"))
    kept = ladder_of(ladders, dialog)
    assert len(kept.rungs) == MOST_RUNGS
    assert (kept.rungs[0].method, kept.rungs[1].sequence, kept.rungs[-1].method) == ("INVITE", 2, "BYE")
    assert kept.left_out == 200 - MOST_RUNGS


def test_messages_of_no_call_leave_nothing_behind() -> None:
    ladders = Ladders()
    ladders.came(invite(body=SDP))
    ladders.went(message("SIP/2.0 403 Forbidden", "1 INVITE", to_tag="us"))
    assert len(ladders) == 0


def test_a_gate_that_follows_another_says_that_the_beginning_is_missing() -> None:
    _, dialog = begun()
    ladders = Ladders()
    ladders.goes_on(dialog)
    ladders.ended(dialog)
    kept = ladder_of(ladders, dialog)
    assert kept.late
    assert [(rung.direction, rung.method) for rung in kept.rungs] == [("out", "BYE")]


def test_a_dialog_that_we_began_is_no_call_of_its_own_for_the_next_gate_either() -> None:
    ladders = Ladders()
    dialog = dialled(invite(body=SDP), 1)
    ladders.goes_on(dialog)
    assert ladders.over(dialog) is None
