"""SRTP against a second endpoint: pylibsrtp with the keys of the SDP."""

import base64
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest
from pylibsrtp import Policy, Session

from domain.trunks import Srtp
from edge_bridge.media.rtp import packets, rtcp, sdp, srtp, stream
from edge_bridge.media.rtp.packets import PCMU
from edge_bridge.media.rtp.srtp import SUITES, Index, Keys, Protection
from edge_bridge.media.rtp.stream import RtpStream, StreamState
from tests.unit.edge_bridge.test_rtp_ports import HOST
from tests.unit.edge_bridge.test_rtp_stream import SOUND, Line, now_in, until

pytestmark = pytest.mark.unit

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"
HEAD = "v=0\r\nc=IN IP4 192.0.2.1\r\n"
PLAIN_LINE = "m=audio 4000 RTP/AVP 0\r\n"
SECURE_LINE = f"m=audio 5000 RTP/SAVP 0\r\n{CRYPTO}\r\n"
OPPORTUNISTIC_LINE = f"m=audio 6000 RTP/AVP 0\r\n{CRYPTO}\r\n"
DTLS_LINE = "m=audio 7000 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 00\r\n"


@pytest.mark.parametrize(
    ("value", "suite"),
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}", "AES_CM_128_HMAC_SHA1_80"),
        (f"7 AES_CM_128_HMAC_SHA1_32 inline:{INLINE}|2^20", "AES_CM_128_HMAC_SHA1_32"),
        (f"2 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|1048576 WSH=128", "AES_CM_128_HMAC_SHA1_80"),
        (f"1 AEAD_AES_128_GCM inline:{base64.b64encode(bytes(28)).decode()}", "AEAD_AES_128_GCM"),
        (f"1 AEAD_AES_256_GCM inline:{base64.b64encode(bytes(44)).decode()}", "AEAD_AES_256_GCM"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|1:4", ""),  # an MKI in each packet
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP", ""),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} KDR=1", ""),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}", ""),  # a short key
        ("1 AES_CM_128_HMAC_SHA1_80 inline:====", ""),
        (f"1 F8_128_HMAC_SHA1_80 inline:{INLINE}", ""),
        (f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}", ""),
        ("", ""),
    ],
)
def test_only_keys_that_we_can_do_all_of_are_taken(value: str, suite: str) -> None:
    offered = srtp.parse(value)
    assert (offered.suite if offered else "") == suite


@pytest.mark.parametrize(
    ("use", "lines", "port"),
    [
        ("off", PLAIN_LINE, 4000),
        ("off", SECURE_LINE + PLAIN_LINE, 4000),
        ("off", OPPORTUNISTIC_LINE, 6000),
        ("off", SECURE_LINE, None),
        ("optional", PLAIN_LINE, 4000),
        ("optional", PLAIN_LINE + SECURE_LINE, 5000),
        ("optional", OPPORTUNISTIC_LINE, 6000),
        ("optional", DTLS_LINE + PLAIN_LINE, 4000),
        ("optional", "m=audio 5000 RTP/SAVP 0\r\n", None),
        ("optional", DTLS_LINE, None),
        ("required", PLAIN_LINE, None),
        ("required", PLAIN_LINE + SECURE_LINE, 5000),
        ("required", OPPORTUNISTIC_LINE, 6000),
        ("required", SECURE_LINE.replace("SAVP", "SAVPF"), 5000),
    ],
)
def test_a_line_is_secure_as_far_as_its_setting_and_the_offer_let_it(use: Srtp, lines: str, port: int | None) -> None:
    media = sdp.parse(HEAD + lines)
    if port is None:
        with pytest.raises(sdp.SdpError):
            sdp.choose(media, use=use)
        return
    index, agreed = sdp.choose(media, use=use)
    answer = sdp.Speaker("192.0.2.9", 40_000).answer(media, index, agreed)
    accepted = sdp.parse(answer)[index]
    assert agreed.remote == ("192.0.2.1", port)
    assert accepted.transport == media[index].transport
    assert (agreed.keys is not None) is (use != "off" and port != 4000)
    assert [one.key for one in accepted.offered_keys] == ([agreed.keys.ours] if agreed.keys else [])


