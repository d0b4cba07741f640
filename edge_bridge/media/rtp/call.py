"""One call's media between SIP and the event loop: writes its SDP, and has its stream do what was agreed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_bridge.media.audio import Sound
from edge_bridge.media.rtp import sdp
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.pacer import Pacer
from edge_bridge.media.rtp.packets import PCMA
from edge_bridge.media.rtp.ports import PortPair, PortRange
from edge_bridge.media.rtp.stream import RtpStream
from edge_bridge.settings import Network
from process import logs

log = logs.get(__name__)

LIFE_CHECK_S = 1.0


@dataclass(frozen=True, slots=True)
class RtpNode:
    """What all calls of a process share. ``host`` is the address that SDP names."""

    loop: asyncio.AbstractEventLoop
    host: str
    ports: PortRange
    pacer: Pacer
    peers: tuple[Network, ...] = ()
    nat_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaEvents:
    """Called on the loop: for each DTMF key, and once when nobody is there any more."""

    pressed: Callable[[str], None]
    dead: Callable[[], None]


class CallMedia:
    """What ``signals.MediaSide`` asks is the SIP thread's; ``close`` and ``stream`` are the event loop's."""

    def __init__(
        self,
        node: RtpNode,
        pair: PortPair,
        sip_host: str,
        sound: Sound,
        events: MediaEvents,
        *,
        hears_on_hold: bool = False,
    ) -> None:
        self.stream: RtpStream | None = None
        self._node = node
        self._pair = pair
        self._sip_host = sip_host
        self._sound = sound
        self._events = events
        self._hears_on_hold = hears_on_hold
        self._speaker = sdp.Speaker(node.host, pair.port)
        self._ice = IceLite.fresh()
        self._described: sdp.Agreement | None = None
        self._in_force: sdp.Agreement | None = None
        self._life_check: asyncio.TimerHandle | None = None
        self._on_loop(self._open)

    # --- The SIP thread --------------------------------------------------------------------------------------

    def describe(self, offer: str) -> str:
        self._described = None
        if not offer:
            return self._speaker.offer()
        try:
            media = sdp.parse(offer)
        except sdp.SdpError as error:
            log.info("an offer can't be read", why=str(error))
            return self._speaker.refusal([])
        try:
            index, self._described = sdp.choose(media, self._ice)
        except sdp.SdpError:
            return self._speaker.refusal(media)
        return self._speaker.answer(media, index, self._described)

    def agreed(self) -> str:
        if self._described is not None:
            self._settle(self._described)
        return self._codec()

    def agreed_by(self, host: str, port: int, payload_type: int, held: bool) -> str:
        codec: sdp.Codec = "PCMA" if payload_type == PCMA else "PCMU"
        rtcp = (host, min(port + 1, 65_535))
        self._settle(sdp.Agreement(codec, payload_type, sdp.OUR_EVENT_TYPE, (host, port), rtcp, False, held))
        return self._codec()

    def seen(self) -> None:
        def on_loop() -> None:
            if self.stream is not None:
                self.stream.sign_of_life()

        self._on_loop(on_loop)

    def _settle(self, agreement: sdp.Agreement) -> None:
        self._described, self._in_force = None, agreement

        def on_loop() -> None:
            if self.stream is not None:
                self.stream.agree(agreement, self._sip_host)
                self._node.pacer.add(self.stream)

        self._on_loop(on_loop)

    def _codec(self) -> str:
        return self._in_force.codec if self._in_force is not None and not self._in_force.held else ""

    def _on_loop(self, do: Callable[[], None]) -> None:
        self._node.loop.call_soon_threadsafe(do)

    # --- The event loop --------------------------------------------------------------------------------------

    def _open(self) -> None:
        node = self._node
        self.stream = RtpStream(
            self._pair,
            self._sound,
            self._events.pressed,
            node.peers,
            node.nat_networks,
            hears_on_hold=self._hears_on_hold,
        )
        self._life_check = node.loop.call_later(LIFE_CHECK_S, self._check_life)

    def _check_life(self) -> None:
        node, stream = self._node, self.stream
        if stream is None:
            return
        if stream.is_dead(time.monotonic()):
            log.warning("nothing from the caller for too long; hanging up")
            self._events.dead()
            return
        self._life_check = node.loop.call_later(LIFE_CHECK_S, self._check_life)

    def close(self) -> None:
        """The call is over: its port may rest."""
        stream, self.stream = self.stream, None
        if stream is None:
            return
        if self._life_check is not None:
            self._life_check.cancel()
        self._node.pacer.remove(stream)
        stream.close()
        self._node.ports.take_back(self._pair)
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
