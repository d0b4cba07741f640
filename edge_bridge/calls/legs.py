"""Second legs: calls of ours to whom a caller is put through, and the audio between the two.

Their SIP is a signaller's, like that of all calls, and ends with it. A leg is its session's alone: none goes on in
another session.
"""

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Protocol

from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.registering.client import sip_uri
from edge_bridge.entrances.sip.registering.ways import Way
from edge_bridge.entrances.sip.signals import UNAVAILABLE, Dial, Handle, Terms, host_of
from edge_bridge.lines.directory import LineEntry
from edge_bridge.media.audio import CallAudio, split
from edge_bridge.media.rtp.call import CallMedia, MediaEvents, RtpNode
from edge_bridge.media.rtp.ports import PortPair
from process import logs

log = logs.get(__name__)

# Between two phones nobody waits for a model: what one side is late by stays a small part of a second.
MOST_BEHIND_FRAMES = 10
MOST_BEHIND_MS = 200
# RFC 3263 would have the caller wait for timer B, 32 s, before a trunk's next address is tried. An INVITE is sent three
# times meanwhile, and whoever lives says 100 at once.
HEARD_WITHIN_S = 3.0
MOST_TRIED = 3  # addresses: a caller hears it ring for so long
SENT_WITHIN_S = 3.0  # an INVITE, by whichever signaller
SENT_AGAIN_S = 0.05
REST_S = 60.0  # how long an address that failed is tried last


class Dialler(Protocol):
    """The SIP side."""

    async def dial(self, dial: Dial, terms: Terms, last: Collection[int]) -> Handle | None:
        """None when no place becomes free; the signallers ``last`` are taken where no other has one."""

    def hang_up(self, handle: Handle) -> None: ...


class LegSound:
    """A ``Sound``. Until ``connect`` the far end hears what it is told, and nobody hears the far end."""

    def __init__(self) -> None:
        self.told = asyncio.Event()  # all of what ``tell`` was given
        self.told.set()
        self._to_tell: deque[bytes] = deque()
        self._from_caller: deque[bytes] = deque(maxlen=MOST_BEHIND_FRAMES)
        self._caller: CallAudio | None = None

    def heard(self, ulaw: bytes) -> None:
        if self._caller is not None and self._caller.ms_to_play < MOST_BEHIND_MS:
            self._caller.play(ulaw)

    def next_frame(self) -> bytes | None:
        if self._to_tell:
            return self._to_tell.popleft()
        self.told.set()
        return self._from_caller.popleft() if self._from_caller else None

    def tell(self, ulaw: bytes) -> None:
        """To the far end alone."""
        self._to_tell.extend(split(ulaw))
        self.told.clear()

    def connect(self, caller: CallAudio) -> None:
        """From now on both hear each other; what waited on the caller's side is over."""
        caller.hold_music = ()
        caller.clear()
        caller.forget_heard()
        self._caller = caller
        caller.listener = self._pump

    def disconnect(self) -> None:
        caller, self._caller = self._caller, None
        if caller is not None and caller.listener == self._pump:
            caller.listener = None

    def _pump(self) -> None:
        assert self._caller is not None
        while frame := self._caller.take(1):
            self._from_caller.append(frame)


class Leg:
    """One call: ``sent`` once its INVITE has left, ``heard`` once the far end has said anything, ``taken`` once it is
    answered and audio flows, ``over`` with its last ``status`` when it is gone. ``handle`` is None until SIP has been
    told to dial it.
    """

    def __init__(self, rtp: RtpNode, pair: PortPair, host: str, dialler: Dialler) -> None:
        self.sound = LegSound()
        events = MediaEvents(pressed=lambda _: None, dead=self.hang_up, moved=lambda _: None)
        self.media = CallMedia(rtp, pair, host, self.sound, events, hears_on_hold=True)
        self.handle: Handle | None = None
        self.sent = asyncio.Event()
        self.heard = asyncio.Event()
        self.taken = asyncio.Event()
        self.over = asyncio.Event()
        self.status = 0
        self._dialler = dialler

    def press(self, digit: str) -> None:
        """The caller's key, for the far end."""
        if self.media.stream is not None:
            self.media.stream.press(digit)

    def hang_up(self) -> None:
        """Or stop ringing."""
        self.sound.disconnect()
        if self.handle is not None and not self.over.is_set():
            self._dialler.hang_up(self.handle)


