"""Where the entrances meet the call sessions: takes or refuses calls, and runs a ``BridgedCall`` for each one taken.

SIP comes on a thread of its own (``SipEvents``), the other entrances on the event loop (``Sessions``). Both take calls
by the same limits, from memory alone and at once; everything else happens on the loop.
"""

import asyncio
import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_bridge.calls.bridged_call import BridgedCall, Services
from edge_bridge.calls.news import CallNews, NewsDesk
from edge_bridge.calls.record import Arrival
from edge_bridge.entrances.sessions import Phone, TwilioLine
from edge_bridge.entrances.sip.endpoint import SipEndpoint
from edge_bridge.entrances.sip.numbers import NOT_FOUND
from edge_bridge.entrances.sip.phone import SipPhone
from edge_bridge.entrances.sip.signals import UNAVAILABLE, Handle, Invite, Refusal, RegisterAnswer
from edge_bridge.lines.directory import Directory, LineEntry
from edge_bridge.media.audio import CallAudio, Sound
from edge_bridge.media.rtp.call import CallMedia, MediaEvents, RtpNode
from eventing.catalogue import Codec, MissedReason
from process import logs, metrics

log = logs.get(__name__)

BUSY = 486
# How long after the start an INVITE is held until the lines are read. Later than that Postgres is away: refused at
# once, a trunk calls another node, and the few places that pjsip has are not held by callers who wait in vain.
LINES_WITHIN_S = 5.0

CallKey = Handle | Phone  # the other entrances know a call by its phone


@dataclass(frozen=True, slots=True)
class _Taken:
    arrival: Arrival
    phone: Phone


