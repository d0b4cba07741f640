"""RTP and RTCP on the wire: what is read, what is refused, what is written."""

import audioop
import random
import struct
import time

import pytest

from edge_bridge.media.rtp import packets, rtcp

pytestmark = pytest.mark.unit

SOUND = bytes(range(160))


def test_a_packet_is_read_as_it_was_built() -> None:
    data = packets.build(101, True, 65_535, 0xFFFFFFFF, 0x1234ABCD, SOUND)
    assert packets.parse(data) == packets.RtpPacket(101, True, 65_535, 0xFFFFFFFF, 0x1234ABCD, SOUND)


def test_padding_an_extension_and_contributing_sources_are_no_sound() -> None:
    head = struct.pack(">BBHII", 0x80 | 0x20 | 0x10 | 2, 0, 7, 8, 9)
    data = head + bytes(8) + struct.pack(">HH", 0xBEDE, 1) + bytes(4) + SOUND + b"\0\0\3"
    packet = packets.parse(data)
    assert packet is not None
    assert packet.payload == SOUND


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x00",
        b"\x00" * 172,
        struct.pack(">BBHII", 0x8F, 0, 1, 1, 1) + bytes(20),  # 15 sources, none there
        struct.pack(">BBHII", 0x90, 0, 1, 1, 1) + b"\0\0",  # an extension without its length
        struct.pack(">BBHII", 0x90, 0, 1, 1, 1) + b"\0\0\xff\xff" + bytes(40),
        struct.pack(">BBHII", 0xA0, 0, 1, 1, 1) + bytes(19) + b"\xff",  # more padding than packet
        struct.pack(">BBHII", 0xA0, 0, 1, 1, 1) + bytes(20),  # padding of nothing
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    assert packets.parse(data) is None


def test_no_datagram_whatever_breaks_a_reader() -> None:
    dice = random.Random(1)
    for _ in range(5000):
        data = bytes([dice.choice((0x80, 0x81, 0x90, 0xA0, 0xBF, dice.randrange(256)))]) + dice.randbytes(
            dice.randrange(80)
        )
        packets.parse(data)
        rtcp.parse(data)


def test_the_two_laws_are_converted_a_byte_a_sample() -> None:
    ulaw = SOUND.translate(packets.ULAW_OF_ALAW)
    assert ulaw == audioop.lin2ulaw(audioop.alaw2lin(SOUND, 2), 2)
    assert SOUND.translate(packets.ALAW_OF_ULAW) == audioop.lin2alaw(audioop.ulaw2lin(SOUND, 2), 2)


def test_a_receiver_reports_loss_and_the_sender_reads_it() -> None:
    reception = rtcp.Reception(5, 65_534, 65_534)
    for number in (65_534, 65_535, 0, 2):  # 1 is lost
        reception.arrived(number, number * 160, 1.0)
    assert reception.lost == 1
    data = rtcp.report(9, None, reception, rtcp.LastReport(), now=10.0)
    reports = rtcp.parse(data)
    assert reports is not None
    (block,) = reports[0].blocks
    assert (block.ssrc, block.fraction_lost) == (5, 256 // 5)
    assert reports[0].ntp_middle == 0


def test_the_fraction_lost_is_that_since_the_last_report() -> None:
    reception = rtcp.Reception(5, 0, 0)
    for number in range(0, 100, 2):
        reception.arrived(number, number * 160, 1.0)
    assert reception.fraction_lost() > 120
    for number in range(99, 150):
        reception.arrived(number, number * 160, 1.0)
    assert reception.fraction_lost() == 0


def test_the_jitter_of_an_even_stream_is_nothing_and_of_an_uneven_one_its_unevenness() -> None:
    even, uneven = rtcp.Reception(1, 0, 0), rtcp.Reception(1, 0, 0)
    for number in range(200):
        even.arrived(number, number * 160, 5 + number * 0.02)
        uneven.arrived(number, number * 160, 5 + number * 0.02 + (0.01 if number % 2 else 0))
    assert even.jitter < 1
    assert uneven.jitter == pytest.approx(80, rel=0.1)


def test_a_round_trip_is_measured_from_the_report_that_comes_back() -> None:
    ours = rtcp.parse(rtcp.report(7, rtcp.Sent(160, 1, 160), None, rtcp.LastReport(), now=0.0))
    assert ours is not None
    sent_at = ours[0].ntp_middle
    assert sent_at
    time.sleep(0.03)
    theirs = rtcp.Block(7, 0, 0, sent_at, int(0.01 * 65536))
    round_trip = rtcp.round_trip_s(theirs)
    assert round_trip is not None
    assert 0.015 <= round_trip < 0.5
    assert rtcp.round_trip_s(rtcp.Block(7, 0, 0, 0, 0)) is None


def test_a_report_names_nobody() -> None:
    data = rtcp.report(7, None, None, rtcp.LastReport(), now=0.0) + rtcp.bye(7)
    assert rtcp.CNAME in data
    assert len(rtcp.CNAME) == 16
    assert rtcp.parse(data) is not None
