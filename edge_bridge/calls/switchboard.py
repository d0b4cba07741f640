"""Where the entrances meet the call sessions: takes or refuses calls, and runs a ``BridgedCall`` for each one taken.

All entrances' calls are taken by the same limits, from memory alone and at once: an INVITE waits for it.
"""

import asyncio
import itertools
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from domain import hours
from edge_bridge.calls.adoption import Adoption, Orphan
from edge_bridge.calls.bridged_call import BridgedCall, Services
from edge_bridge.calls.news import CallNews, NewsDesk
from edge_bridge.calls.progress import KeptCall, Progress, decode
from edge_bridge.calls.record import Arrival
from edge_bridge.entrances.sessions import Phone, TwilioLine
from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.numbers import NOT_FOUND
from edge_bridge.entrances.sip.phone import SipPhone
from edge_bridge.entrances.sip.signallers import Signallers
from edge_bridge.entrances.sip.signals import UNAVAILABLE, Handle, Invite, Refusal, Terms, by_transport
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.media.audio import CallAudio, Sound
from edge_bridge.media.rtp.call import CallMedia, MediaEvents, MediaState, RtpNode
from edge_bridge.media.rtp.ports import PortPair
from edge_bridge.media.rtp.sdp import Agreement
from eventing.catalogue import Codec, MissedReason
from process import logs, metrics
from stores.live import LiveCall

log = logs.get(__name__)

BUSY = 486
# How long after the start an INVITE is held until the lines are read. Later than that Postgres is away: refused at
# once, a trunk calls another node, and no place is held by a caller who waits in vain.
LINES_WITHIN_S = 5.0

CallKey = Handle | Phone  # the other entrances know a call by its phone


@dataclass(frozen=True, slots=True)
class _Taken:
    arrival: Arrival
    phone: Phone
    kept: KeptCall


@dataclass(frozen=True, slots=True)
class _SipCall:
    """What a call that came by SIP has beside the others'."""

    pair: PortPair
    progress: Progress


