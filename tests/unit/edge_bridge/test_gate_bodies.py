"""What of a multipart body reaches a worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.entrances.sip.gate.admission import SDP, media_type
from edge_bridge.entrances.sip.gate.bodies import narrow, shorten, unwrap
from edge_bridge.entrances.sip.gate.message import Message

pytestmark = pytest.mark.unit

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ISUP = b"Content-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x00\r\x0a\x00\xff"
DESCRIBED = b"content-type: Application/SDP\r\nContent-Disposition: session\r\n\r\n" + OFFER
MIXED = "multipart/mixed;boundary=b"


def parts(*of: bytes, boundary: bytes = b"b") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + one + b"\r\n" for one in of) + b"--" + boundary + b"--\r\n"


def unwrapped(kind: str, body: bytes) -> Message:
    message = Message([("content-type", kind)], body, method="INVITE")
    unwrap(message)
    return message


NESTED = parts(b"Content-Type: multipart/alternative;boundary=b\r\n\r\n" + parts(DESCRIBED), boundary=b"c")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MIXED, parts(ISUP, DESCRIBED)),
        (MIXED, parts(DESCRIBED, ISUP, DESCRIBED)),
        ('Multipart/Related; type="application/sdp"; boundary="b"', parts(DESCRIBED)),
        ("multipart/mixed;boundary=c", NESTED),
    ],
)
def test_the_first_session_description_takes_the_bodys_place(kind: str, body: bytes) -> None:
    message = unwrapped(kind, body)
    assert media_type(message) == SDP
    assert message.body.rstrip() == OFFER.rstrip()


@pytest.mark.parametrize(
    ("kind", "body"), [(MIXED, parts(ISUP)), ("multipart/mixed", parts(DESCRIBED)), (SDP, OFFER), ("", b"")]
)
def test_a_body_without_one_stays_as_it_is(kind: str, body: bytes) -> None:
    message = unwrapped(kind, body)
    assert (message.first("content-type"), message.body) == (kind, body)


def test_a_long_description_keeps_what_is_read_of_it() -> None:
    read = OFFER + b"a=rtpmap:0 PCMU/8000\r\na=ice-ufrag:x\r\na=rtcp-mux\r\na=sendonly\r\n"
    message = Message(
        [("content-type", SDP)], read + b"a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=ssrc:1 x\r\n"
    )
    shorten(message)
    assert message.body == read


VIDEO, OPUS = b"m=video 5000 RTP/AVP 96\r\n", b"m=audio 6000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
PLAIN, SECURE = b"m=audio 4000 RTP/AVP 8 101\r\n", b"m=audio 4002 RTP/SAVP 0\r\na=crypto:1 AES inline:x\r\n"
DTLS = b"m=audio 4006 udp/TLS/RTP/SAVP 0\r\na=fingerprint:sha-256 00\r\n"
FAX = b"m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\n"


def open_of(*lines: bytes) -> list[int]:
    """Which of the offer's media lines have a port yet."""
    session = OFFER.partition(b"m=")[0]
    message = Message([("content-type", SDP)], session + b"".join(lines), method="INVITE")
    narrow(message)
    assert message.body.startswith(session)
    assert message.body.count(b"m=") == len(lines)
    return [at for at, line in enumerate(message.body.split(b"m=")[1:]) if line.split(b" ")[1:2] != [b"0"]]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((VIDEO, PLAIN), [0, 1]),
        ((PLAIN, VIDEO, VIDEO), [0]),
        ((VIDEO, OPUS, PLAIN, PLAIN), [2]),
        ((VIDEO, PLAIN, SECURE), [1, 2]),
        ((SECURE, SECURE, PLAIN, *[VIDEO] * 13), [0, 2]),
        ((PLAIN.replace(b"4000", b"0"), PLAIN, VIDEO), [1]),
        ((VIDEO, VIDEO, OPUS), [0]),
        ((SECURE, PLAIN, FAX), [0, 1]),
        ((PLAIN, VIDEO, FAX), [0]),
        ((PLAIN, DTLS), [0]),
        ((DTLS, SECURE), [1]),
        ((DTLS, PLAIN, SECURE), [1, 2]),
        ((DTLS + b"a=crypto:1 AES inline:x\r\n", SECURE, VIDEO), [1]),
        ((DTLS, OPUS), [0, 1]),
        ((VIDEO, PLAIN, b"m=what\r\n"), [0, 1, 2]),
    ],
)
def test_of_many_media_lines_those_that_nobody_takes_are_refused(lines: tuple[bytes, ...], left: list[int]) -> None:
    assert open_of(*lines) == left


@given(st.binary(max_size=400), st.text(max_size=20))
def test_nothing_makes_it_fail(body: bytes, boundary: str) -> None:
    message = unwrapped(f"multipart/mixed;boundary={boundary}", parts(body, DESCRIBED))
    message.body += body
    narrow(message)
