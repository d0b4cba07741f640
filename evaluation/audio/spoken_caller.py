"""One caller as a process of its own: speaks what it is told to over real SIP, and tells what it hears.

``python -m evaluation.audio.spoken_caller`` reads JSON lines on stdin, a ``Dial`` and then an ``Act`` at a time, and
writes a ``Told`` a line on stdout. It does not understand what it hears: only whether there is a voice, and when.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal

import msgspec
import uvloop

from evaluation.audio.sentences import RATE, spoken
from softphone.caller import Caller
from softphone.media import FRAME_S
from softphone.scripted_call import END_OF_TURN_SILENCE_MS, trailing_silence_s

ANSWERED_WITHIN_S = 15.0


class Dial(msgspec.Struct, frozen=True):
    """``sentences`` are made before the call, and kept in ``folder`` for the next one. ``from_user`` "" is withheld."""

    target: str
    to_user: str
    voice: str
    sentences: tuple[str, ...]
    folder: str
    recording: str
    from_user: str = "+33600000001"
    noise_db: int | None = None


class Act(msgspec.Struct, frozen=True):
    """One of: ``say`` a sentence (and ``then`` another one, ``then_ms`` into the answer to it), ``press`` keys, or only
    listen. Each is over with the answer to it, at the latest after ``wait_s``. ``hang_up`` after ``wait_s``, unless the
    other side is faster."""

    say: str = ""
    then: str = ""
    then_ms: int = 0
    press: str = ""
    hang_up: bool = False
    wait_s: float = 20.0


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """``ms`` of ``heard`` is from the end of a sentence to the first voice."""

    kind: Literal["ready", "refused", "answered", "heard", "quiet", "silence", "gone", "done"]
    ms: float = 0.0
    text: str = ""
    referred: bool = False


def tell(kind: str, **fields: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"kind": kind, **fields}) + b"\n")
    sys.stdout.buffer.flush()


def _spoken(dial: Dial, text: str) -> bytes:
    return spoken(text, dial.voice, dial.noise_db, Path(dial.folder))


class SpokenCaller:
    def __init__(self, dial: Dial, audio: dict[str, bytes]) -> None:
        self._dial, self._audio = dial, audio
        host, _, port = dial.target.rpartition(":")
        anonymous = "" if dial.from_user else '"Anonymous" <sip:anonymous@anonymous.invalid>'
        self._caller = Caller(
            (host, int(port)), dial.to_user, from_user=dial.from_user or "anonymous", from_address=anonymous
        )

    async def run(self, acts: asyncio.Queue[Act]) -> None:
        async with self._caller as caller:
            result = await caller.invite(ANSWERED_WITHIN_S)
            if result.status != 200:
                tell("refused", text=f"{result.status} {result.reason}")
                return
            tell("answered", ms=result.ms_to_200)
            await self._answer(0.0, ANSWERED_WITHIN_S)
            while not caller.hung_up.is_set():
                act = await acts.get()
                if act.hang_up:
                    await self._gone(act.wait_s)
                    break
                await self._do(act)
            tell(
                "gone", text="restaurant" if caller.hung_up.is_set() else "caller", referred=caller.refer_to is not None
            )
        caller.write_wav(Path(self._dial.recording))
        tell("done")

    async def _do(self, act: Act) -> None:
        since = time.monotonic()
        if act.say:
            since = await self._say(act.say)
        elif act.press:
            self._caller.press(act.press)
        if act.then:
            first = await self._unless_gone(self._caller.rtp.wait_for_voice(since, act.wait_s))
            if first is not None:
                tell("heard", ms=(first - since) * 1000)
                await asyncio.sleep(max(0.0, first + act.then_ms / 1000 - time.monotonic()))
                since = await self._say(act.then)
        await self._answer(since, act.wait_s)

    async def _say(self, text: str) -> float:
        """When the last sound of it was sent."""
        ulaw = self._audio[text] if text in self._audio else await asyncio.to_thread(_spoken, self._dial, text)
        self._caller.say(ulaw)
        await self._caller.rtp.until_said(len(ulaw) / RATE + 5)
        return time.monotonic() - trailing_silence_s(ulaw)

    async def _answer(self, since: float, wait_s: float) -> None:
        """Tell when a voice comes, and when it has been silent for a while."""
        rtp = self._caller.rtp
        first = await self._unless_gone(rtp.wait_for_voice(since, wait_s))
        if first is None:
            if not self._caller.hung_up.is_set():
                tell("silence", ms=(time.monotonic() - since) * 1000)
            return
        tell("heard", ms=(first - since) * 1000 if since else 0.0)
        await self._unless_gone(rtp.wait_for_speech_end(END_OF_TURN_SILENCE_MS, 120.0, first - FRAME_S))
        tell("quiet")

    async def _gone(self, within_s: float) -> None:
        try:
            await asyncio.wait_for(self._caller.hung_up.wait(), max(0.01, within_s))
        except TimeoutError:
            return

    async def _unless_gone(self, wait: Coroutine[Any, Any, float]) -> float | None:
        """What ``wait`` gives; None when the other side hung up or said nothing in time."""
        with contextlib.suppress(TimeoutError):
            return await self._caller.unless_hung_up(wait)
        return None


async def _acts(queue: asyncio.Queue[Act]) -> None:
    """The end of stdin is the end of the call."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        queue.put_nowait(msgspec.json.decode(line, type=Act))
    queue.put_nowait(Act(hang_up=True, wait_s=0))


async def _call(dial: Dial, audio: dict[str, bytes]) -> None:
    acts: asyncio.Queue[Act] = asyncio.Queue()
    reading = asyncio.create_task(_acts(acts))
    try:
        await SpokenCaller(dial, audio).run(acts)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def main() -> None:
    dial = msgspec.json.decode(sys.stdin.buffer.readline(), type=Dial)
    audio = {text: _spoken(dial, text) for text in dial.sentences}
    tell("ready")
    uvloop.run(_call(dial, audio))


if __name__ == "__main__":
    main()
