"""One call, from its answer to its last event: handlers come and go, the caller stays.

``BridgedCall.run`` is the state machine: greeting → attempts (``lane``) with the retry policy (``retries``) between
them → fallback, or the handler's own end. Every branch has something for the caller to hear and ends by itself.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from domain import overload
from edge_bridge import prompts
from edge_bridge.calls import fallbacks
from edge_bridge.calls.course import in_words
from edge_bridge.calls.lane import Attempt, LaneClient
from edge_bridge.calls.legs import Legs
from edge_bridge.calls.load_watch import LoadWatch
from edge_bridge.calls.news import CallNews
from edge_bridge.calls.pod_costs import PodCostTasks
from edge_bridge.calls.progress import Progress
from edge_bridge.calls.record import Arrival, CallSummary
from edge_bridge.calls.retries import Again, AttemptRefused, Done, FallBack, Lost, Result, RetryPolicy, Silent, Step
from edge_bridge.calls.silences import SilenceWatch
from edge_bridge.calls.transfers import Transfer, is_allowed
from edge_bridge.calls.ways import CallWay, Trials
from edge_bridge.entrances.sessions import Phone
from edge_bridge.media.audio import SILENCE, split
from edge_bridge.media.recordings import Recorder, Recording
from edge_bridge.media.server import MediaServer
from edge_bridge.media.stream import MediaStream
from eventing.catalogue import CallIncoming, Codec, MissedReason
from eventing.cloudevents import Event
from process import logs, metrics
from process.telemetry import spans
from protocols.media import MAX_WHISPER_BYTES, CustomParameters, TransferBody, TransferMode

log = logs.get(__name__)

CALL_AT_MOST_S = 3600.0  # the handler Service's timeoutSeconds
PLAY_OUT_WITHIN_S = 20.0  # the last sentence, before hanging up
BYE_WITHIN_S = 3.0
REASSURE_AFTER_S = 2.0  # of silence while there is no handler; a tick and the prompts' own silence come on top
REASSURE_EVERY_S = 5.0
TICK_S = 0.25
KEYS_KEPT = 200
HOLD_PAUSE_FRAMES = 300  # between two times of the hold sentence


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls of a session share."""

    node_id: str
    handler_wait_s: float
    transfer_ring_s: float
    lane: LaneClient
    trials: Trials
    media: MediaServer
    pods: PodCostTasks
    recorder: Recorder
    legs: Legs
    load: LoadWatch


def _end(span: spans.Span, result: Result | None) -> None:
    """What became of an attempt; None: the call was ended with it."""
    if result is not None:
        span.set({"alloresto.attempt.result": in_words(result)})
    span.end(type(result).__name__ if isinstance(result, AttemptRefused | Silent | Lost) else "")