class Legs:
    """All of a process. ``own_host`` is what others reach this node's SIP at."""

    def __init__(self, rtp: RtpNode, own_host: str, way: Way) -> None:
        self._rtp = rtp
        self._own_host = own_host
        self._way = way
        self._dialler: Dialler | None = None
        self._legs: dict[Handle, Leg] = {}

    def attach(self, dialler: Dialler) -> None:
        self._dialler = dialler

    async def dial(self, line: LineEntry, uri: str) -> Leg | None:
        """Ring ``uri`` in the name of ``line``, at the next address of the trunk where one is dead; None when no place
        or no port is left, or the name leads nowhere."""
        hop = line.trunk.outbound_proxy or place_of(uri)
        starts = (await self._way.starts(hop))[:MOST_TRIED]
        if not starts:
            log.warning("a line's trunk leads to no address: it has no second leg", line_id=line.id)
        leg = None
        for left, (route, target) in zip(reversed(range(len(starts))), starts, strict=True):
            leg = await self._send(line, uri, route)
            if leg is None or not left or target is None or await self._lives(leg):
                break
            log.warning("a trunk's address is dead; the next one is tried", line_id=line.id, left=left)
            self._way.failed(hop, target, REST_S)
            leg.hang_up()
        return leg

    async def _lives(self, leg: Leg) -> bool:
        """Whether the far end says something, and not that it is out of service."""
        await _until(leg, leg.heard, HEARD_WITHIN_S)
        return leg.status != UNAVAILABLE if leg.over.is_set() else leg.heard.is_set()

    async def _send(self, line: LineEntry, uri: str, first_route: str) -> Leg | None:
        """By another signaller where one can't send it: its last place was taken meanwhile, pjsip refuses, or it died.
        A signaller that says nothing may have sent it."""
        end = asyncio.get_running_loop().time() + SENT_WITHIN_S
        tried: set[int] = set()
        while True:
            leg = await self._dial(line, uri, first_route, tried)
            if leg is None or leg.handle is None:
                return leg
            left = end - asyncio.get_running_loop().time()
            await _until(leg, leg.sent, max(left, 0))
            if leg.sent.is_set() or not leg.over.is_set():
                return leg
            log.warning("a second leg could not be sent", line_id=line.id, left_s=round(left, 1))
            tried.add(link.signaller_of(leg.handle))
            if left <= SENT_AGAIN_S:
                return None
            await asyncio.sleep(SENT_AGAIN_S)

    async def _dial(self, line: LineEntry, uri: str, first_route: str, last: Collection[int]) -> Leg | None:
        assert self._dialler is not None
        host = host_of(place_of(uri))
        ports = self._rtp.ipv6 if ":" in host and self._rtp.ipv6 is not None else self._rtp.ports
        pair = ports.lend()
        if pair is None:
            log.warning("no RTP port is free and quiet; see RTP_PORT_MIN and RTP_PORT_MAX")
            return None
        leg = Leg(self._rtp, pair, host, self._dialler)
        terms = Terms(ports.public_host, pair.port, leg.media.ice, line.trunk.srtp)
        try:
            leg.handle = await self._dialler.dial(dial_of(line, uri, self._own_host, first_route), terms, last)
        finally:
            if leg.handle is None:
                leg.media.close()
        if leg.handle is None:
            return None
        self._legs[leg.handle] = leg
        return leg

    def media_of(self, handle: Handle) -> CallMedia | None:
        leg = self._legs.get(handle)
        return None if leg is None else leg.media

    def seen(self, handle: Handle) -> None:
        leg = self._legs.get(handle)
        if leg is not None:
            leg.heard.set()

    def dialled(self, handle: Handle) -> None:
        leg = self._legs.get(handle)
        if leg is not None:
            leg.sent.set()

    def answered(self, handle: Handle) -> None:
        leg = self._legs.get(handle)
        if leg is not None:
            leg.taken.set()

    def ended(self, handle: Handle, status: int) -> None:
        leg = self._legs.pop(handle, None)
        if leg is not None:
            leg.media.close()
            leg.status = status
            leg.over.set()

    def lost(self, signaller: int) -> None:
        """A signaller is dead, and its dialogs with it."""
        for handle in [handle for handle in self._legs if link.signaller_of(handle) == signaller]:
            self.ended(handle, UNAVAILABLE)


async def _until(leg: Leg, event: asyncio.Event, within_s: float) -> None:
    """Or until it is over; hung up on where the caller's task ends meanwhile."""
    waits = [asyncio.create_task(one.wait()) for one in (event, leg.over)]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        leg.hang_up()
        raise
    finally:
        for wait in waits:
            wait.cancel()


def place_of(uri: str) -> str:
    """``host`` or ``host:port`` of a SIP URI with a user."""
    return uri.rpartition("@")[2].partition(";")[0]


def dial_of(line: LineEntry, uri: str, own_host: str, first_route: str = "") -> Dial:
    """The call is the line's: a trunk knows it by its account, and shows whom it rings the line's number (RFC 3325).
    ``Diversion`` (RFC 5806) lets it see a loop. The caller's own number is not told, withheld or not: trunks refuse
    numbers that are not the account's.
    """
    domain, proxy = host_of(line.sip_domain) or own_host, line.trunk.outbound_proxy
    number = f"sip:{line.number}@{domain}"
    return Dial(
        uri=uri,
        caller=f"sip:{line.sip_username}@{domain}" if line.sip_domain and line.sip_username else number,
        headers=(("P-Asserted-Identity", f"<{number}>"), ("Diversion", f"<{number}>;reason=unconditional;counter=1")),
        username=line.trunk.auth_username or line.sip_username,
        password=line.sip_password,
        routes=tuple(filter(None, (first_route, f"{sip_uri(proxy, line.trunk.transport)};lr" if proxy else ""))),
    )
