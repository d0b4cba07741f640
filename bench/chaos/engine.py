"""An engine that speaks the Realtime protocol, takes orders by ``dialogue``, and breaks where it is told to.

It needs no speech models: turns are tones and silence (``tones``). It keeps the protocol's rules: one response at a
time, interrupted by the caller's speech, audio sent faster than it is played. A ``Trouble`` is armed for one caller
and happens once, at the stage of the conversation that it names.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from bench.chaos import tones
from bench.chaos.dialogue import Dialogue, Step, ToolUse, Wish

SILENCE_ENDS_AFTER_BYTES = 400 * 8  # as server VAD's, a little quicker
SPEECH_BEGINS_AFTER_BYTES = 60 * 8
DELTA_BYTES = 200 * 8
SENTENCE_INSTRUCTION = "Say exactly this sentence, and nothing else: "
OPENING_REPLY_S = 0.6
YES: tones.Voice = (tones.YES_HZ,)

Kind = Literal[
    "drop",  # the connection breaks without a close frame
    "close_twice",  # closed with 1011, and so is the next one
    "refuse_429",  # broken, and the next upgrade is answered with 429
    "refuse_503",
    "stall",  # a reply's audio stops half-way and the reply never ends
    "endless_turn",  # speech_started without a speech_stopped
    "active_response",  # response.create is refused since the engine has begun a reply by itself
    "empty_reply",  # completed, without any output
    "incomplete_reply",  # half of the audio
    "tool_twice",  # the same function call twice in one reply
    "done_twice",  # response.done twice
]
Stage = Literal["order", "read_back", "yes", "confirmed"]
STAGES: tuple[Stage, ...] = ("order", "read_back", "yes", "confirmed")
# Those that need a certain kind of reply or moment; the others may happen at any.
STAGES_OF: dict[Kind, tuple[Stage, ...]] = {
    "stall": ("read_back",),
    "incomplete_reply": ("read_back",),
    "empty_reply": ("order", "read_back", "yes", "confirmed"),
    "endless_turn": ("order", "yes"),
    "active_response": ("read_back", "confirmed"),
    "tool_twice": ("order", "yes"),
}


@dataclass(slots=True)
class Trouble:
    """``left``: how often it still happens; from the second time on at whatever stage."""

    kind: Kind
    stage: Stage | None
    left: int = 1


@dataclass(slots=True)
class Engine:
    """Serves on loopback. ``wishes`` are the callers that it knows, by their voice."""

    wishes: dict[tones.Voice, Wish] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)  # by the caller's name
    happened: list[tuple[str, Kind]] = field(default_factory=list)
    refuse_next: list[int] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await ws_create_server(self._admit, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def expect(self, wish: Wish, trouble: Trouble | None = None) -> None:
        """``wish.voice`` is that caller's from now on."""
        self.wishes[wish.voice] = wish
        if trouble is not None:
            self.troubles[wish.name] = trouble

    def named_in(self, text: str) -> Wish | None:
        return next((wish for wish in self.wishes.values() if wish.name in text), None)

    def trouble(self, wish: Wish | None, stage: Stage, kinds: Iterable[Kind]) -> Kind | None:
        """What is to happen now to this caller's conversation; it counts as happened."""
        armed = self.troubles.get(wish.name) if wish is not None else None
        if wish is None or armed is None or not armed.left or armed.kind not in kinds:
            return None
        if armed.stage not in (None, stage):
            return None
        armed.left -= 1
        armed.stage = None
        self.happened.append((wish.name, armed.kind))
        return armed.kind

    def _admit(self, _: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        if self.refuse_next:
            refusal = WSUpgradeResponse.create_error_response(self.refuse_next.pop(0), b"refused")
            return WSUpgradeResponseWithListener(refusal, None)
        return Session(self)


class Session(WSListener):
    """One connection of a call handler."""

    _ids = itertools.count(1)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialogue = Dialogue()
        self._transport: WSTransport | None = None
        self._tools: dict[str, str] = {}  # call id to tool
        self._response = ""
        self._turn = _Turn()

    # --- The protocol -------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._send("session.created", session={"type": "realtime", "id": f"sess_{next(self._ids)}"})

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        event = orjson.loads(frame.get_payload_as_memoryview())
        match event.get("type"):
            case "input_audio_buffer.append":
                self._hear(base64.b64decode(event["audio"]))
            case "input_audio_buffer.commit":
                self._commit()
            case "session.update":
                self._send("session.updated", session=event["session"])
            case "conversation.item.create":
                self._item(event["item"])
            case "response.create":
                self._asked(event.get("response") or {}, event.get("event_id"))
            case "response.cancel":
                self._end_reply("cancelled")
            case "conversation.item.truncate":
                place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self._send("conversation.item.truncated", **place)

    def _send(self, kind: str, **fields: object) -> None:
        if self._transport is not None:
            message = {"type": kind, "event_id": f"event_{next(self._ids)}", **fields}
            self._transport.send(WSMsgType.TEXT, orjson.dumps(message))

    def _item(self, item: dict[str, Any]) -> None:
        if item["type"] == "function_call_output":
            self._dialogue.tool_answered(self._tools.get(item["call_id"], ""), item["output"])
            return
        text = "".join(part.get("text", "") for part in item.get("content", ()))
        if item["role"] == "system":
            self._dialogue.resumed(text)
        elif item["role"] == "user":
            self._dialogue.wish = self._engine.named_in(text) or self._dialogue.wish

    # --- The caller's turns -------------------------------------------------------------------------------------

    def _hear(self, audio: bytes) -> None:
        began, ended = self._turn.hear(audio)
        if began:
            self._send("input_audio_buffer.speech_started", audio_start_ms=self._turn.began_ms, item_id=self._item_id())
            self._end_reply("cancelled")
        if ended and self._trouble(self._turn_stage(), ("endless_turn",)) is None:
            end_ms = self._turn.heard_ms
            self._send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._item_id())
            if self._commit():
                self._reply(self._dialogue.next_step())

    def _turn_stage(self) -> Stage:
        voice = self._turn.voice()
        if self._dialogue.wish is None and voice in self._engine.wishes:
            self._dialogue.wish = self._engine.wishes[voice]
        return "yes" if voice == YES else "order"

    def _commit(self) -> bool:
        """What was heard becomes an item, with its words. False when the connection broke over it."""
        voice, item_id = self._turn.voice(), self._item_id()
        stage, words = self._turn_stage(), "Hello?"
        self._turn.reset()
        self._send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        if voice == YES:
            words = "Yes please."
            self._dialogue.agreed()
        elif voice in self._engine.wishes:
            wish = self._engine.wishes[voice]
            words = wish.words
            self._dialogue.ordered(wish)
        kind = "conversation.item.input_audio_transcription.completed"
        self._send(kind, item_id=item_id, content_index=0, transcript=words, usage={"type": "duration", "seconds": 1})
        return not self._break(stage)

    # --- Replies ------------------------------------------------------------------------------------------------

    def _asked(self, response: dict[str, Any], event_id: str | None) -> None:
        if self._response:
            self._refuse(event_id)
            return
        instructions = str(response.get("instructions") or "")
        if instructions.startswith(SENTENCE_INSTRUCTION):
            self._reply(self._dialogue.exactly(instructions.removeprefix(SENTENCE_INSTRUCTION)))
            return
        step = self._dialogue.next_step()
        if self._trouble(_stage_of(step), ("active_response",)):
            self._dialogue.postponed(step)
            self._begin_reply()
            self._refuse(event_id)
            asyncio.get_running_loop().call_later(OPENING_REPLY_S, self._end_reply, "completed")
            return
        self._reply(step)

    def _refuse(self, event_id: str | None) -> None:
        code = "conversation_already_has_active_response"
        self._send(
            "error", error={"type": "invalid_request_error", "code": code, "message": code, "event_id": event_id}
        )

    def _reply(self, step: Step) -> None:
        stage = _stage_of(step)
        if self._break(stage):
            return
        trouble = self._trouble(stage, ("stall", "empty_reply", "incomplete_reply", "tool_twice", "done_twice"))
        self._begin_reply()
        if trouble == "empty_reply":
            self._dialogue.postponed(step)
            self._end_reply("completed")
            return
        cut = trouble in ("stall", "incomplete_reply")
        if step.text:
            self._speak(step, 0.5 if cut else 1.0)
        if trouble == "stall":
            self._dialogue.postponed(step)
            return
        if trouble == "incomplete_reply":
            self._dialogue.postponed(step)
            self._end_reply("incomplete")
            return
        self._dialogue.said(step)
        calls = [self._function_call(tool) for tool in step.tools]
        done = self._end_reply("completed", calls + calls[-1:] if trouble == "tool_twice" else calls)
        if trouble == "done_twice":
            self._send("response.done", response=done)

    def _begin_reply(self) -> None:
        self._response = f"resp_{next(self._ids)}"
        self._send("response.created", response={"id": self._response, "status": "in_progress", "output": []})

    def _speak(self, step: Step, share: float) -> None:
        place = {"response_id": self._response, "item_id": self._item_id(), "output_index": 0, "content_index": 0}
        audio = tones.tone(step.hertz, step.seconds)
        audio = audio[: int(len(audio) * share)]
        self._send("response.output_audio_transcript.delta", **place, delta=step.text)
        for at in range(0, len(audio), DELTA_BYTES):
            delta = base64.b64encode(audio[at : at + DELTA_BYTES]).decode()
            self._send("response.output_audio.delta", **place, delta=delta)
        if share == 1.0:
            self._send("response.output_audio.done", **place)
            self._send("response.output_audio_transcript.done", **place, transcript=step.text)

    def _function_call(self, tool: ToolUse) -> dict[str, Any]:
        call_id = f"call_{next(self._ids)}"
        self._tools[call_id] = tool.name
        arguments = orjson.dumps(tool.arguments).decode()
        item = {"id": self._item_id(), "type": "function_call", "status": "completed"}
        return item | {"name": tool.name, "call_id": call_id, "arguments": arguments}

    def _end_reply(self, status: str, output: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
        """End the reply in progress, if there is one; what ``response.done`` said of it."""
        if not self._response:
            return {}
        done = {"id": self._response, "status": status, "status_details": None, "output": [*output], "usage": None}
        self._response = ""
        self._send("response.done", response=done)
        return done

    # --- Troubles -----------------------------------------------------------------------------------------------

    def _trouble(self, stage: Stage, kinds: Iterable[Kind]) -> Kind | None:
        return self._engine.trouble(self._dialogue.wish, stage, kinds)

    def _break(self, stage: Stage) -> bool:
        """Whether the connection was broken here."""
        trouble = self._trouble(stage, ("drop", "close_twice", "refuse_429", "refuse_503"))
        if trouble is None or self._transport is None:
            return False
        transport, self._transport, self._response = self._transport, None, ""
        if trouble == "close_twice":
            transport.send_close(WSCloseCode.INTERNAL_ERROR, b"the server had an error")
            transport.disconnect()
            return True
        if trouble.startswith("refuse_"):
            self._engine.refuse_next.append(int(trouble.removeprefix("refuse_")))
        transport.disconnect(graceful=False)
        return True

    def _item_id(self) -> str:
        return f"item_{next(self._ids)}"


def _stage_of(step: Step) -> Stage:
    """Which stage of the conversation this reply belongs to."""
    if step.hertz == tones.READ_BACK_HZ:
        return "read_back"
    if step.hertz == tones.CONFIRMED_HZ:
        return "confirmed"
    return "yes" if any(tool.name == "confirm_order" for tool in step.tools) else "order"


class _Turn:
    """Voice activity: when a turn begins and ends, and whose it was."""

    def __init__(self) -> None:
        self.heard_ms = 0
        self.began_ms = 0
        self._speaking = False
        self.reset()

    def reset(self) -> None:
        self._speaking = False
        self._loud_bytes = self._quiet_bytes = 0
        self._pitches: list[int] = []  # of the turn's frames

    def voice(self) -> tones.Voice:
        return tones.heard(self._pitches)

    def hear(self, audio: bytes) -> tuple[bool, bool]:
        """Whether a turn began, and whether one ended, with ``audio``."""
        self.heard_ms += len(audio) // 8
        if tones.is_loud(audio):
            self._loud_bytes += len(audio)
            self._pitches.extend(tones.pitches(audio))
            self._quiet_bytes = 0
            if not self._speaking and self._loud_bytes >= SPEECH_BEGINS_AFTER_BYTES:
                self._speaking = True
                self.began_ms = max(0, self.heard_ms - self._loud_bytes // 8)
                return True, False
            return False, False
        self._quiet_bytes += len(audio)
        if self._speaking and self._quiet_bytes - len(audio) < SILENCE_ENDS_AFTER_BYTES <= self._quiet_bytes:
            return False, True
        if not self._speaking and self._quiet_bytes >= SILENCE_ENDS_AFTER_BYTES:
            self.reset()
        return False, False
