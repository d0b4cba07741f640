"""The conversation in its trace: a span a turn, with one for each of the engine's replies and each tool, none a frame.

A turn begins with the caller's first sound, or with a reply that we asked for, and lasts until the reply to it is
made; tools and further replies are part of it. Names are those of OpenTelemetry's conventions for generative AI:
``invoke_agent`` is the turn, ``chat`` a reply, ``execute_tool`` a tool. What is said is in none of their attributes;
where somebody may be told, it is in the turn's ``words``.

An observer: it is told what the engine does, and changes nothing. A call without traces has none.
"""

from __future__ import annotations

import time

import msgspec

from functions.call_handler.engines.base import (
    CallerPauses,
    CallerSpeaks,
    Engine,
    EngineEvent,
    EngineGone,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
)
from functions.call_handler.engines.costs import Usage
from process.telemetry import spans
from process.telemetry.spans import Span

AGENT = "alloresto"


class Turns:
    """One a call that is recorded; made where its span is the current one."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._call = spans.current()
        self._turn: Span | None = None
        self._over_ns = 0  # the turn's reply is made: its words may still come
        self._replies: dict[str, Span] = {}
        self._answered = False
        self._paused_at: float | None = None
        self._said: list[tuple[str, str]] = []

    def heard(self, engine: Engine, event: EngineEvent) -> None:
        """What the engine on the line just told."""
        match event:
            case ReplyAudio():  # first: there are hundreds of them
                if self._paused_at is not None:
                    self._first_audio(self._paused_at)
            case CallerSpeaks():
                if self._turn is None or self._answered:
                    self._begin(engine, interrupts=bool(self._replies))
                self._event("caller speaks")
            case CallerPauses():
                self._paused_at = time.monotonic()
                self._event("caller pauses")
            case ReplyStarts():
                self._reply_starts(engine, event)
            case ReplyEnds():
                self._reply_ends(event)
            case EngineGone():
                self._event("engine lost")
                self._end_replies(type(event).__name__)

    def said(self, who: str, words: str) -> None:
        """What may be kept of what the "caller" or the "assistant" said."""
        if words:
            self._said.append(("user" if who == "caller" else who, words))

    def current(self) -> str:
        """The traceparent of what is done for the turn."""
        return self._call if self._turn is None else self._turn.traceparent

    def close(self) -> None:
        """The conversation is over."""
        self._end_replies("")
        self._end()

    def _begin(self, engine: Engine, interrupts: bool = False) -> None:
        if self._turn is not None and interrupts:
            self._turn.set({"alloresto.turn.interrupted": True})
        self._end()
        self._turn = spans.begin(
            f"invoke_agent {AGENT}",
            parent=self._call,
            attributes=self._described(engine, "invoke_agent") | {"gen_ai.agent.name": AGENT},
        )
        self._turn.conversation = True
        self._answered = False
        self._paused_at = None

    def _end(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            if spans.has_words():
                turn.words = _words(self._said)
            turn.end(at_ns=self._over_ns)
        self._said = []
        self._over_ns = 0

    def _reply_starts(self, engine: Engine, event: ReplyStarts) -> None:
        if self._turn is None or self._over_ns:
            self._begin(engine)
        self._answered = True
        reply = spans.begin(
            f"chat {engine.model}",
            "client",
            parent=self.current(),
            attributes=self._described(engine, "chat") | {"gen_ai.output.type": "speech"},
        )
        reply.conversation = True
        self._replies[event.reply_id] = reply

    def _reply_ends(self, event: ReplyEnds) -> None:
        reply = self._replies.pop(event.reply_id, None)
        if reply is None:
            return
        finished = "tool_calls" if event.calls else "stop" if event.status == "completed" else event.status
        reply.set({"gen_ai.response.finish_reasons": (finished,), **_tokens(event.usage)})
        reply.end("failed" if event.status == "failed" else "")
        if not event.calls and self._turn is not None and reply.parent_id == self._turn.span_id:
            self._over_ns = time.time_ns()

    def _end_replies(self, error: str) -> None:
        for reply in self._replies.values():
            reply.end(error)
        self._replies.clear()

    def _first_audio(self, paused_at: float) -> None:
        self._paused_at = None
        if self._turn is not None:
            waited_ms = round((time.monotonic() - paused_at) * 1000)
            self._turn.set({"alloresto.turn.first_audio_ms": waited_ms})

    def _event(self, name: str) -> None:
        if self._turn is not None:
            self._turn.event(name)

    def _described(self, engine: Engine, operation: str) -> dict[str, spans.Value]:
        """``provider``: whose protocol is spoken, as the convention has it."""
        return {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "anthropic" if engine.model.startswith("claude") else "openai",
            "gen_ai.request.model": engine.model,
            "gen_ai.conversation.id": self._call_id,
            "alloresto.engine": engine.name,
        }


def _tokens(usage: Usage) -> dict[str, spans.Value]:
    cached = usage.text_cached + usage.audio_cached
    return {
        "gen_ai.usage.input_tokens": usage.text_in + usage.audio_in + cached,
        "gen_ai.usage.output_tokens": usage.text_out + usage.audio_out,
        "gen_ai.usage.cache_read.input_tokens": cached,
    }


def _words(said: list[tuple[str, str]]) -> dict[str, str]:
    """As the present convention has it, and as the one before, which LangSmith reads."""
    words: dict[str, str] = {}
    for role, present, before in (
        ("user", "gen_ai.input.messages", "gen_ai.prompt"),
        ("assistant", "gen_ai.output.messages", "gen_ai.completion"),
    ):
        texts = [text for who, text in said if who == role]
        if texts:
            parts = [{"type": "text", "content": text} for text in texts]
            words[present] = msgspec.json.encode([{"role": role, "parts": parts}]).decode()
            words[before] = "\n".join(texts)
    return words
