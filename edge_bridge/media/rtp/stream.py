"""One call's RTP: packets in from where the SDP says and nobody else, a packet out every 20 ms.

Everything runs on the event loop. What arrives in order is heard at once; a gap is filled after a short wait, and
what never comes (a muted phone, hold, comfort noise) is heard as silence at the pace of the clock, so that a listener's
time goes on. ``resume`` goes on in the same stream after the process that had it is gone: same SSRC, numbers going on.
"""

import asyncio
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from edge_bridge.media.audio import FRAME_BYTES, FRAME_S, SILENCE, Sound
from edge_bridge.media.rtp import dtmf, ice, packets, rtcp
from edge_bridge.media.rtp.arrivals import Arrivals
from edge_bridge.media.rtp.jitter import ReorderBuffer
from edge_bridge.media.rtp.packets import ALAW_OF_ULAW, COMFORT_NOISE, MAX_PACKET_BYTES, ULAW_OF_ALAW
from edge_bridge.media.rtp.ports import PortPair
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.media.rtp.sources import Address, SourceRule, is_behind_nat
from edge_bridge.media.rtp.srtp import Index, Keys, Protection
from edge_bridge.settings import Network

FRAME_SAMPLES = FRAME_BYTES  # G.711: a byte is a sample
SAMPLES_PER_S = 8000
FILL_AFTER_S = 0.08  # later than any gap is waited for
MOST_AHEAD_S = 2.0  # of real time: a burst after the network stood still; more is a flood
LEAK_S = FRAME_S / 100  # what a phone's clock may be faster by
REPORT_TICKS = int(rtcp.REPORT_EVERY_S / FRAME_S)
# How long nothing at all may come (no RTP, no RTCP, no SIP). Some phones open their media late, but who was never
# there in half a minute is not coming. Later on, a muted phone may send nothing for minutes, and its owner still talks
# to somebody beside it; a trunk that lost the call sends no BYE, and the slot must come back. Who holds may send music
# for ever, or nothing.
FIRST_SIGN_WITHIN_S = 30.0
NEXT_SIGN_WITHIN_S = 300.0
HELD_AT_MOST_S = 600.0


class StreamState(msgspec.Struct, frozen=True):
    """All that a successor needs to go on in the same stream."""

    ssrc: int
    sequence: int
    timestamp: int
    agreement: Agreement
    remote: Address
    latched: bool
    latch_host: str  # where the INVITE came from, when the far end is behind NAT
    rollovers: int = 0  # of our sequence numbers under the keys in force
    heard: Index | None = None  # the far end's last packet, under the same
    reports_sent: int = 0


@dataclass(slots=True)
class Figures:
    """How a stream fares; ``rtt_s`` and the far end's view come with its RTCP."""

    packets_in: int = 0
    packets_out: int = 0
    strangers: int = 0  # datagrams from elsewhere than the SDP says
    unagreed: int = 0  # packets of a payload type that was not in the answer
    malformed: int = 0  # no RTP; with SRTP also packets of another key, and those that came before
    flooded: int = 0
    rtt_s: float | None = None
    far_reported: bool = False
    far_lost: int = 0
    far_fraction_lost: float = 0.0
    far_jitter_s: float = 0.0