def test_the_first_known_suite_is_answered_with_its_tag_and_a_key_of_ours() -> None:
    offer = HEAD + "m=audio 5000 RTP/SAVP 0\r\na=crypto:1 NEW_SUITE inline:AAAA\r\n" + CRYPTO.replace(":1", ":4", 1)
    _, agreed = sdp.choose(sdp.parse(offer), use="required")
    assert agreed.keys is not None
    assert (agreed.keys.tag, agreed.keys.theirs) == ("4", KEY)
    assert agreed.keys.ours != KEY
    assert base64.b64encode(agreed.keys.ours).decode() not in repr(agreed)
    assert INLINE not in repr(agreed)


def test_a_repeated_offer_keeps_our_key_and_another_key_renews_it() -> None:
    media = sdp.parse(HEAD + SECURE_LINE)
    first = sdp.choose(media, use="optional")[1].keys
    again = sdp.choose(media, use="optional", before=first)[1].keys
    other = sdp.parse(HEAD + SECURE_LINE.replace(INLINE, base64.b64encode(bytes(30)).decode()))
    changed = sdp.choose(other, use="optional", before=first)[1].keys
    assert first is not None and again == first
    assert changed is not None and changed.ours != first.ours


class SecurePhone:
    """The far end of ``keys``: what it sends with and what it hears with."""

    def __init__(self, keys: Keys) -> None:
        profile = SUITES[keys.suite][0]
        self.out = Session(Policy(keys.theirs, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self.back = Session(Policy(keys.ours, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))


def keys_of(suite: str = "AES_CM_128_HMAC_SHA1_80") -> Keys:
    size = SUITES[suite][1]
    return Keys("1", suite, bytes(range(size)), bytes(range(100, 100 + size)))


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    made.close()


def say(line: Line, phone: SecurePhone, payload: bytes = SOUND) -> bytes:
    """One protected packet of the phone's, which is also given."""
    line.phone.sequence = (line.phone.sequence + 1) & 0xFFFF
    line.phone.timestamp += 160
    plain = packets.build(PCMU, False, line.phone.sequence, line.phone.timestamp, line.phone.ssrc, payload)
    data = phone.out.protect(plain)
    line.phone.pair.rtp.sendto(data, line.phone.to)
    return data


async def heard(line: Line, phone: SecurePhone) -> packets.RtpPacket:
    data = await line.phone.hears_raw()
    packet = packets.parse(phone.back.unprotect(data))
    assert packet is not None
    return packet


@pytest.mark.parametrize("suite", SUITES)
async def test_a_secure_phone_is_heard_and_hears_and_nobody_else_could(line: Line, suite: str) -> None:
    phone = SecurePhone(keys_of(suite))
    line.ear.to_say = [SOUND] * 3
    line.agree(keys=keys_of(suite))
    say(line, phone)
    data = await line.phone.hears_raw()
    assert SOUND not in data
    assert phone.back.unprotect(data).endswith(SOUND)
    assert (await heard(line, phone)).payload == SOUND
    await until(lambda: line.ear.sound == SOUND)


async def test_another_key_plain_packets_and_repeated_ones_are_counted_and_neither_heard_nor_a_sign_of_life(
    line: Line,
) -> None:
    stranger = SecurePhone(msgspec.structs.replace(keys_of(), theirs=bytes(30)))
    line.agree(keys=keys_of())
    say(line, stranger)
    line.phone.say()
    line.phone.pair.rtp.sendto(b"\x80" + bytes(2000), line.phone.to)
    await until(lambda: line.stream.figures.malformed == 3)
    assert line.stream.is_dead(now_in(31))
    repeated = say(line, SecurePhone(keys_of()))
    line.phone.pair.rtp.sendto(repeated, line.phone.to)
    await until(lambda: line.stream.figures.malformed == 4)
    assert line.ear.sound == SOUND
    assert line.stream.figures.packets_in == 1


@pytest.mark.parametrize("muxed", [False, True])
async def test_reports_are_protected_both_ways(line: Line, monkeypatch: pytest.MonkeyPatch, muxed: bool) -> None:
    monkeypatch.setattr(stream, "REPORT_TICKS", 5)
    phone = SecurePhone(keys_of())
    host, port = line.phone.address
    line.agree(keys=keys_of(), rtcp_mux=muxed, rtcp=(host, port + (not muxed)))
    say(line, phone)
    ours = (await heard(line, phone)).ssrc
    where = line.phone.pair.rtp if muxed else line.phone.pair.rtcp
    while not packets.is_rtcp(data := await line.phone.hears_raw(where)):
        pass
    reports = rtcp.parse(phone.back.unprotect_rtcp(data))
    assert reports is not None and reports[0].blocks[0].ssrc == line.phone.ssrc
    back = struct.pack(">BBHIIIIIII", 0x81, 201, 7, 77, ours, 64 << 24, 0, 80, 0, 0)
    to = (HOST, line.pair.port + (not muxed))
    where.sendto(back, to)  # anybody's
    await until(lambda: line.stream.figures.malformed == 1)
    assert line.stream.figures.far_fraction_lost == 0.0
    where.sendto(phone.out.protect_rtcp(back), to)
    await until(lambda: line.stream.figures.far_fraction_lost == 0.25)


async def test_the_same_keys_again_go_on_and_others_begin_anew(line: Line) -> None:
    phone = SecurePhone(keys_of())
    line.agree(keys=keys_of())
    first = say(line, phone)
    await until(lambda: line.ear.sound == SOUND)
    line.agree(keys=keys_of())
    line.phone.pair.rtp.sendto(first, line.phone.to)  # a replay, still known as one
    await until(lambda: line.stream.figures.malformed == 1)
    other = Keys("1", "AES_CM_128_HMAC_SHA1_32", bytes(30), bytes(reversed(range(30))))
    line.agree(keys=other)
    phone = SecurePhone(other)
    say(line, phone)
    await until(lambda: line.ear.sound == SOUND * 2)
    line.agree(keys=None)
    line.phone.say()
    await until(lambda: line.ear.sound == SOUND * 3)


@pytest.mark.parametrize("packet", [5, 0x6FFF, 0x7000, 0xFFFF, 0x10000, 0x3_8123])
def test_a_successor_knows_each_directions_rollovers_and_the_reports_that_went(packet: int) -> None:
    keys, ssrc = keys_of(), 9
    phone = SecurePhone(keys)
    before = Protection(keys)

    def numbered(at: int) -> bytes:
        return packets.build(PCMU, False, at & 0xFFFF, 0, ssrc, SOUND)

    for at in range(0, packet + 1, 0x800):
        phone.back.unprotect(before.protect(numbered(at)))
        assert before.unprotect(phone.out.protect(numbered(at))) is not None
    last = phone.out.protect(numbered(packet + 1))
    assert before.unprotect(last)
    phone.back.unprotect(before.protect(numbered(packet + 1)))
    for _ in range(7):
        phone.back.unprotect_rtcp(before.protect_report(rtcp.bye(ssrc)))

    index = Index(ssrc, packet + 1)
    after = Protection.resume(keys, index, index, before.reports_sent)
    assert phone.back.unprotect(after.protect(numbered(packet + 2))) == numbered(packet + 2)
    assert phone.back.unprotect_rtcp(after.protect_report(rtcp.bye(ssrc))) == rtcp.bye(ssrc)
    assert after.unprotect(last) is None
    assert after.unprotect(phone.out.protect(numbered(packet + 2))) == numbered(packet + 2)


async def test_a_secure_stream_goes_on_after_its_process_across_a_rollover(line: Line) -> None:
    phone = SecurePhone(keys_of())
    line.stream._sequence = 0xFFFD
    line.phone.sequence = 0xFFFD
    line.agree(keys=keys_of())
    for _ in range(4):
        say(line, phone)
    while (before := await heard(line, phone)).sequence > 0xFFF0:
        pass
    await until(lambda: line.stream.figures.packets_in == 4)
    state = line.stream.state()
    assert state is not None
    line.pacer.remove(line.stream)
    line.stream.close()

    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StreamState)
    assert decoded.rollovers == 1 and decoded.heard == Index(77, 0x10001)
    line.stream = RtpStream.resume(decoded, line.pair, line.ear, line.ear.pressed)
    line.pacer.add(line.stream)
    say(line, phone)
    await until(lambda: line.ear.sound == SOUND * 5)
    while (after := await heard(line, phone)).sequence == before.sequence:
        pass
    assert after.ssrc == before.ssrc
    assert 0 < (after.sequence - before.sequence) & 0xFFFF < 20
