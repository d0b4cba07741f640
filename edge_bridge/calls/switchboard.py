"""Where the SIP thread meets the event loop: takes or refuses calls, and runs a ``BridgedCall`` for each one taken.

``invited`` decides on the SIP thread from memory alone; everything else is handed to the loop.
"""

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from edge_bridge.calls.bridged_call import BridgedCall, Phone, Services
from edge_bridge.calls.news import CallNews, NewsDesk
from edge_bridge.calls.record import Arrival
from edge_bridge.entrances.sip.endpoint import SipEndpoint
from edge_bridge.entrances.sip.signals import Bye, FrameSide, Handle, Invite, Refusal, RegisterAnswer
from edge_bridge.lines.directory import UNAVAILABLE, Directory
from edge_bridge.media.audio import CallAudio
from eventing.catalogue import Codec, MissedReason
from process import logs, metrics

log = logs.get(__name__)

BUSY = 486
# How long after the start an INVITE is held until the lines are read. Later than that Postgres is away: refused at
# once, a trunk calls another node, and the few places that pjsip has are not held by callers who wait in vain.
LINES_WITHIN_S = 5.0


class Switchboard:
    """The ``SipEvents`` of a worker. ``directory`` is replaced from the loop, ``draining`` set once."""

    def __init__(
        self,
        max_calls: int,
        services: Services,
        desk: NewsDesk,
        registered: Callable[[RegisterAnswer], None],
    ) -> None:
        self.directory: Directory | None = None
        self.draining = False
        self._lines_by = time.monotonic() + LINES_WITHIN_S
        self._loop = asyncio.get_running_loop()
        self._max_calls = max_calls
        self._services = services
        self._desk = desk
        self._registered = registered
        self._endpoint: SipEndpoint | None = None
        self._arrivals: dict[Handle, Arrival] = {}  # the SIP thread's
        self._restaurant_calls: Counter[str] = Counter()  # the SIP thread's
        self._bridged: dict[Handle, BridgedCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump_due = False
        self._refused = itertools.count(1)

    def attach(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint

    @property
    def calls(self) -> int:
        """Calls in progress, those whose last events are being put together included."""
        return len(self._tasks)

    # --- The SIP thread --------------------------------------------------------------------------------------

    def invited(self, handle: Handle, invite: Invite) -> FrameSide | Refusal | None:
        directory = self.directory
        if self.draining:
            return self._refuse(UNAVAILABLE)
        if directory is None:
            return self._refuse(UNAVAILABLE) if time.monotonic() > self._lines_by else None
        line = directory.find(invite)
        if isinstance(line, Refusal):
            return self._refuse(line.status)
        if len(self._arrivals) >= self._max_calls:
            return self._refuse(BUSY)
        audio = CallAudio(self._loop, self._wake)
        over_limit: MissedReason | None = None
        if self._restaurant_calls[line.restaurant.id] >= line.restaurant.max_calls:
            over_limit = "restaurant_full"
        else:
            audio.play_frames(line.greeting.frames)
        self._restaurant_calls[line.restaurant.id] += 1
        arrival = Arrival(str(uuid.uuid4()), invite, line, audio, datetime.now(UTC), over_limit)
        self._arrivals[handle] = arrival
        self._loop.call_soon_threadsafe(self._desk.ringing, arrival, self._desk.arriving(arrival))
        return audio

    def agreed(self, handle: Handle, rtp_port: int) -> None:
        arrival = self._arrivals.get(handle)
        if arrival is not None:
            self._desk.keeper.agreed(arrival.call_id, rtp_port)

    def up(self, handle: Handle, bye: Bye) -> None:
        arrival = self._arrivals.get(handle)
        if arrival is not None:
            self._desk.keeper.up(arrival.call_id, bye)

    def answered(self, handle: Handle, codec: str) -> None:
        arrival = self._arrivals.get(handle)
        if arrival is None:
            return

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
                self._bridged.pop(handle, None)

        def on_loop() -> None:
            assert self._endpoint is not None
            metrics.sip_calls_received_total.labels(self._services.node_id).inc()
            metrics.calls_per_restaurant.labels(arrival.line.restaurant.id).inc()
            phone = Phone(handle, self._endpoint.hang_up, self._endpoint.refer)
            name: Codec = "PCMA" if codec == "PCMA" else "PCMU"
            call = BridgedCall(arrival, name, phone, self._services, CallNews(self._desk, arrival))
            self._bridged[handle] = call
            task = asyncio.create_task(run(call), name=f"call {arrival.call_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(on_loop)

    def pressed(self, handle: Handle, digit: str) -> None:
        self._loop.call_soon_threadsafe(self._with_call, handle, lambda call: call.pressed(digit))

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        self._loop.call_soon_threadsafe(self._with_call, handle, lambda call: call.transfer_answered(status, final))

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        arrival = self._arrivals.pop(handle, None)
        if arrival is None:
            return
        self._restaurant_calls[arrival.line.restaurant.id] -= 1
        self._desk.keeper.down(arrival.call_id)

        def on_loop() -> None:
            call = self._bridged.get(handle)
            if call is not None:
                call.hung_up()
            else:
                self._desk.gave_up(arrival)

        self._loop.call_soon_threadsafe(on_loop)

    def registered(self, answer: RegisterAnswer) -> None:
        self._loop.call_soon_threadsafe(self._registered, answer)

    def _refuse(self, status: int) -> Refusal:
        log.info("INVITE refused", status=status, refused=next(self._refused))
        return Refusal(status)

    def _wake(self) -> None:
        """From the clock thread, for each frame heard: one wake-up serves all calls of this 20 ms."""
        if not self._pump_due:
            self._pump_due = True
            self._loop.call_soon_threadsafe(self._pump)

    # --- The event loop --------------------------------------------------------------------------------------

    def _pump(self) -> None:
        self._pump_due = False
        for call in self._bridged.values():
            call.pump()

    def _with_call(self, handle: Handle, do: Callable[[BridgedCall], None]) -> None:
        call = self._bridged.get(handle)
        if call is not None:
            do(call)

    def hang_up_all(self) -> None:
        """At the end of the drain time: what still talks is cut."""
        for call in self._bridged.values():
            call.phone.hang_up()
