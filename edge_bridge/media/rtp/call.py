"""One call's media: has its stream do what SIP has settled."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from domain.traces import AudioFigures
from edge_bridge.media.audio import FRAME_S, Sound
from edge_bridge.media.rtp import sdp
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.packets import MAX_PACKET_BYTES
from edge_bridge.media.rtp.ports import PortPair, PortRange
from edge_bridge.media.rtp.quality import figures_of
from edge_bridge.media.rtp.stream import FRAME_SAMPLES, RtpStream, StreamState
from edge_bridge.settings import Network
from process import logs

log = logs.get(__name__)

LIFE_CHECK_S = 1.0
# How far a successor's first packet is beyond what its predecessor can have sent: a late clock may have caught up.
JUMP_FRAMES = 5
MOST_WAITING = 2000  # packets that came while nobody listened


class MediaState(msgspec.Struct, frozen=True):
    """What a successor needs of a call's media: ``stream`` as it was ``at``, by the monotonic clock that all processes
    of a machine share.
    """

    stream: StreamState
    sip_host: str
    at: float


@dataclass(frozen=True, slots=True)
class RtpNode:
    """What all calls of a process share. ``ports`` and ``ipv6`` are where audio is, the latter "" and None on a node of
    IPv4 alone."""

    loop: asyncio.AbstractEventLoop
    ports: PortRange
    pacer: Pacer
    peers: tuple[Network, ...] = ()
    nat_networks: tuple[Network, ...] = ()
    ipv6: PortRange | None = None

    def range_of(self, pair: PortPair) -> PortRange:
        is_ip6 = pair.rtp.family == socket.AF_INET6
        return self.ipv6 if is_ip6 and self.ipv6 is not None else self.ports

    def adopt(self, port: int, rtp: int, rtcp: int) -> PortPair:
        """A pair that another process has bound and lent, by its descriptors."""
        pair = PortPair.of(port, rtp, rtcp)
        self.range_of(pair).adopt(pair)
        return pair

    def used_ports(self) -> tuple[int, ...]:
        """Those that somebody may send to."""
        return tuple({*self.ports.used(), *(self.ipv6.used() if self.ipv6 is not None else ())})


@dataclass(frozen=True, slots=True)
class MediaEvents:
    """Called on the loop: for each DTMF key, once when nobody is there any more, and whenever a successor would have to
    know more than what it can reckon.
    """

    pressed: Callable[[str], None]
    dead: Callable[[], None]
    moved: Callable[[MediaState], None]


class CallMedia:
    """One call's stream on a pair of ports, which it takes; SIP settles what is agreed (see ``description``).
    ``hears_on_hold``: the music of a far end that holds is heard.
    """

    def __init__(
        self,
        node: RtpNode,
        pair: PortPair,
        sip_host: str,
        sound: Sound,
        events: MediaEvents,
        *,
        hears_on_hold: bool = False,
        stream: RtpStream | None = None,
    ) -> None:
        self.ice = IceLite.fresh()
        self.stream: RtpStream | None = stream or RtpStream(
            pair, sound, events.pressed, node.peers, node.nat_networks, hears_on_hold=hears_on_hold
        )
        self._node = node
        self._pair = pair
        self._sip_host = sip_host
        self._events = events
        self._told: StreamState | None = None
        self._life_check = node.loop.call_later(LIFE_CHECK_S, self._check_life)

    @classmethod
    def resume(cls, node: RtpNode, pair: PortPair, state: MediaState, sound: Sound, events: MediaEvents) -> "CallMedia":
        """Go on in the stream of a process that is gone, on its sockets: 50 packets a second were sent since."""
        _drain(pair)
        frames = max(int((time.monotonic() - state.at) / FRAME_S), 0) + JUMP_FRAMES
        sequence = state.stream.sequence + frames
        now = msgspec.structs.replace(
            state.stream,
            sequence=sequence & 0xFFFF,
            rollovers=state.stream.rollovers + (sequence >> 16),
            timestamp=(state.stream.timestamp + frames * FRAME_SAMPLES) & 0xFFFFFFFF,
        )
        stream = RtpStream.resume(now, pair, sound, events.pressed, node.peers, node.nat_networks)
        node.pacer.add(stream)
        return cls(node, pair, state.sip_host, sound, events, stream=stream)

    def agree(self, agreement: sdp.Agreement) -> None:
        """From now on so."""
        if self.stream is not None:
            self.stream.agree(agreement, self._sip_host)
            self._node.pacer.add(self.stream)
            self._tell()

    def seen(self) -> None:
        """The caller's phone sent something by SIP."""
        if self.stream is not None:
            self.stream.sign_of_life()

    def _check_life(self) -> None:
        node, stream = self._node, self.stream
        if stream is None:
            return
        if stream.is_dead(time.monotonic()):
            log.warning("nothing from the caller for too long; hanging up")
            self._events.dead()
            return
        self._tell()
        self._life_check = node.loop.call_later(LIFE_CHECK_S, self._check_life)

    def _tell(self) -> None:
        """When something changed besides the numbers, which follow from the time."""
        state, told = self.state(), self._told
        if state is None:
            return
        numbers = (state.stream.sequence, state.stream.timestamp)
        if told is None or msgspec.structs.replace(told, sequence=numbers[0], timestamp=numbers[1]) != state.stream:
            self._told = state.stream
            self._events.moved(state)

    def state(self) -> MediaState | None:
        """None before anything is agreed on."""
        stream = self.stream.state() if self.stream is not None else None
        return None if stream is None else MediaState(stream, self._sip_host, time.monotonic())

    def close(self) -> AudioFigures | None:
        """The call is over: its port may rest. How it fared; None when that was told already."""
        stream, self.stream = self.stream, None
        if stream is None:
            return None
        self._life_check.cancel()
        self._node.pacer.remove(stream)
        stream.close()
        self._node.range_of(self._pair).take_back(self._pair)
        figures = stream.figures
        log.info(
            "media ended",
            packets_in=figures.packets_in,
            packets_out=figures.packets_out,
            lost=stream.lost,
            late=stream.late,
            jitter_ms=round(stream.jitter_ms, 1),
            rtt_ms=None if figures.rtt_s is None else round(figures.rtt_s * 1000, 1),
            strangers=figures.strangers,
            unagreed=figures.unagreed,
            malformed=figures.malformed,
            flooded=figures.flooded,
        )
        return figures_of(stream)


def _drain(pair: PortPair) -> None:
    """What came meanwhile is too old to be heard."""
    for one in (pair.rtp, pair.rtcp):
        with contextlib.suppress(OSError):
            for _ in range(MOST_WAITING):
                one.recv(MAX_PACKET_BYTES)