class Switchboard:
    """The ``SipEvents`` and the ``Sessions`` of a worker. ``directory`` is replaced from the loop, ``draining`` set
    once."""

    def __init__(
        self,
        max_calls: int,
        services: Services,
        rtp: RtpNode,
        desk: NewsDesk,
        registered: Callable[[RegisterAnswer], None],
    ) -> None:
        self.directory: Directory | None = None
        self.draining = False
        self._lines_by = time.monotonic() + LINES_WITHIN_S
        self._loop = asyncio.get_running_loop()
        self._max_calls = max_calls
        self._services = services
        self._rtp = rtp
        self._desk = desk
        self._registered = registered
        self._endpoint: SipEndpoint | None = None
        self._admission = threading.Lock()  # of the two below, and held for nothing longer than a look at them
        self._taken: dict[CallKey, _Taken] = {}
        self._restaurant_calls: Counter[str] = Counter()
        self._media: dict[Handle, CallMedia] = {}  # the SIP thread's
        self._bridged: dict[CallKey, BridgedCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused = itertools.count(1)

    def attach(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint

    @property
    def calls(self) -> int:
        """Calls in progress, those whose last events are being put together included."""
        return len(self._tasks)

    # --- SIP's thread (SipEvents) ----------------------------------------------------------------------------

    def invited(self, handle: Handle, invite: Invite) -> CallMedia | Refusal | None:
        directory = self.directory
        if self.draining:
            return self._refuse(UNAVAILABLE)
        if directory is None:
            return self._refuse(UNAVAILABLE) if time.monotonic() > self._lines_by else None
        line = directory.find(invite)
        if isinstance(line, Refusal):
            return self._refuse(line.status)
        pair = self._rtp.ports.lend()
        if pair is None:
            if self._rtp.ports.is_listening:
                return None
            log.warning("no RTP port is free and quiet; see RTP_PORT_MIN and RTP_PORT_MAX")
            return self._refuse(UNAVAILABLE)
        assert self._endpoint is not None
        hang_up = self._endpoint.hang_up
        phone = SipPhone(handle, line.sip_domain or invite.source_host, hang_up, self._endpoint.refer)
        audio = self._take(handle, phone, line, invite.caller, pair.port)
        if isinstance(audio, Refusal):
            self._rtp.ports.give_back(pair)
            return audio
        events = MediaEvents(
            lambda digit: self._with_call(handle, lambda call: call.pressed(digit)), lambda: hang_up(handle)
        )
        media = self._media[handle] = CallMedia(self._rtp, pair, invite.source_host, audio, events)
        return media

    def answered(self, key: CallKey, codec: str = "PCMU") -> None:
        taken = self._taken.get(key)
        if taken is not None:
            self._loop.call_soon_threadsafe(self._run, key, taken, codec)

    def pressed(self, key: CallKey, digit: str) -> None:
        self._loop.call_soon_threadsafe(self._with_call, key, lambda call: call.pressed(digit))

    def transfer_answered(self, key: CallKey, status: int, final: bool) -> None:
        self._loop.call_soon_threadsafe(self._with_call, key, lambda call: call.transfer_answered(status, final))

    def ended(self, key: CallKey, status: int = 0, by_caller: bool = True) -> None:
        with self._admission:
            taken = self._taken.pop(key, None)
            if taken is None:
                return
            self._restaurant_calls[taken.arrival.line.restaurant.id] -= 1
        media = self._media.pop(key, None) if isinstance(key, int) else None

        def on_loop() -> None:
            if media is not None:
                media.close()
            call = self._bridged.get(key)
            if call is not None:
                call.hung_up()
            else:
                self._desk.gave_up(taken.arrival)

        self._loop.call_soon_threadsafe(on_loop)

    def registered(self, answer: RegisterAnswer) -> None:
        self._loop.call_soon_threadsafe(self._registered, answer)

    # --- The other entrances (Sessions) ----------------------------------------------------------------------

    def line_of_uuid(self, uuid: str) -> str | None:
        line = self.directory.by_audiosocket.get(uuid) if self.directory is not None else None
        return None if line is None else line.id

    def line_of_twilio(self, number: str) -> TwilioLine | None:
        line = self.directory.by_number(number) if self.directory is not None else None
        if line is None or line.provider != "twilio" or not line.twilio_auth_token:
            return None
        return TwilioLine(line.id, line.twilio_auth_token)

    def arrived(self, phone: Phone, line_id: str, caller: str) -> Sound | Refusal:
        if self.directory is None or self.draining:
            return self._refuse(UNAVAILABLE)
        line = self.directory.by_id.get(line_id)
        if line is None:
            return self._refuse(NOT_FOUND)
        return self._take(phone, phone, line, caller)

    # --- Admission, on either thread -------------------------------------------------------------------------

    def _take(self, key: CallKey, phone: Phone, line: LineEntry, caller: str, rtp_port: int = 0) -> CallAudio | Refusal:
        audio = CallAudio(phone.cleared)
        with self._admission:
            if len(self._taken) >= self._max_calls:
                return self._refuse(BUSY)
            over_limit: MissedReason | None = None
            if self._restaurant_calls[line.restaurant.id] >= line.restaurant.max_calls:
                over_limit = "restaurant_full"
            self._restaurant_calls[line.restaurant.id] += 1
            arrival = Arrival(str(uuid.uuid4()), caller, line, audio, datetime.now(UTC), over_limit)
            self._taken[key] = _Taken(arrival, phone)
        if over_limit is None:
            audio.play_frames(line.greeting.frames)
        self._loop.call_soon_threadsafe(self._desk.ringing, arrival, self._desk.arriving(arrival, rtp_port))
        return audio

    def _refuse(self, status: int) -> Refusal:
        log.info("call refused", status=status, refused=next(self._refused))
        return Refusal(status)

    # --- The event loop --------------------------------------------------------------------------------------

    def _run(self, key: CallKey, taken: _Taken, codec: str) -> None:
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

        metrics.sip_calls_received_total.labels(self._services.node_id).inc()
        metrics.calls_per_restaurant.labels(arrival.line.restaurant.id).inc()
        name: Codec = "PCMA" if codec == "PCMA" else "PCMU"
        call = BridgedCall(arrival, name, taken.phone, self._services, CallNews(self._desk, arrival))
        self._bridged[key] = call
        task = asyncio.create_task(run(call), name=f"call {arrival.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _with_call(self, key: CallKey, do: Callable[[BridgedCall], None]) -> None:
        call = self._bridged.get(key)
        if call is not None:
            do(call)

    def hang_up_all(self) -> None:
        """At the end of the drain time: what still talks is cut."""
        for call in self._bridged.values():
            call.phone.hang_up()
