"""RTP packets (RFC 3550, 5.1) and the conversions between G.711's two laws, a byte a sample."""

import audioop
import struct
from typing import NamedTuple

HEADER_BYTES = 12
MAX_PACKET_BYTES = 2048
VERSION = 2
PCMU, PCMA, COMFORT_NOISE = 0, 8, 13  # static payload types (RFC 3551, RFC 3389)

_BARE = VERSION << 6  # the first byte without padding, extension and contributing sources
_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">xxH")
_new = tuple.__new__
_ALL = bytes(range(256))
ULAW_OF_ALAW = audioop.lin2ulaw(audioop.alaw2lin(_ALL, 2), 2)  # tables for bytes.translate
ALAW_OF_ULAW = audioop.lin2alaw(audioop.ulaw2lin(_ALL, 2), 2)
QUIETER_ULAW = audioop.lin2ulaw(audioop.mul(audioop.ulaw2lin(_ALL, 2), 2, 0.5), 2)  # by 6 dB


class RtpPacket(NamedTuple):
    """``timestamp`` counts samples; ``payload`` is without padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> RtpPacket | None:
    """The packet in one datagram; None when it is none, or its own lengths do not fit it."""
    size = len(data)
    if size < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == _BARE:  # nearly all
        # Twice as fast as RtpPacket(…), whose own __new__ is Python.
        return _new(RtpPacket, (second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[HEADER_BYTES:]))
    if first >> 6 != VERSION:
        return None
    begin = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if begin + 4 > size:
            return None
        begin += 4 + 4 * _EXTENSION.unpack_from(data, begin)[0]
    if first & 0x20:
        padding = data[-1]
        if not padding:
            return None
        size -= padding
    if begin > size:
        return None
    return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[begin:size])


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    return _HEADER.pack(_BARE, payload_type | 0x80 if marker else payload_type, sequence, timestamp, ssrc) + payload


def is_rtcp(data: bytes) -> bool:
    """Which of the two a datagram on a shared port is (RFC 5761, 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223