class Switchboard:
    """The ``SipCalls`` and the ``Sessions`` of a session process, on its event loop. ``draining`` is set
    once."""

    def __init__(
        self,
        max_calls: int,
        busy_places: int,
        services: Services,
        rtp: RtpNode,
        desk: NewsDesk,
    ) -> None:
        self.draining = False
        self.signallers = Signallers(self)
        self._directory: Directory | None = None
        self._lines_by = time.monotonic() + LINES_WITHIN_S
        self._max_calls = max_calls
        self._busy_places = busy_places
        self._services = services
        self._rtp = rtp
        self._desk = desk
        self._taken: dict[CallKey, _Taken] = {}
        self._media: dict[Handle, CallMedia] = {}
        self._bridged: dict[CallKey, BridgedCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused = itertools.count(1)
        self._adoption = Adoption(rtp, desk, self._media_events, self._go_on, self.signallers.hang_up)
        self._legs = services.legs
        self._legs.attach(self.signallers)

    @property
    def calls(self) -> int:
        """Calls in progress, those whose last events are being put together included."""
        return len(self._tasks) + len(self._adoption)

    def use(self, directory: Directory) -> None:
        """The lines as they are from now on."""
        self._directory = directory
        self._adoption.use(directory)

    # --- SIP (SipCalls) --------------------------------------------------------------------------------------

    def invited(self, handle: Handle, invite: Invite) -> Terms | Refusal | None:
        directory = self._directory
        if self.draining:
            return self._refuse(UNAVAILABLE)
        if directory is None:
            return self._refuse(UNAVAILABLE) if time.monotonic() > self._lines_by else None
        line = directory.find(invite)
        if isinstance(line, Refusal):
            return self._refuse(line.status)
        if invite.caller in line.forms:
            # Whom a second leg of the line rings has sent it back here.
            log.warning("a line is called by itself: is what it forwards to forwarded to it?", line_id=line.id)
            return self._refuse(BUSY)
        ports = self._rtp.ipv6 if invite.wants_ip6 and self._rtp.ipv6 is not None else self._rtp.ports
        pair = ports.lend()
        if pair is None:
            if ports.is_listening:
                return None
            log.warning("no RTP port is free and quiet; see RTP_PORT_MIN and RTP_PORT_MAX")
            return self._refuse(UNAVAILABLE)
        progress = Progress(
            handle=handle,
            source_host=invite.source_host,
            source=invite.source,
            language=line.restaurant.language,
            sip_call_id=invite.call_id,
            attestation=invite.attestation,
        )
        phone = self._phone(line, progress)
        audio = self._take(handle, phone, line, invite.caller, _SipCall(pair, progress))
        if isinstance(audio, Refusal):
            ports.give_back(pair)
            return audio
        media = self._media[handle] = CallMedia(self._rtp, pair, invite.source_host, audio, self._media_events(handle))
        return Terms(ports.public_host, pair.port, media.ice, line.trunk.srtp)

    def _phone(self, line: LineEntry, call: Progress) -> SipPhone:
        dialled_at = by_transport(line.sip_domain, line.trunk.transport) if line.sip_domain else call.source
        return SipPhone(
            call.handle, line.sip_domain or call.source_host, dialled_at, self.signallers.hang_up, self.signallers.refer
        )

    def _media_events(self, handle: Handle) -> MediaEvents:
        def moved(media: MediaState) -> None:
            taken = self._taken.get(handle)
            if taken is not None:
                taken.kept.changed(media=media)

        return MediaEvents(lambda digit: self.pressed(handle, digit), lambda: self.signallers.hang_up(handle), moved)

    def _media_of(self, handle: Handle) -> CallMedia | None:
        if link.is_dialled(handle):
            return self._legs.media_of(handle)
        return self._media.get(handle) or self._adoption.media_of(handle)

    def agreed(self, handle: Handle, agreement: Agreement) -> None:
        media = self._media_of(handle)
        if media is not None:
            media.agree(agreement)

    def seen(self, handle: Handle) -> None:
        if link.is_dialled(handle):
            self._legs.seen(handle)
        media = self._media_of(handle)
        if media is not None:
            media.seen()

    def dialled(self, handle: Handle) -> None:
        self._legs.dialled(handle)

    def answered(self, key: CallKey, codec: str = "PCMU") -> None:
        if isinstance(key, int) and link.is_dialled(key):
            self._legs.answered(key)
            return
        taken = self._taken.get(key)
        if taken is not None and key not in self._bridged:
            metrics.sip_calls_received_total.labels(self._services.node_id).inc()
            metrics.calls_per_restaurant.labels(taken.arrival.line.restaurant.id).inc()
            self._run(key, taken, codec)

    def pressed(self, key: CallKey, digit: str) -> None:
        call = self._bridged.get(key)
        if call is not None:
            call.pressed(digit)

    def transfer_answered(self, key: CallKey, status: int, final: bool) -> None:
        call = self._bridged.get(key)
        if call is not None:
            call.transfer_answered(status, final)

    def ended(self, key: CallKey, status: int = 0, *, lost: bool = False, by_caller: bool = True) -> None:
        if isinstance(key, int) and link.is_dialled(key):
            self._legs.ended(key, status)
            return
        taken = self._taken.pop(key, None)
        if taken is None:
            if isinstance(key, int):
                self._adoption.ended(key)
            return
        self._services.load.left(taken.arrival.call_id)
        self._services.load.callers(len(self._taken))
        media = self._media.pop(key, None) if isinstance(key, int) else None
        by = "" if not isinstance(key, int) else "by the caller" if by_caller else "by the bridge"
        self._desk.disconnected(taken.arrival, None if media is None else media.close(), "" if lost else by)
        call = self._bridged.get(key)
        if call is not None:
            call.hung_up()
        else:
            self._desk.gave_up(taken.arrival, "lost" if lost else "abandoned")

    def ongoing(self, signaller: int, calls: tuple[link.OngoingCall, ...]) -> None:
        known = {call.handle for call in calls}
        for call in calls:
            if call.handle not in self._taken and not self._adoption.take(call.handle, call):
                self.signallers.hang_up(call.handle, UNAVAILABLE)
                self._adoption.ended(call.handle)
        for handle in self._adoption.handles_of(signaller):
            if handle not in known:
                self._adoption.ended(handle)

    def lost(self, signaller: int) -> None:
        self._legs.lost(signaller)
        taken = [key for key in self._taken if isinstance(key, int) and link.signaller_of(key) == signaller]
        handles = [*taken, *self._adoption.handles_of(signaller)]
        if handles:
            log.error("calls were lost with their signaller", calls=len(handles))
        for handle in handles:
            if handle in self._bridged:
                self._bridged[handle].was_lost = True
            self.ended(handle, lost=True)

    def adopt(self, call: LiveCall, port: int, progress: bytes, rtp: int, rtcp: int) -> None:
        """A call of a session that died; ``rtp`` and ``rtcp`` are the descriptors of its sockets."""
        self._adoption.add(call, decode(progress), self._rtp.adopt(port, rtp, rtcp))

    def _go_on(self, orphan: Orphan, arrival: Arrival) -> None:
        handle = orphan.progress.handle
        phone = self._phone(arrival.line, orphan.progress)
        taken = self._taken[handle] = _Taken(arrival, phone, self._adoption.kept(orphan))
        assert orphan.media is not None
        assert orphan.agreement is not None
        self._media[handle] = orphan.media
        taken.kept.changed(media=orphan.media.state())
        if orphan.progress.worker:
            self._services.pods.idle(orphan.progress.worker)
        self._run(handle, taken, orphan.agreement.codec, orphan.progress)

    # --- The other entrances (Sessions) ----------------------------------------------------------------------

    def line_of_uuid(self, uuid: str) -> str | None:
        line = self._directory.by_audiosocket.get(uuid) if self._directory is not None else None
        return None if line is None else line.id

    def line_of_twilio(self, number: str) -> TwilioLine | None:
        line = self._directory.by_number(number) if self._directory is not None else None
        if line is None or line.provider != "twilio" or not line.twilio_auth_token:
            return None
        return TwilioLine(line.id, line.twilio_auth_token)

    def arrived(self, phone: Phone, line_id: str, caller: str) -> Sound | Refusal:
        if self._directory is None or self.draining:
            return self._refuse(UNAVAILABLE)
        line = self._directory.by_id.get(line_id)
        if line is None:
            return self._refuse(NOT_FOUND)
        return self._take(phone, phone, line, caller)

    # --- Admission -------------------------------------------------------------------------------------------

    def _take(
        self, key: CallKey, phone: Phone, line: LineEntry, caller: str, sip: _SipCall | None = None
    ) -> CallAudio | Refusal:
        audio, now = CallAudio(phone.cleared), datetime.now(UTC)
        if len(self._taken) >= self._max_calls + self._busy_places:
            self._desk.turned_away(line, caller, now)
            return self._refuse(BUSY)
        unserved = self._why_unserved(line, now)
        arrival = Arrival(str(uuid.uuid4()), caller, line, audio, now, unserved)
        pair, progress = (None, None) if sip is None else (sip.pair, sip.progress)
        if progress is not None:
            progress = msgspec.structs.replace(progress, falls_back=unserved)
            arrival = replace(
                arrival,
                attestation=progress.attestation,
                sip_call_id=progress.sip_call_id,
                source=progress.source_host,
            )
        kept = self._desk.arriving(arrival, pair, progress)
        self._taken[key] = _Taken(arrival, phone, kept)
        self._services.load.callers(len(self._taken))
        if unserved is None:
            self._services.load.waits(arrival.call_id)
            audio.play_frames(line.greeting.frames)
        self._desk.ringing(arrival, kept.call)
        return audio

    def _why_unserved(self, line: LineEntry, now: datetime) -> MissedReason | None:
        owner = line.restaurant
        if not line.is_active:
            return "line_disabled"
        if owner.when_closed != "answer" and hours.closes_at(owner, now) is None:
            return "closed"
        # Whom nobody serves takes no such place: else callers who leave messages would keep the next ones from being
        # served, who would leave messages.
        served = [taken.arrival for taken in self._taken.values() if taken.arrival.unserved is None]
        if sum(arrival.line.restaurant.id == owner.id for arrival in served) >= owner.max_calls:
            return "restaurant_full"
        if len(served) >= self._max_calls:
            return "node_full"
        return "no_handler" if self._services.load.diverts() else None

    def _refuse(self, status: int) -> Refusal:
        log.info("call refused", status=status, refused=next(self._refused))
        return Refusal(status)

    # --- The calls -------------------------------------------------------------------------------------------

    def _run(self, key: CallKey, taken: _Taken, codec: str, before: Progress | None = None) -> None:
        arrival = taken.arrival

        async def run(call: BridgedCall) -> None:
            try:
                record = await call.run()
                self._desk.closed(arrival, record)
                log.info(
                    "call ended",
                    call_id=arrival.call_id,
                    outcome=record.outcome,
                    attempts=record.attempts,
                    refused_frames=call.audio.frames_refused,
                    dropped_frames=call.audio.frames_dropped,
                )
            finally:
                self._bridged.pop(key, None)

        name: Codec = "PCMA" if codec == "PCMA" else "PCMU"
        news = CallNews(self._desk, arrival, taken.kept)
        call = BridgedCall(arrival, name, taken.phone, self._services, news, before)
        self._desk.course(arrival).codec = name
        self._bridged[key] = call
        task = asyncio.create_task(run(call), name=f"call {arrival.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hang_up_all(self) -> None:
        """At the end of the drain time: what still talks is cut."""
        self._desk.cut(len(self._bridged))
        for call in self._bridged.values():
            call.phone.hang_up()
