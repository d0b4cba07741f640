"""One synthetic call, from INVITE to BYE, and how far it got.

The caller goes by ear: it speaks when the other side has been silent for a moment, and says yes until an order has been
written down or its patience ends. What was written is compared; what was said is neither understood nor kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from softphone.caller import Caller
from stores.rehearsals import FailedAt, RehearsedOrder, SyntheticCall
from synthetic_caller import script

ANSWER_WITHIN_S = 10.0
GREETING_WITHIN_S = 10.0
REPLY_WITHIN_S = 20.0
SENTENCE_AT_MOST_S = 40.0
TURN_ENDS_AFTER_MS = 1200
MOST_YES = 4
WRITTEN_WITHIN_S = 10.0
POLL_S = 0.5
GOODBYE_S = 10.0
CALL_AT_MOST_S = 200.0

Written = Callable[[datetime], Awaitable[RehearsedOrder | None]]
"""The newest order that was written down since a moment."""


class _FailedError(Exception):
    def __init__(self, at: FailedAt, why: str) -> None:
        super().__init__(why)
        self.at: FailedAt = at
        self.why = why


class Rehearsal:
    """``run`` once. ``written`` may raise what a database that is away raises."""

    def __init__(
        self, caller: Caller, written: Written, sounds: Mapping[str, bytes], *, most_s: float = CALL_AT_MOST_S
    ) -> None:
        self._caller = caller
        self._written = written
        self._sounds = sounds
        self._most_s = most_s
        self._answer_ms: float | None = None
        self._greeting_ms: float | None = None
        self._reply_ms: float | None = None
        self._reached: FailedAt = "answer"

    async def run(self) -> SyntheticCall:
        began, started_at = time.monotonic(), datetime.now(UTC)
        failed_at: FailedAt = ""
        why = ""
        try:
            async with asyncio.timeout(self._most_s), self._caller:
                await self._talk(started_at)
        except _FailedError as failed:
            failed_at, why = failed.at, failed.why
        except TimeoutError:
            failed_at, why = self._reached, f"not over after {self._most_s:.0f} s"
        return SyntheticCall(
            started_at,
            failed_at,
            why,
            _whole(self._answer_ms),
            _whole(self._greeting_ms),
            _whole(self._reply_ms),
            round(time.monotonic() - began, 1),
        )

    async def _talk(self, started_at: datetime) -> None:
        await self._answered()
        for name in script.OPENING:
            await self._say(name)
        self._reached = "order"
        order = None
        for _ in range(MOST_YES):
            if self._caller.hung_up.is_set():
                break
            await self._say("yes")
            order = await self._written(started_at)
            if order is not None:
                break
        order = order or await self._until_written(started_at)
        if order is None:
            raise _FailedError("order", "no order was written")
        if difference := compared(order):
            raise _FailedError("content", difference)
        await self._goodbye()

    async def _answered(self) -> None:
        result = await self._caller.invite(ANSWER_WITHIN_S)
        if result.status != 200:
            raise _FailedError("answer", f"{result.status} {result.reason}"[:100])
        self._answer_ms = result.ms_to_200
        self._reached = "greeting"
        try:
            await self._caller.rtp.wait_for_voice(0.0, GREETING_WITHIN_S)
        except TimeoutError:
            raise _FailedError("greeting", f"nothing heard within {GREETING_WITHIN_S:.0f} s") from None
        self._greeting_ms = self._caller.first_voice_ms
        self._reached = "reply"
        await self._turn_ends(0.0)

    async def _say(self, name: str) -> None:
        """Say it and listen until the other side is silent again. Raises _FailedError where it says nothing."""
        if self._caller.hung_up.is_set():
            raise _FailedError(self._reached, f"hung up before {name!r} could be said")
        sound = self._sounds[name]
        self._caller.say(sound)
        await self._caller.rtp.until_said(len(sound) / 8000 + 5)
        ended = time.monotonic()
        try:
            heard = await self._caller.unless_hung_up(self._caller.rtp.wait_for_voice(ended, REPLY_WITHIN_S))
        except TimeoutError:
            raise _FailedError("reply", f"no reply to {name!r} within {REPLY_WITHIN_S:.0f} s") from None
        if heard is None:
            return
        if self._reply_ms is None:
            self._reply_ms = (heard - ended) * 1000
        await self._turn_ends(heard - 0.001)  # the packet of the reply itself counts as heard after it

    async def _turn_ends(self, since: float) -> None:
        wait = self._caller.rtp.wait_for_speech_end(TURN_ENDS_AFTER_MS, SENTENCE_AT_MOST_S, since)
        try:
            await self._caller.unless_hung_up(wait)
        except TimeoutError:
            raise _FailedError("reply", f"a voice without a pause for {SENTENCE_AT_MOST_S:.0f} s") from None

    async def _until_written(self, started_at: datetime) -> RehearsedOrder | None:
        """It may be on its way: a handler promises what a database that is away will get."""
        deadline = time.monotonic() + WRITTEN_WITHIN_S
        while (order := await self._written(started_at)) is None and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        return order

    async def _goodbye(self) -> None:
        try:
            await asyncio.wait_for(self._caller.hung_up.wait(), GOODBYE_S)
        except TimeoutError:
            return  # it is the caller who hangs up then


def compared(order: RehearsedOrder) -> str:
    """How the order differs from what was asked for, in words; "" when it does not."""
    asked = [(script.DISH, 1, script.TOTAL_CENTS)]
    lines = [(line.name, line.quantity, line.total_cents) for line in order.lines]
    if lines != asked:
        return f"lines {lines} instead of {asked}"[:200]
    found = (order.fulfilment, order.total_cents, order.currency)
    wanted = (script.FULFILMENT, script.TOTAL_CENTS, script.CURRENCY)
    return "" if found == wanted else f"{found} instead of {wanted}"


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