class BridgedCall:
    """Runs on the event loop; ``run`` is one task, everything else is called by the entrance and the stream.

    ``before`` is how far the call got in a session that died: its caller hears "one moment" already.
    """

    def __init__(
        self,
        arrival: Arrival,
        codec: Codec,
        phone: Phone,
        services: Services,
        news: CallNews,
        before: Progress | None = None,
    ) -> None:
        self.arrival = arrival
        self.audio = arrival.audio
        self.line = arrival.line
        self.phone = phone
        self.services = services
        self.caller_gone = asyncio.Event()
        self.was_lost = False  # the caller did not hang up, a process of ours died
        self._handler_done = asyncio.Event()  # the caller is gone, or talks to somebody else
        self.record = CallSummary(arrival, services.node_id, answered_at=datetime.now(UTC))
        if before is not None:
            self.record.attempts, self.record.joined_at = before.attempts, before.joined_at
            self.record.answered_at = before.answered_at or self.record.answered_at
        self._way = CallWay(services.trials, arrival, None if before is None else before.way)
        self._codec = codec
        self._language = prompts.spoken_language(arrival.line.restaurant.language)
        self._news = news
        self._stream: MediaStream | None = None
        self._worker = ""
        self._greeted = asyncio.Event()
        self._waiting = False  # for a handler that can hear the caller, and not for a fallback
        self._given_up = asyncio.Event()  # waiting for one
        self._resumed = before is not None  # an earlier handler had the caller
        self._stop_reason = "caller_hung_up"
        self._transfer: Transfer | None = None  # while it is tried, or its second leg goes on
        self._transferring: asyncio.Task[bool] | None = None  # the last that a handler asked for
        self._wish = ("", "")  # target and reason of the last transfer
        self._whisper = bytearray()
        self._wanted_hangup = False
        self.keys: list[str] = []

    # --- The course of a call --------------------------------------------------------------------------------

    async def run(self) -> CallSummary:
        """Until the caller is gone and the record complete. Never raises but when cancelled."""
        if self.line.restaurant.record_calls and self.arrival.unserved is None:  # its greeting says that it does
            self.start_recording()
        self.audio.when_played(self._greeted.set)
        assert self.record.answered_at is not None
        if self._resumed:
            self._news.lost()
        else:
            self._news.answered(self.record.answered_at)
        watches = [
            asyncio.create_task(self._reassure(), name="reassure"),
            asyncio.create_task(self._count_silences(), name="count silences"),
        ]
        try:
            async with asyncio.timeout(CALL_AT_MOST_S):
                if self.arrival.unserved is None:
                    await self._serve()
                else:
                    await self._fall_back(self.arrival.unserved)
        except TimeoutError:
            log.warning("a call reached its longest time", call_id=self.arrival.call_id)
        except Exception:
            log.exception("a call failed", call_id=self.arrival.call_id)
        finally:
            beside = [task for task in (*watches, self._transferring) if task is not None]
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            if not self.caller_gone.is_set():
                await self.audio.until_played(PLAY_OUT_WITHIN_S)
                self.phone.hang_up()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.caller_gone.wait(), BYE_WITHIN_S)
            self.record.ended_at = datetime.now(UTC)
            if self.was_lost and self.record.order_id is None:
                self.record.outcome, self.record.missed_reason = "lost", "bridge_lost"
            if self.audio.recording is not None:
                self.audio.recording.close()
            if self.record.joined_at is not None:
                self._way.over()
            self._news.ended()
        return self.record

    async def _serve(self) -> None:
        """One attempt after the other until one of them, the fallback or the caller ends the call."""
        policy = RetryPolicy(time.monotonic(), self.services.handler_wait_s)
        while True:
            self.record.attempts += 1
            result = await self._attempt(policy.deadline)
            self._news.tried(self.record.attempts, result)
            step = await self._after(result, policy)
            if self._given_up.is_set() and isinstance(step, Again):
                step = FallBack("no_handler")  # which is no fault of whom was asked
            else:
                step = self._way.after(result, step)
            log.info("attempt over", call_id=self.arrival.call_id, attempt=self.record.attempts, result=str(result))
            match step:
                case Done():
                    self.record.outcome, self.record.order_id = step.outcome, step.order_id
                    return
                case FallBack():
                    await self._fall_back(step.reason)
                    return
                case Again() if self._wanted_hangup:
                    self.record.outcome = "answered"  # it had said goodbye
                    return
                case Again():
                    if step.one_moment:
                        self._resumed = True
                        self._news.lost()
                        self.audio.clear()
                        self.say("one_moment")
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.caller_gone.wait(), max(step.pause_s, 0.001))
                    if self.caller_gone.is_set():
                        self.record.outcome = "abandoned"
                        return

    async def _after(self, result: Result, policy: RetryPolicy) -> Step:
        """What comes next. A handler may leave while the transfer that it asked for is still under way."""
        step = policy.next_step(result, time.monotonic())
        if self._transferring is None or (isinstance(step, Again) and not self._handler_done.is_set()):
            return step
        if await self._transferring:
            return Done("transferred", step.order_id if isinstance(step, Done) else None)
        if isinstance(step, Done) and step.outcome == "transferred" and not self.caller_gone.is_set():
            await self.audio.until_played(PLAY_OUT_WITHIN_S)
            return policy.next_step(Lost("nobody took the caller whom it put through"), time.monotonic())
        return step

    async def _attempt(self, deadline: float) -> Result:
        arrival, services, number = self.arrival, self.services, self.record.attempts
        stream = self._stream = MediaStream(arrival.call_id, self.audio, self)
        url, token = services.media.open_door(arrival.call_id, number, stream)
        self._waiting = True
        services.load.waits(arrival.call_id)
        self._news.waiting(number, url, self._way.now)
        incoming = CallIncoming(
            call_id=arrival.call_id,
            restaurant_id=self.line.restaurant.id,
            phone_line_id=self.line.id,
            bridge_node_id=services.node_id,
            attempt=number,
            caller=arrival.caller,
            called=self.line.number,
            codec=self._codec,
            audio_stream_url=url,
            audio_stream_token=token,
            greeting=self.line.greeting.text,
            received_at=arrival.received_at,
            attestation=arrival.attestation,
            economy=services.load.economy,
        )
        span = spans.begin(
            "POST call-handler", "client", parent=arrival.traceparent, attributes={"alloresto.attempt": number}
        )
        event = Event.of(
            incoming,
            source=f"/edge/{services.node_id}",
            subject=arrival.call_id,
            extensions={spans.TRACEPARENT: span.traceparent},
        )
        result: Result | None = None
        try:
            attempt = Attempt(services.lane, event, stream, self, deadline, self._way.now.url)
            result = await attempt.run(self._handler_done, self._given_up, lambda: self._stop_reason)
            return result
        finally:
            _end(span, result)
            services.media.close_door(arrival.call_id, number)
            self._stream = None
            if self._transfer is None:
                self.audio.hold_music = ()
            if self._worker:
                services.pods.idle(self._worker)
                self._worker = ""

    async def _fall_back(self, reason: MissedReason) -> None:
        self._waiting = False
        if self.caller_gone.is_set():
            self.record.outcome = "abandoned"
            return
        log.warning("no handler for a call; falling back", call_id=self.arrival.call_id, reason=reason)
        load = self.services.load
        load.left(self.arrival.call_id)
        diverted = self._given_up.is_set() or self.arrival.unserved is not None
        if reason in ("no_handler", "ai_down") and not diverted:
            load.not_served()
        self.record.missed_reason = reason
        self._news.falls_back(reason)
        self.audio.clear()
        self.record.outcome = await fallbacks.run(self, reason)

    async def _reassure(self) -> None:
        """Say "one moment" into a silence while no handler can: refused ones, or one that still dials its model."""
        quiet_since, after_s = time.monotonic(), REASSURE_AFTER_S
        while not self.caller_gone.is_set():
            await asyncio.sleep(TICK_S)
            if self._waiting and not self._worker and self.services.load.gives_up(self.arrival.call_id):
                self._given_up.set()
            if not self._waiting:
                quiet_since, after_s = time.monotonic(), REASSURE_AFTER_S
            elif self.audio.ms_to_play:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= after_s:
                after_s = REASSURE_EVERY_S
                self.say("one_moment")

    async def _count_silences(self) -> None:
        """A caller who has no handler, or whose human is rung, is others' business."""
        watch = SilenceWatch(time.monotonic())
        while not self.caller_gone.is_set():
            await asyncio.sleep(TICK_S)
            served = self.record.joined_at is not None and self.record.missed_reason is None
            hears = bool(self.audio.ms_to_play or self.audio.hold_music)
            if watch.look(time.monotonic(), hears_or_waits=hears or not served or self._transfer is not None):
                log.warning("a caller hears nothing, and no part says why", call_id=self.arrival.call_id)
                metrics.unexplained_silences_total.labels(self.services.node_id).inc()
                self._way.failed("silence")

    # --- What fallbacks use ----------------------------------------------------------------------------------

    @property
    def step(self) -> overload.Step:
        return self.services.load.step

    @property
    def caller_is_known(self) -> bool:
        return bool(self.arrival.caller)

    def say(self, prompt: str) -> None:
        """Play one of the built-in prompts in the restaurant's language."""
        # In whole frames: what is left of one would shift all that a handler says next.
        self.audio.play(b"".join(split(prompts.prompt(self._language, prompt))))

    def start_recording(self) -> Recording:
        recording = self.services.recorder.start(self.line.restaurant.id, self.arrival.call_id)
        self.audio.recording = recording
        self.record.recording = recording
        return recording

    async def transfer(self, target: str, reason: str, mode: TransferMode = "auto") -> bool:
        """Put the caller through once all audio is played. True when somebody took the call, and it is over then."""
        if not is_allowed(target, self.line):
            log.warning(
                "a caller was to be put through to whom the restaurant has not named", call_id=self.arrival.call_id
            )
            return self._transfer_failed("not_allowed")
        services = self.services
        transfer = Transfer(self, services.legs, mode, services.transfer_ring_s, bytes(self._whisper))
        self._transfer, self._wish = transfer, (target, reason)
        self._whisper.clear()
        try:
            taken = await transfer.run(target)
        finally:
            self._transfer = None
        return self._taken_over() if taken else self._transfer_failed("no_answer")

    def _taken_over(self) -> bool:
        if self.record.transfer is None:
            self.record.transferred(*self._wish)
            self._stop_reason = "transferred"
        return True

    def _transfer_failed(self, reason: Literal["not_allowed", "no_answer"]) -> bool:
        if not self.caller_gone.is_set():
            self.say("nobody_answers")
            if self._stream is not None:
                self._stream.transfer_failed(reason)
        return False

    # --- What a transfer uses --------------------------------------------------------------------------------

    def ring(self, on: bool) -> None:
        self.audio.hold_music = tuple(split(prompts.prompt(self._language, "ringback"))) if on else ()

    def leave_handler(self) -> None:
        self._waiting = False
        self._taken_over()
        self._handler_done.set()
        if self._stream is not None:
            self._stream.stop(self._stop_reason)

    def transfer_got(self, how_far: str) -> None:
        self._news.transfer_got(how_far)

    # --- From the entrance -----------------------------------------------------------------------------------

    def hung_up(self) -> None:
        """The caller's connection is over."""
        if self._transfer is not None:
            self._transfer.refer.caller_left()
            if self._transfer.refer.taken.is_set():
                self._taken_over()
        self.audio.close()
        self.caller_gone.set()
        self._handler_done.set()

    def transfer_answered(self, status: int, final: bool) -> None:
        if self._transfer is not None:
            self._transfer.refer.answered(status, final)

    def pressed(self, digit: str) -> None:
        if len(self.keys) < KEYS_KEPT:
            self.keys.append(digit)
        if self._transfer is not None and self._transfer.leg is not None:
            self._transfer.leg.press(digit)
        elif self._stream is not None:
            self._stream.pressed(digit)

    # --- From the lane (LaneListener) ------------------------------------------------------------------------

    def accepted(self, worker: str) -> None:
        self._worker = worker
        self._given_up.clear()
        self._news.accepted(worker)
        self.services.pods.busy(worker)

    def connected(self) -> None:
        self._waiting = False
        self.services.load.joined(self.arrival.call_id)
        first_at = self.record.joined(datetime.now(UTC))
        self._news.joined(self.record.attempts, first_at)

    def model_answered(self, seconds: float) -> None:
        self.services.load.model_answered(seconds)

    # --- From the stream (StreamOwner) -----------------------------------------------------------------------

    def stream_joined(self) -> None:
        assert self._stream is not None
        self._stream.parameters = CustomParameters(
            attempt=self.record.attempts,
            restaurant_id=self.line.restaurant.id,
            early_audio_ms=self.audio.ms_waiting,
            greeting_text=self.line.greeting.text,
            greeting_remaining_ms=self.audio.ms_to_play if self._resumed or not self._greeted.is_set() else 0,
            resumed=self._resumed,
            transfers=self.line.transfers,
        )

    def transfer_wanted(self, wish: TransferBody) -> None:
        if self._transferring is None or self._transferring.done():
            self._transferring = asyncio.create_task(
                self.transfer(wish.target, wish.reason, wish.mode), name="transfer"
            )

    def whispered(self, ulaw: bytes) -> None:
        if len(self._whisper) + len(ulaw) <= MAX_WHISPER_BYTES:
            self._whisper += ulaw

    def hold_wanted(self, on: bool) -> None:
        if self._transfer is not None:
            return
        sentence = prompts.prompt(self._language, "hold")
        self.audio.hold_music = (*split(sentence), *[SILENCE] * HOLD_PAUSE_FRAMES) if on else ()

    def prompt_wanted(self, name: str) -> None:
        if not self.audio.ms_to_play:  # something to hear is all that it is for
            self.say(name)

    def hangup_wanted(self, reason: str) -> None:
        if not self._wanted_hangup:
            self._wanted_hangup = True
            self.audio.hold_music = ()
            self._stop_reason = reason or "handler_hung_up"
            self.audio.when_played(self.phone.hang_up)
