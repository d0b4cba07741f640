"""Secure RTP (RFC 3711), its keys in the SDP (SDES, RFC 4568).

Keys in SDP are as secret as the signalling: without TLS whoever can read the INVITE can listen. Each side names the
key that it sends with. libsrtp does the cryptography; what it lacks is to go on in a stream that another process
began: the rollover counter of sequence numbers and the index of SRTCP can't be set, only reached, by packets that
nobody sees. A few of them are enough, for a sequence number may jump by nearly half its range.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from pylibsrtp import Error, Policy, Session

from edge_bridge.media.rtp import packets, rtcp

# Each with libsrtp's profile and the bytes of its master key and salt (RFC 4568, 6.2; RFC 7714, 12).
SUITES: dict[str, tuple[int, int]] = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
OFFERED_SUITE = "AES_CM_128_HMAC_SHA1_80"
STEP = 0x7000  # below half of the sequence numbers, where libsrtp takes the next one for a step back
MOST_STEPS = 10_000  # of RTCP: fourteen hours
MOST_SOURCES = 64  # libsrtp keeps a context for each SSRC: a phone changes it now and then
# A tag, a suite, one key without an MKI (packets would carry it), and parameters. A lifetime is longer than any call.
_CRYPTO = re.compile(
    r"^(\d{1,9}) ([A-Za-z0-9_]{1,40}) inline:([A-Za-z0-9+/]{1,100}={0,2})(?:\|[0-9^]{1,15})?((?: \S+)*)$"
)


class Keys(msgspec.Struct, frozen=True):
    """What both sides settled on. ``theirs`` protects what comes, ``ours`` what goes: master key and salt."""

    tag: str
    suite: str
    theirs: bytes
    ours: bytes

    def __repr__(self) -> str:
        return f"Keys({self.suite})"  # no key is ever written down

    def sdp(self) -> str:
        """The attribute of our answer."""
        return _attribute(self.tag, self.suite, self.ours)

    def same_context(self, other: "Keys | None") -> bool:
        """Whether a stream goes on with its counters."""
        return other is not None and (self.suite, self.theirs, self.ours) == (other.suite, other.theirs, other.ours)


@dataclass(frozen=True, slots=True)
class Ours:
    """A key that we offer to send with. One suite, which all have: pjsip takes an answer to its first one only."""

    tag: str
    suite: str
    key: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "Ours":
        return cls("1", OFFERED_SUITE, secrets.token_bytes(SUITES[OFFERED_SUITE][1]))

    def sdp(self) -> str:
        return _attribute(self.tag, self.suite, self.key)

    def taken_by(self, answered: "Offered") -> Keys:
        return Keys(self.tag, self.suite, answered.key, self.key)


@dataclass(frozen=True, slots=True)
class Offered:
    """A crypto attribute that we can answer."""

    tag: str
    suite: str
    key: bytes

    def accept(self, before: Keys | None) -> Keys:
        """Answer it with a key of our own: the one ``before`` where theirs stays, too, so that the stream goes on."""
        if before is not None and (before.suite, before.theirs) == (self.suite, self.key):
            return Keys(self.tag, self.suite, self.key, before.ours)
        return Keys(self.tag, self.suite, self.key, secrets.token_bytes(SUITES[self.suite][1]))


def parse(value: str) -> Offered | None:
    """One crypto attribute's value; None where it is malformed, or asks for something that we don't do."""
    match = _CRYPTO.match(value)
    if match is None or match[2] not in SUITES:
        return None
    # Of the session parameters only the replay window is ours to choose; the others weaken or change the packets.
    if any(not parameter.startswith("WSH=") for parameter in match[4].split()):
        return None
    try:
        key = base64.b64decode(match[3], validate=True)
    except binascii.Error:
        return None
    return Offered(match[1], match[2], key) if len(key) == SUITES[match[2]][1] else None


def _attribute(tag: str, suite: str, key: bytes) -> str:
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(key).decode()}"


class Index(msgspec.Struct, frozen=True):
    """How far a direction is: the last packet's number with its rollovers, 0 to 2^48."""

    ssrc: int
    packet: int


class Protection:
    """Both directions of one stream. ``protect`` and ``unprotect`` take and give whole packets."""

    def __init__(self, keys: Keys) -> None:
        self.reports_sent = 0
        self._sources: set[bytes] = set()
        self._out = _session(keys.suite, keys.ours, Policy.SSRC_ANY_OUTBOUND)
        self._in = _session(keys.suite, keys.theirs, Policy.SSRC_ANY_INBOUND)

    @classmethod
    def resume(cls, keys: Keys, ours: Index, theirs: Index | None, reports_sent: int) -> "Protection":
        """Go on after ``ours``, ``theirs`` and so many reports of ours."""
        made = cls(keys)
        for packet in _steps(ours):
            made._out.protect(packet)
        if theirs is not None:
            like_them = _session(keys.suite, keys.theirs, Policy.SSRC_ANY_OUTBOUND)
            for packet in _steps(theirs):
                made._in.unprotect(like_them.protect(packet))
        for _ in range(min(reports_sent, MOST_STEPS)):
            made.protect_report(rtcp.bye(ours.ssrc))
        return made

    def protect(self, packet: bytes) -> bytes:
        return self._out.protect(packet)

    def protect_report(self, report: bytes) -> bytes:
        self.reports_sent += 1
        return self._out.protect_rtcp(report)

    def unprotect(self, data: bytes) -> bytes | None:
        """None for what was not made with their key, came before, or is no RTP."""
        source = data[8:12]  # the SSRC
        if source not in self._sources and len(self._sources) >= MOST_SOURCES:
            return None
        try:
            plain = self._in.unprotect(data)
        except (Error, ValueError):  # the latter: too long
            return None
        self._sources.add(source)
        return plain

    def unprotect_report(self, data: bytes) -> bytes | None:
        try:
            return self._in.unprotect_rtcp(data)
        except (Error, ValueError):
            return None


def _session(suite: str, key: bytes, direction: int) -> Session:
    return Session(Policy(key=key, ssrc_type=direction, srtp_profile=SUITES[suite][0]))


def _steps(last: Index) -> Sequence[bytes]:
    """Packets that lead to ``last``, the first below the first rollover."""
    return [
        packets.build(packets.PCMU, False, number & 0xFFFF, 0, last.ssrc, b"")
        for number in range(last.packet % STEP, last.packet + 1, STEP)
    ]
