"""A caller on the line, and the live feed beside it: what a test says, hears, and is told about the call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from devstack.stack.running import DialableLine
from devstack.stack.timeline import watch_live
from softphone.caller import Caller, CallResult

REPLY_WITHIN_S = 60.0
TURN_ENDS_AFTER_MS = 900
TOLD_WITHIN_S = 60.0
POLL_S = 0.02

Message = dict[str, Any]


class LiveFeed:
    """Everything published while it is watched, by all restaurants."""

    def __init__(self, redis_url: str) -> None:
        self.messages: list[Message] = []
        self._redis_url = redis_url

    async def watch(self) -> None:
        """Until cancelled."""
        await watch_live(self._redis_url, lambda message, at: self.messages.append(dict(message)))

    async def told(self, about: Callable[[Message], bool], since: int = 0, timeout_s: float = TOLD_WITHIN_S) -> Message:
        """The first message that is ``about`` it, at or after the position ``since``."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = next((message for message in self.messages[since:] if about(message)), None)
            if found is not None:
                return found
            assert time.monotonic() < deadline, f"not told within {timeout_s:g} s; told: {self.messages[since:]}"
            await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def live_feed(redis_url: str) -> AsyncIterator[LiveFeed]:
    feed = LiveFeed(redis_url)
    watching = asyncio.create_task(feed.watch())
    try:
        yield feed
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class PhoneCall:
    """One call to ``line``. ``sentences`` are what it can say, as µ-law; leaving the context hangs up."""

    def __init__(self, sip_port: int, line: DialableLine, feed: LiveFeed, sentences: Mapping[str, bytes]) -> None:
        self.line = line
        self.caller = Caller(("127.0.0.1", sip_port), line.line_id)
        self.call_id = ""
        self._feed = feed
        self._sentences = sentences
        self._since = 0

    async def __aenter__(self) -> PhoneCall:
        await self.caller.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.caller.__aexit__()

    # --- Ringing -----------------------------------------------------------------------------------------

    async def ring(self) -> CallResult:
        self._since = len(self._feed.messages)
        return await self.caller.invite()

    async def ring_until_joined(self) -> None:
        """Answered, greeted, and a handler is there."""
        result = await self.ring()
        assert result.status == 200, result
        await self.hears_voice(0.0)
        self.call_id = (await self.told("call", state="answered"))["callId"]
        await self.told("call", state="joined")

    # --- Talking -----------------------------------------------------------------------------------------

    async def says(self, sentence: str) -> None:
        """A sentence, and then all of the answer, which ends with a question."""
        before = len(self._feed.messages)
        ended = await self.speaks(sentence)
        await self.is_asked(before, ended)

    async def gets_across(self, tool: str, *ways: str, since: int | None = None) -> None:
        """Say it, and say it another way when it was not understood, as callers do: until ``tool`` has been called.

        ``since`` is a position of the feed, this call's first message when left out.
        """
        start = self._since if since is None else since
        for sentence in ways:
            if self._has_called(tool, start):
                return
            await self.says(sentence)
        assert self._has_called(tool, start), f"{tool} was not called; told: {self._feed.messages[start:]}"

    async def is_asked(self, before: int, since: float) -> None:
        """Hear a question to its end: one told after the feed's position ``before`` and heard after ``since``."""
        await self._feed.told(self._is_question, before)
        await self.until_silent(await self.hears_voice(since))

    async def agrees(self, sentence: str) -> None:
        """Hear the order read back to its total and its end, which may be over, and say ``sentence``."""
        read_back = await self._feed.told(self._is_read_back, self._since)
        ago = datetime.now(UTC) - datetime.fromisoformat(str(read_back["at"]))
        await self.until_silent(await self.hears_voice(time.monotonic() - ago.total_seconds()))
        await self.speaks(sentence)

    async def speaks(self, sentence: str) -> float:
        """Without waiting for an answer. Gives the time of its end (monotonic clock)."""
        audio = self._sentences[sentence]
        self.caller.say(audio)
        await self.caller.rtp.until_said(len(audio) / 8000 + 5)
        return time.monotonic()

    async def hears_voice(self, since: float) -> float:
        """When the first voice after ``since`` (monotonic clock) was heard."""
        return await self.caller.rtp.wait_for_voice(since, REPLY_WITHIN_S)

    async def until_silent(self, since: float) -> None:
        """Until the voice that was heard after ``since`` has ended."""
        await self.caller.rtp.wait_for_speech_end(TURN_ENDS_AFTER_MS, REPLY_WITHIN_S, since - 0.001)

    # --- What the feed tells -----------------------------------------------------------------------------

    async def told(self, kind: str, **fields: object) -> Message:
        """The first live message of this call with these fields."""

        def about(message: Message) -> bool:
            ours = not self.call_id or message.get("callId", self.call_id) == self.call_id
            return ours and message["kind"] == kind and fields.items() <= message.items()

        return await self._feed.told(about, self._since)

    def _has_called(self, tool: str, since: int) -> bool:
        wanted = {"kind": "tool", "callId": self.call_id, "name": tool, "ok": True}
        return any(wanted.items() <= message.items() for message in self._feed.messages[since:])

    def _is_read_back(self, message: Message) -> bool:
        return self._is_question(message) and "total" in str(message["text"])

    def _is_question(self, message: Message) -> bool:
        ours = message["kind"] == "said" and message["callId"] == self.call_id and message["who"] == "assistant"
        return ours and str(message["text"]).endswith("?")
