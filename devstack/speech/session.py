"""One Realtime session: reads the client's events in order and never waits for a model while it does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from devstack.speech.input_audio import InputAudio, TurnStarted, TurnStopped, VoiceDetector
from devstack.speech.protocol import client_events as client
from devstack.speech.protocol import session_config
from devstack.speech.protocol.errors import ProtocolError
from devstack.speech.protocol.items import Content, Item, Message, new_id, parse_item
from devstack.speech.protocol.session_config import ResponseOptions, SessionConfig
from devstack.speech.response import RealtimeResponse
from devstack.speech.session_state import SessionState, Transcriptions, Wire
from devstack.speech.speech_models import SpeechModels
from process import logs

log = logs.get(__name__)

MAX_SESSION_S = 3600
MAX_OUT_OF_BAND = 4
LONG_ENOUGH_MS = 700  # speech of this length is no cough: it gets an answer


class RealtimeSession:
    """``handle`` takes the client's messages one by one; ``close`` ends everything that still runs."""

    def __init__(self, models: SpeechModels, wire: Wire, detector: VoiceDetector, model: str) -> None:
        self._models = models
        self._state = SessionState(wire, SessionConfig(model=model))
        config = self._state.config
        self._audio = InputAudio(detector, config.input_format, config.turn_detection)
        self._transcriptions = Transcriptions(models, self._state)
        self._response: RealtimeResponse | None = None
        self._out_of_band: set[RealtimeResponse] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._expires_at = int(time.time()) + MAX_SESSION_S

    async def open(self) -> None:
        self._transcriptions.start()
        await self._send("session.created", session=self._described())

    async def close(self) -> None:
        self._stop_idle_timer()
        await self._transcriptions.stop()
        running = [task for response in [self._response, *self._out_of_band] if response and (task := response.task)]
        for task in [*running, *self._ending]:
            task.cancel()
        await asyncio.gather(*running, *self._ending, return_exceptions=True)

    async def handle(self, message: str | bytes) -> None:
        try:
            event = client.decode(message)
        except client.UnreadableEvent as unreadable:
            await self._send("error", error=unreadable.error.body(unreadable.event_id))
            return
        try:
            await self._act_on(event)
        except ProtocolError as error:
            await self._send("error", error=error.body(event.event_id))

    async def _act_on(self, event: client.AnyClientEvent) -> None:
        """Raises ProtocolError for what the client is told as an ``error`` event."""
        conversation = self._state.conversation
        match event:
            case client.AudioAppend():
                await self._append(event)
            case client.AudioCommit():
                await self._take_turn(self._audio.commit(), respond=False)
            case client.AudioClear():
                self._audio.clear()
                await self._send("input_audio_buffer.cleared")
            case client.OutputClear():
                message = "'output_audio_buffer.clear' is for WebRTC and SIP; here, send 'conversation.item.truncate'."
                raise ProtocolError(message, code="invalid_value", param="type")
            case client.ItemCreate():
                await self._insert(parse_item(event.item), event.previous_item_id)
            case client.ItemRetrieve():
                item = conversation.find(event.item_id, "retrieving")
                await self._send("conversation.item.retrieved", item=item)
            case client.ItemDelete():
                conversation.delete(event.item_id)
                await self._send("conversation.item.deleted", item_id=event.item_id)
            case client.ItemTruncate(item_id=item_id, content_index=index, audio_end_ms=end_ms):
                conversation.truncate(item_id, index, end_ms)
                self._state.playback_ends_at = 0.0
                where = {"item_id": item_id, "content_index": index, "audio_end_ms": end_ms}
                await self._send("conversation.item.truncated", **where)
            case client.SessionUpdate():
                await self._update(event)
            case client.ResponseCreate():
                self._create_response(event)
            case client.ResponseCancel():
                await self._cancel_response(event)

    # --- the session's configuration

    async def _update(self, event: client.SessionUpdate) -> None:
        config = session_config.updated(self._state.config, event.session)
        if self._state.audio_was_sent and config.audio.output.voice != self._state.config.audio.output.voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise ProtocolError(message, code="cannot_update_voice", param="session.audio.output.voice")
        self._state.config = config
        self._audio.configure(config.input_format, config.turn_detection)
        await self._send("session.updated", session=self._described())

    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = msgspec.to_builtins(self._state.config)
        told = {"object": "realtime.session", "id": self._state.id, "expires_at": self._expires_at}
        return told | described

    # --- the caller's audio

    async def _append(self, event: client.AudioAppend) -> None:
        if len(event.audio) > client.MAX_AUDIO_BYTES:
            message = f"At most {client.MAX_AUDIO_BYTES >> 20} MiB of audio in one event."
            raise ProtocolError(message, code="invalid_value", param="audio")
        for edge in self._audio.append(event.audio):
            detection = self._state.config.turn_detection
            if isinstance(edge, TurnStarted):
                where = {"audio_start_ms": edge.audio_start_ms, "item_id": edge.item_id}
                self._stop_idle_timer()
                await self._send("input_audio_buffer.speech_started", **where)
                if detection is not None and detection.interrupt_response:
                    await self._interrupt()
            else:
                where = {"audio_end_ms": edge.audio_end_ms, "item_id": edge.item_id}
                await self._send("input_audio_buffer.speech_stopped", **where)
                responds = self._state.config.type == "realtime"
                await self._take_turn(edge, respond=responds and detection is not None and detection.create_response)
            await asyncio.sleep(0)  # a long append must not stop the other sessions

    async def _interrupt(self) -> None:
        """The caller speaks: what plays is over, and what is still being made is cancelled."""
        if self._state.playing:
            self._state.expects_reply = True
            self._state.playback_ends_at = 0.0
        if self._active:
            await self._active.cancel("turn_detected")

    async def _take_turn(self, turn: TurnStopped, *, respond: bool) -> None:
        """Make a turn an item, have it transcribed, and answer it when asked to."""
        self._stop_idle_timer()
        state = self._state
        await self._send(
            "input_audio_buffer.committed", previous_item_id=state.conversation.last_id, item_id=turn.item_id
        )
        item = Message(id=turn.item_id, role="user", content=[Content(type="input_audio")])
        await self._insert(item)
        if turn.spoken_ms >= LONG_ENOUGH_MS:
            state.expects_reply = True
        await self._transcriptions.add(item, turn.samples)
        if respond and not self._active:
            self._respond(state.config, ResponseOptions())

    async def _insert(self, item: Item, previous_item_id: str | None = None) -> None:
        previous = self._state.conversation.insert(item, previous_item_id)
        await self._send("conversation.item.added", previous_item_id=previous, item=item)
        await self._send("conversation.item.done", previous_item_id=previous, item=item)

    # --- responses

    @property
    def _active(self) -> RealtimeResponse | None:
        """The response of the conversation that runs now."""
        running = self._response and self._response.task and not self._response.task.done()
        return self._response if running else None

    def _create_response(self, event: client.ResponseCreate) -> None:
        if self._state.config.type == "transcription":
            raise ProtocolError("A transcription session makes no responses.", code="invalid_value", param="type")
        config, options = session_config.for_response(self._state.config, event.response)
        if options.conversation == "auto" and self._active:
            message = f"Conversation already has an active response in progress: {self._active.id}."
            raise ProtocolError(message, code="conversation_already_has_active_response")
        if options.conversation == "none" and len(self._out_of_band) >= MAX_OUT_OF_BAND:
            message = f"At most {MAX_OUT_OF_BAND} responses outside the conversation at a time."
            raise ProtocolError(message, code="too_many_responses", param="response.conversation")
        self._respond(config, options)

    def _respond(self, config: SessionConfig, options: ResponseOptions, *, silence: bool = False) -> None:
        self._stop_idle_timer()
        response = RealtimeResponse(self._state, self._models, config, options, silence=silence)
        task = response.start()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if response.out_of_band:
            self._out_of_band.add(response)
            task.add_done_callback(lambda _: self._out_of_band.discard(response))
        else:
            self._response = response
            task.add_done_callback(lambda _: self._start_idle_timer())

    async def _cancel_response(self, event: client.ResponseCancel) -> None:
        candidates = [*self._out_of_band, *([self._active] if self._active else [])]
        wanted = self._active
        if event.response_id is not None:
            wanted = next((response for response in candidates if response.id == event.response_id), None)
        if wanted is None:
            raise ProtocolError("Cancellation failed: no active response found", code="response_cancel_not_active")
        await wanted.cancel("client_cancelled")

    # --- a caller who says nothing

    def _start_idle_timer(self) -> None:
        """From the end of playback, ``idle_timeout_ms`` of silence end a turn that holds nothing."""
        detection = self._state.config.turn_detection
        if detection is None or detection.idle_timeout_ms is None or self._audio.speaking:
            return
        self._stop_idle_timer()

        def on_idle() -> None:
            task = asyncio.create_task(self._end_silent_turn())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

        loop = asyncio.get_running_loop()
        until = max(self._state.playback_ends_at, loop.time()) + detection.idle_timeout_ms / 1000
        self._idle = loop.call_at(until, on_idle)

    def _stop_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _end_silent_turn(self) -> None:
        """A turn without speech, as the API commits it, and the response that asks whether the caller is there."""
        state = self._state
        item = Message(id=new_id("item"), role="user", content=[Content(type="input_audio", transcript="")])
        now = self._audio.position_ms
        await self._send("input_audio_buffer.timeout_triggered", audio_start_ms=now, audio_end_ms=now, item_id=item.id)
        await self._send("input_audio_buffer.committed", previous_item_id=state.conversation.last_id, item_id=item.id)
        await self._insert(item)
        if not self._active:
            self._respond(state.config, ResponseOptions(), silence=True)

    async def _send(self, event_type: str, **fields: Any) -> None:
        await self._state.wire.send(event_type, **fields)
