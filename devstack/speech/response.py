"""One response: what the agent decides, as the protocol's events, the speech clause by clause."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import Any, Literal

import msgspec

from devstack.speech.agent import Action, Say, TurnContext
from devstack.speech.lead import MOST_HELD_S, is_enough
from devstack.speech.protocol import usage
from devstack.speech.protocol.items import Content, FunctionCall, Heard, Item, Message, new_id, parse_item
from devstack.speech.protocol.session_config import ResponseOptions, SessionConfig
from devstack.speech.protocol.usage import OUTPUT_MS_PER_TOKEN, Tokens, text_tokens
from devstack.speech.session_state import SessionState
from devstack.speech.speech_models import TRANSCRIBE_TIMEOUT_S, Overloaded, SpeechModels
from devstack.speech.tool_calls import UseTool
from process import logs
from voices import find_voice, resample
from voices.clauses import clauses

log = logs.get(__name__)

DELTA_MS = 200  # audio in one delta

CancelReason = Literal["turn_detected", "client_cancelled"]


class _OutOfTokens(Exception):  # noqa: N818 - an ordinary end of a response
    """``max_output_tokens`` is used up."""


class RealtimeResponse:
    """Runs as one task; ``cancel`` ends it with the events of a cancelled response."""

    def __init__(
        self,
        state: SessionState,
        models: SpeechModels,
        config: SessionConfig,
        options: ResponseOptions,
        *,
        silence: bool = False,
    ) -> None:
        self.id = new_id("resp")
        self.out_of_band = options.conversation == "none"
        self._state, self._models, self._config, self._options = state, models, config, options
        self._silence = silence
        self._context = (
            [parse_item(raw, "response.input") for raw in options.input] if options.input is not None else None
        )
        self._output: list[Item] = []
        self._open: Message | None = None
        self._spent = Tokens()
        self._reason: CancelReason = "client_cancelled"
        self.task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self._run())
        return self.task

    async def cancel(self, reason: CancelReason) -> None:
        """Returns once ``response.done`` is sent."""
        if self.task is None or self.task.done():
            return
        self._reason = reason
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        await self._send("response.created", response=self._body("in_progress"))
        try:
            for action in await self._decide():
                await (self._say(action.text) if isinstance(action, Say) else self._call(action))
        except asyncio.CancelledError:
            await self._close_open_item("incomplete")
            await self._done("cancelled", {"type": "cancelled", "reason": self._reason})
        except _OutOfTokens:
            await self._close_open_item("incomplete")
            await self._done("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        except Exception as error:  # whatever fails, the client gets the end of its response
            log.exception("the response failed", response_id=self.id)
            await self._close_open_item("incomplete")
            code = "engine_overloaded" if isinstance(error, Overloaded | TimeoutError) else "engine_failed"
            problem = {
                "type": "server_error",
                "code": code,
                "message": "The speech engine could not finish the response.",
            }
            await self._done("failed", {"type": "failed", "error": problem})
        else:
            await self._done("completed", None)

    async def _decide(self) -> list[Action]:
        """What to do, once everything that was said is known as text."""
        await asyncio.wait_for(self._state.transcribed.wait(), TRANSCRIBE_TIMEOUT_S)
        state, config = self._state, self._config
        turn = TurnContext(
            items=list(self._context if self._context is not None else state.conversation),
            tools=config.tools,
            tool_choice=config.tool_choice,
            parallel=config.parallel_tool_calls,
            language=state.language,
            instructions=self._options.instructions or "",
            menu=config.instructions,
            expects_reply=state.expects_reply,
            silence=self._silence,
            unsure=frozenset(state.unsure),
        )
        if self.out_of_band:
            return await asyncio.to_thread(copy.deepcopy(state.agent).respond, turn)
        state.expects_reply = False
        # Matching names takes tens of milliseconds: not on the loop that hears the other callers.
        return await asyncio.to_thread(state.agent.respond, turn)

    async def _call(self, call: UseTool) -> None:
        arguments = msgspec.json.encode(call.arguments).decode()
        item = FunctionCall(
            id=new_id("item"), name=call.name, arguments="", call_id=new_id("call"), status="in_progress"
        )
        await self._add(item)
        place = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": len(self._output) - 1,
            "call_id": item.call_id,
        }
        await self._send("response.function_call_arguments.delta", **place, delta=arguments)
        await self._send("response.function_call_arguments.done", **place, name=call.name, arguments=arguments)
        item.arguments, item.status = arguments, "completed"
        self._spent += Tokens(text_tokens(call.name + arguments))
        await self._finish(item)

    async def _say(self, text: str) -> None:
        spoken = self._config.output_modalities[0] == "audio"
        item = Message(id=new_id("item"), role="assistant", content=[], status="in_progress")
        await self._add(item)
        content = Content(type="output_audio", transcript="") if spoken else Content(type="output_text", text="")
        item.content.append(content)
        self._open = item
        part = {"type": "audio", "transcript": ""} if spoken else {"type": "text", "text": ""}
        await self._send("response.content_part.added", **self._place(item), part=part)
        if spoken:
            await self._say_aloud(item, content, text)
        else:
            content.text = text
            self._spend(Tokens(text_tokens(text)))
            await self._send("response.output_text.delta", **self._place(item), delta=text)
        await self._close_open_item("completed")

    async def _say_aloud(self, item: Message, content: Content, text: str) -> None:
        output, wire_format = self._config.audio.output, self._config.output_format
        voice = find_voice(output.voice, self._state.language)

        def is_kept(clause: str) -> bool:
            return self._models.kept(clause, voice, output.speed) is not None

        pieces, held, began = clauses(text), list[tuple[str, bytes]](), time.monotonic()
        for made, clause in enumerate(pieces, 1):
            clip = await self._models.say(clause, voice, output.speed)
            held.append((clause, wire_format.encode(resample(clip.samples, clip.rate, wire_format.rate))))
            speech_s = sum(wire_format.duration_ms(len(audio)) for _, audio in held) / 1000
            waited = content.words or time.monotonic() - began >= MOST_HELD_S
            if waited or is_enough(pieces[made:], speech_s, self._models.pace(voice), is_kept):
                for one, audio in held:
                    await self._utter(item, content, one, audio)
                held.clear()

    async def _utter(self, item: Message, content: Content, clause: str, audio: bytes) -> None:
        wire_format = self._config.output_format
        heard = self._state.conversation.heard.setdefault(item.id, Heard())
        step = wire_format.rate * wire_format.bytes_per_sample * DELTA_MS // 1000
        duration_ms = wire_format.duration_ms(len(audio))
        self._spend(Tokens(text_tokens(clause), -(-duration_ms // OUTPUT_MS_PER_TOKEN)))
        delta = f" {clause}" if content.words else clause
        content.transcript = content.words + delta
        heard.clauses.append((clause, heard.duration_ms + duration_ms))
        self._state.audio_was_sent = True
        self._state.will_play(duration_ms)
        await self._send("response.output_audio_transcript.delta", **self._place(item), delta=delta)
        for start in range(0, len(audio), step):
            await self._send("response.output_audio.delta", **self._place(item), delta=audio[start : start + step])
            await asyncio.sleep(0)  # between two deltas an interruption can cancel the rest

    def _spend(self, tokens: Tokens) -> None:
        limit = self._config.max_output_tokens
        if limit != "inf" and (self._spent + tokens).total > limit:
            raise _OutOfTokens
        self._spent += tokens

    async def _close_open_item(self, status: Literal["completed", "incomplete"]) -> None:
        """The closing events of the message being spoken, if there is one."""
        item, self._open = self._open, None
        if item is None:
            return
        content = item.content[0]
        place = self._place(item)
        if content.type == "output_audio":
            await self._send("response.output_audio.done", **place)
            await self._send("response.output_audio_transcript.done", **place, transcript=content.words)
            part = {"type": "audio", "transcript": content.words}
        else:
            await self._send("response.output_text.done", **place, text=content.words)
            part = {"type": "text", "text": content.words}
        await self._send("response.content_part.done", **place, part=part)
        item.status = status
        await self._finish(item)

    async def _add(self, item: Item) -> None:
        self._output.append(item)
        fields = {"response_id": self.id, "output_index": len(self._output) - 1, "item": item}
        await self._send("response.output_item.added", **fields)
        if not self.out_of_band:
            previous = self._state.conversation.insert(item)
            await self._send("conversation.item.added", previous_item_id=previous, item=item)

    async def _finish(self, item: Item) -> None:
        index = self._output.index(item)
        await self._send("response.output_item.done", response_id=self.id, output_index=index, item=item)
        if not self.out_of_band:
            await self._send("conversation.item.done", previous_item_id=None, item=item)

    async def _done(self, status: str, details: dict[str, Any] | None) -> None:
        state = self._state
        items = self._context if self._context is not None else list(state.conversation)
        written = {item.id for item in self._output}
        context = usage.of_context(self._config, [item for item in items if item.id not in written], state.spoken_ms)
        figures = usage.usage(context, state.cached, self._spent)
        if not self.out_of_band:
            state.cached = context
        await self._send("response.done", response=self._body(status, details, figures))
        # This server has no limits; a client of OpenAI expects the event after each response.
        limits = [
            {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06},
            {"name": "tokens", "limit": 1_000_000, "remaining": 1_000_000 - context.total, "reset_seconds": 0.06},
        ]
        await self._send("rate_limits.updated", rate_limits=limits)

    def _place(self, item: Item) -> dict[str, Any]:
        index = self._output.index(item)
        return {"response_id": self.id, "item_id": item.id, "output_index": index, "content_index": 0}

    def _body(
        self, status: str, details: dict[str, Any] | None = None, figures: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        output = self._config.audio.output
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": self._output,
            "conversation_id": None if self.out_of_band else self._state.conversation.id,
            "output_modalities": self._config.output_modalities,
            "max_output_tokens": self._config.max_output_tokens,
            "audio": {"output": {"format": output.format, "voice": output.voice}},
            "usage": figures,
            "metadata": self._options.metadata,
        }

    async def _send(self, event_type: str, **fields: Any) -> None:
        await self._state.wire.send(event_type, **fields)