class RtpStream:
    """``pressed`` is called with each DTMF key. ``hears_on_hold``: the music of a far end that holds is heard."""

    # Between two packets other processes empty the caches: in slots, what a packet touches of a call lies in fewer
    # places, and less is filled again. With those of the other parts on its way they take 7 % off a call's cost.
    __slots__ = (
        "_arrivals",
        "_begun",
        "_closed",
        "_heard_until",
        "_hears_on_hold",
        "_held_at",
        "_key",
        "_key_began",
        "_key_reader",
        "_keys",
        "_last_report",
        "_marker",
        "_nat_networks",
        "_octets_out",
        "_opened_at",
        "_order",
        "_pair",
        "_peers",
        "_pressed",
        "_protection",
        "_receive",
        "_reception",
        "_rollovers",
        "_rollovers_before",
        "_rule",
        "_sequence",
        "_signed",
        "_signed_at",
        "_sound",
        "_source",
        "_ssrc",
        "_ticks",
        "_timestamp",
        "agreement",
        "figures",
    )

    def __init__(
        self,
        pair: PortPair,
        sound: Sound,
        pressed: Callable[[str], None],
        peers: tuple[Network, ...] = (),
        nat_networks: tuple[Network, ...] = (),
        *,
        hears_on_hold: bool = False,
    ) -> None:
        self.figures = Figures()
        self.agreement: Agreement | None = None
        self._pair = pair
        self._receive = pair.rtp.recvfrom
        self._sound = sound
        self._pressed = pressed
        self._hears_on_hold = hears_on_hold
        self._peers = peers
        self._nat_networks = nat_networks
        self._arrivals = Arrivals.of(asyncio.get_running_loop())
        self._rule = SourceRule(("", 0))
        self._source: object = None  # the last admitted sender, as the socket gives it
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(32)
        self._marker = True
        self._octets_out = 0
        self._reception: rtcp.Reception | None = None
        self._last_report = rtcp.LastReport()
        self._order = ReorderBuffer()
        self._key_reader = dtmf.KeyReader()
        self._keys: deque[str] = deque()
        self._key: Iterator[bytes | None] | None = None
        self._key_began = 0
        self._heard_until = 0.0
        self._opened_at = self._signed_at = time.monotonic()  # the last sign of life
        self._signed = False
        self._held_at = self._opened_at  # when the far end last began to hold
        self._begun = False  # the far end has ever wanted to hear us
        self._ticks = 0
        self._closed = False
        self._protection: Protection | None = None
        self._rollovers = 0
        self._rollovers_before = 0  # of the far end's sequence numbers, when the keys in force came
        self._arrivals.add(pair.rtp.fileno(), self._read_rtp)
        self._arrivals.add(pair.rtcp.fileno(), self._read_rtcp)

    @classmethod
    def resume(
        cls,
        state: StreamState,
        pair: PortPair,
        sound: Sound,
        pressed: Callable[[str], None],
        peers: tuple[Network, ...] = (),
        nat_networks: tuple[Network, ...] = (),
    ) -> "RtpStream":
        """Go on where ``state`` was taken, on the sockets of the same ports."""
        stream = cls(pair, sound, pressed, peers, nat_networks)
        stream._ssrc, stream._sequence, stream._timestamp = state.ssrc, state.sequence, state.timestamp
        stream.agreement = state.agreement
        stream._rule = SourceRule(state.remote, latch_host=state.latch_host, peers=peers)
        stream._rule.waiting = bool(state.latch_host) and not state.latched
        stream._heard_until = time.monotonic()
        stream._begun = stream._signed = True
        keys = state.agreement.keys
        if keys is not None:
            ours = Index(state.ssrc, state.rollovers << 16 | state.sequence)
            stream._rollovers = state.rollovers
            stream._protection = Protection.resume(keys, ours, state.heard, state.reports_sent)
        if state.heard is not None:
            stream._reception = rtcp.Reception(state.heard.ssrc, state.heard.packet + 1, state.heard.packet)
        return stream

    def state(self) -> StreamState | None:
        """None before anything is agreed on."""
        agreed, rule = self.agreement, self._rule
        if agreed is None:
            return None
        return StreamState(
            ssrc=self._ssrc,
            sequence=self._sequence,
            timestamp=self._timestamp,
            agreement=agreed,
            remote=rule.remote,
            latched=bool(rule.latch_host) and not rule.waiting,
            latch_host=rule.latch_host,
            rollovers=self._rollovers,
            heard=self._last_heard(),
            reports_sent=0 if self._protection is None else self._protection.reports_sent,
        )

    def _last_heard(self) -> Index | None:
        reception = self._reception
        if reception is None:
            return None
        return Index(reception.ssrc, max(reception.highest - (self._rollovers_before << 16), 0))

    # --- What SIP settles ------------------------------------------------------------------------------------

    def agree(self, agreement: Agreement, sip_host: str) -> None:
        """From now on so; ``sip_host`` is where the INVITE came from. Another address renews the latch."""
        before = self.agreement
        if before is None:
            self._heard_until = time.monotonic()
            self._signed_at = time.monotonic()
        if agreement.held and (before is None or not before.held):
            self._held_at = time.monotonic()
        self.agreement = agreement
        self._secure(agreement.keys, None if before is None else before.keys)
        self._begun = self._begun or not agreement.held
        self._marker = True
        remote = agreement.remote
        if remote is not None and (before is None or before.remote != remote):
            latch_host = sip_host if is_behind_nat(remote[0], sip_host, self._nat_networks) else ""
            self._rule = SourceRule(remote, latch_host=latch_host, peers=self._peers)
            self._source = None

    def _secure(self, keys: Keys | None, before: Keys | None) -> None:
        """Other keys, other counters: both begin anew."""
        if keys is None:
            self._protection = None
        elif not keys.same_context(before):
            self._protection = Protection(keys)
            self._rollovers = 0
            self._rollovers_before = 0 if self._reception is None else self._reception.highest >> 16

    def sign_of_life(self) -> None:
        """Something came by SIP."""
        self._signed_at = time.monotonic()

    def is_dead(self, now: float) -> bool:
        """Whether nothing has come for so long that nobody is there."""
        agreed = self.agreement
        if agreed is None or not self._begun:
            return now - self._opened_at > FIRST_SIGN_WITHIN_S
        if not self._signed:
            return now - self._signed_at > FIRST_SIGN_WITHIN_S
        if agreed.held:
            return now - self._held_at > HELD_AT_MOST_S
        return now - self._signed_at > NEXT_SIGN_WITHIN_S

    def close(self) -> None:
        """Say goodbye by RTCP and leave the sockets alone; they are not closed."""
        if self._closed:
            return
        self._closed = True
        self._arrivals.remove(self._pair.rtp.fileno())
        self._arrivals.remove(self._pair.rtcp.fileno())
        self._send_rtcp(rtcp.bye(self._ssrc))

    # --- In --------------------------------------------------------------------------------------------------

    def _read_rtp(self, now: float) -> None:
        try:
            data, source = self._receive(MAX_PACKET_BYTES)
        except OSError:  # gone again, or an ICMP error of what was sent
            return
        if source != self._source and not self._admits(source):
            if not self._answered_check(data, source, self._pair.rtp):
                self.figures.strangers += 1
            return
        agreed = self.agreement
        if agreed is None:
            return
        if agreed.rtcp_mux and packets.is_rtcp(data):
            self._take_rtcp(data, now)
            return
        plain = data if self._protection is None else self._protection.unprotect(data)
        packet = None if plain is None else packets.parse(plain)
        if packet is None:
            if not self._answered_check(data, source, self._pair.rtp):
                self.figures.malformed += 1
            return
        self._signed_at, self._signed = now, True
        self._take(packet, agreed, now)

    def _admits(self, source: tuple[str, int]) -> bool:
        if self.agreement is None or not self._rule.admits(source[:2]):
            return False
        self._source = source
        return True

    def _answered_check(self, data: bytes, source: tuple[str, int], here: socket.socket) -> bool:
        """Answer an ICE check of the far end's, whichever address it comes from; its audio comes from there, too."""
        agreed = self.agreement
        if agreed is None or agreed.ice is None or not ice.is_stun(data):
            return False
        found = ice.check(data, source, agreed.ice)
        if found is None:
            return False
        if found.nominates and here is self._pair.rtp and source[:2] != self._rule.remote:
            self._rule.nominated(source[:2])
            self._source = None
        try:
            here.sendto(found.answer, source)
        except OSError:  # it will ask again
            return False
        return True

    def _take(self, packet: packets.RtpPacket, agreed: Agreement, now: float) -> None:
        kind, marker, sequence, timestamp, ssrc, payload = packet
        self.figures.packets_in += 1
        reception = self._reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._reception = rtcp.Reception(ssrc, sequence, sequence)
            self._rollovers_before = 0
            self._order.restart()
        reception.arrived(sequence, timestamp, now)
        if kind == agreed.payload_type:
            sound = payload if agreed.codec == "PCMU" else payload.translate(ULAW_OF_ALAW)
        elif kind == agreed.event_type:
            key = self._key_reader.read(payload, marker, timestamp, now)
            if key is not None:
                self._pressed(key)
            sound = b""
        elif kind == COMFORT_NOISE:
            sound = b""
        else:
            self.figures.unagreed += 1
            sound = b""
        for ready in self._order.push(sequence, sound, now):
            if ready:
                self._hear(ready, agreed, now)

    def _hear(self, sound: bytes, agreed: Agreement, now: float) -> None:
        if agreed.held and not self._hears_on_hold:
            return
        # Who is late by so much may be late by that again: from here on it is in time.
        until = self._heard_until if self._heard_until > now - FRAME_S else now - FRAME_S
        until += len(sound) / SAMPLES_PER_S
        if until > now + MOST_AHEAD_S:
            self.figures.flooded += 1
            return
        self._heard_until = until
        self._sound.heard(sound)

    # --- Out, every 20 ms ------------------------------------------------------------------------------------

    def tick(self, now: float, skipped: int) -> None:
        """One frame's time is over; ``skipped`` frames' time was missed before."""
        agreed = self.agreement
        if agreed is None or self._closed:
            return
        for ready in self._order.expire(now):
            if ready:
                self._hear(ready, agreed, now)
        if now - self._heard_until > FILL_AFTER_S:
            self._heard_until = max(self._heard_until, now - 2 * FILL_AFTER_S) + FRAME_S
            self._sound.heard(SILENCE)
        elif self._heard_until > now:
            self._heard_until -= LEAK_S
        self._timestamp = (self._timestamp + (1 + skipped) * FRAME_SAMPLES) & 0xFFFFFFFF
        if not agreed.held:
            self._say(agreed)
        self._ticks += 1
        if self._ticks % REPORT_TICKS == 0:
            self._report(now)

    def _say(self, agreed: Agreement) -> None:
        if (self._key is not None or self._keys) and self._say_key(agreed):
            return
        frame = self._sound.next_frame() or SILENCE
        if agreed.codec == "PCMA":
            frame = frame.translate(ALAW_OF_ULAW)
        self._send(agreed.payload_type, self._timestamp, frame)

    def _say_key(self, agreed: Agreement) -> bool:
        """Whether this frame's time belongs to a key."""
        if self._key is None:
            self._key = dtmf.key_payloads(self._keys.popleft(), FRAME_SAMPLES)
            self._key_began, self._marker = self._timestamp, True
        try:
            payload = next(self._key)
        except StopIteration:
            self._key, self._marker = None, True
            return False
        if payload is not None and agreed.event_type is not None:
            self._send(agreed.event_type, self._key_began, payload)
        return True

    def press(self, keys: str) -> None:
        """Send DTMF keys (RFC 4733); they interrupt what is being said. Raises ValueError for none of a telephone's."""
        for key in keys:
            dtmf.KEYS.index(key.upper())
        self._keys.extend(keys)

    def _send(self, payload_type: int, timestamp: int, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if not self._sequence:
            self._rollovers += 1
        packet = packets.build(payload_type, self._marker, self._sequence, timestamp, self._ssrc, payload)
        self._marker = False
        if self._protection is not None:
            packet = self._protection.protect(packet)
        try:
            self._pair.rtp.sendto(packet, self._rule.remote)
        except OSError:  # no route, a full buffer: a lost packet like any other
            return
        self.figures.packets_out += 1
        self._octets_out += len(payload)

    # --- RTCP ------------------------------------------------------------------------------------------------

    def _read_rtcp(self, now: float) -> None:
        try:
            data, source = self._pair.rtcp.recvfrom(MAX_PACKET_BYTES)
        except OSError:
            return
        if self._answered_check(data, source, self._pair.rtcp):
            return
        if self.agreement is None or source[0] not in self._rtcp_hosts():
            self.figures.strangers += 1
            return
        self._take_rtcp(data, now)

    def _rtcp_hosts(self) -> tuple[str, ...]:
        """Its port may be anything behind NAT, and nothing is heard here."""
        agreed = self.agreement
        return (self._rule.remote[0], agreed.rtcp[0] if agreed is not None and agreed.rtcp else "")

    def _take_rtcp(self, data: bytes, now: float) -> None:
        plain = data if self._protection is None else self._protection.unprotect_report(data)
        reports = None if plain is None else rtcp.parse(plain)
        if reports is None:
            self.figures.malformed += 1
            return
        self._signed_at, self._signed = now, True
        for one in reports:
            if one.ntp_middle:
                self._last_report.ntp_middle, self._last_report.at = one.ntp_middle, now
            for block in one.blocks:
                if block.ssrc == self._ssrc:
                    self.figures.far_reported, self.figures.far_lost = True, block.lost
                    self.figures.far_fraction_lost = block.fraction_lost / 256
                    self.figures.far_jitter_s = block.jitter / SAMPLES_PER_S
                    self.figures.rtt_s = rtcp.round_trip_s(block)

    def _report(self, now: float) -> None:
        out = self.figures.packets_out
        sent = rtcp.Sent(self._timestamp, out, self._octets_out) if out else None
        self._send_rtcp(rtcp.report(self._ssrc, sent, self._reception, self._last_report, now))

    def _send_rtcp(self, data: bytes) -> None:
        agreed = self.agreement
        if agreed is None or agreed.rtcp is None:
            return
        # Behind NAT the SDP's address leads nowhere: beside the latched one, RTCP is by custom.
        host, port = self._rule.remote
        latched = self._rule.latch_host and not self._rule.waiting
        to = (host, port if agreed.rtcp_mux else min(port + 1, 65_535)) if latched else agreed.rtcp
        sender = self._pair.rtp if agreed.rtcp_mux else self._pair.rtcp
        if self._protection is not None:
            data = self._protection.protect_report(data)
        try:
            sender.sendto(data, to)
        except OSError:
            return

    # --- For display -----------------------------------------------------------------------------------------

    @property
    def lost(self) -> int:
        """Of the far end's packets, those that did not come (from the present SSRC)."""
        return 0 if self._reception is None else self._reception.lost

    @property
    def jitter_ms(self) -> float:
        return 0.0 if self._reception is None else self._reception.jitter * 1000 / SAMPLES_PER_S

    @property
    def late(self) -> int:
        return self._order.late
