"""Makes spoken calls to a running stack: the scripted caller decides, the softphone speaks, the live feed tells.

What the caller has heard is read from the restaurant's live feed, where the assistant's words stand as text: the
softphone itself knows only when there is a voice. That keeps a second speech recogniser, and its errors, out of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from devstack.stack.watched_call import ENGLISH_VOICE, FRENCH_VOICE
from evaluation.audio.spoken_caller import Act, Dial, Told
from evaluation.caller import HangUp, Listen, Move, Press, Say, ScriptedCaller
from evaluation.files import Case
from evaluation.record import SAYS_NOTHING, Record

CALL_TIMEOUT_S = 300.0
VOICES_WITHIN_S = 240.0
# A statement may be followed by a question once a tool has been used, or by the reading back of the order, which a slow
# voice on a busy machine begins seconds later: who speaks into that is not read it, and nothing is ever confirmed.
MORE_WITHIN_S = 6.0
FILLERS = 3
HANGS_UP_FIRST_S = 8.0
LISTENS_S = 40.0
CALLER = "+33600000001"


@dataclass
class Heard:
    """What the live feed told of the call in progress; fed by ``stack.timeline.watch_live``."""

    record: Record = field(default_factory=Record)
    call_id: str = ""
    assistant: list[str] = field(default_factory=list)
    used_tool: bool = False

    def live(self, message: dict[str, Any], _: float) -> None:
        kind = message.get("kind")
        if message.get("callId"):
            self.call_id = message["callId"]
        if kind == "said":
            self.record.note(message["who"], message["text"])
            if message["who"] == "assistant":
                self.assistant.append(message["text"])
        elif kind == "tool":
            self.used_tool = True
            self.record.note("tool", message["name"], ok=message["ok"])
        elif kind == "barge_in":
            self.record.interruptions += 1
        elif kind == "call":
            self.record.note("call", message["state"])


async def ring(case: Case, caller: ScriptedCaller, heard: Heard, sip: str, line_id: str, folder: Path) -> None:
    """One whole call; what happened is in ``heard.record``."""
    scenario, record = case.scenario, heard.record
    dial = Dial(
        target=sip,
        to_user=line_id,
        voice=scenario.voice or (FRENCH_VOICE if case.language == "fr" else ENGLISH_VOICE),
        sentences=caller.sentences(),
        folder=str(folder),
        recording=record.recording,
        from_user="" if scenario.withheld else CALLER,
        noise_db=scenario.noise_db,
    )
    try:
        async with _phone(dial) as phone:
            await phone.read(VOICES_WITHIN_S)
            record.began = time.monotonic()
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await converse(phone, caller, heard)
    except (TimeoutError, EOFError) as error:
        record.failure = f"the call broke: {error or type(error).__name__}"
    record.seconds = time.monotonic() - record.began
    record.trouble, record.gave_up = caller.trouble, caller.gave_up


class Softphone(Protocol):
    """A ``spoken_caller``: acts one after the other, and what it tells meanwhile."""

    def act(self, act: Act) -> None: ...

    async def read(self, within_s: float) -> Told: ...


async def converse(phone: Softphone, caller: ScriptedCaller, heard: Heard) -> None:
    """From the answer to the end; what happened is in ``heard.record``. Raises EOFError, TimeoutError."""
    first = await phone.read(CALL_TIMEOUT_S)
    if first.kind == "refused":
        heard.record.failure = f"refused: {first.text}"
        return
    move: Move | None = None  # the greeting is being heard
    while (ended := await _turn_comes(phone, heard, move)) is None:
        words = " ".join(heard.assistant)
        if move is not None and not words:
            caller.gave_up = SAYS_NOTHING
            move = HangUp()
        else:
            move = caller.opening() if move is None else caller.reply(words)
        heard.assistant.clear()
        heard.used_tool = False
        act = _act(move, caller)
        for sentence in filter(None, (act.say, act.then)):
            heard.record.note("says", sentence)
        phone.act(act)
    heard.record.hung_up_by = "restaurant" if ended.text == "restaurant" else "caller"
    heard.record.transferred = ended.referred
    with contextlib.suppress(EOFError):
        await phone.read(CALL_TIMEOUT_S)  # the recording is written


async def _turn_comes(phone: Softphone, heard: Heard, after: Move | None) -> Told | None:
    """Until the caller is to speak; what the softphone told when the call is over.

    A voice without words was the bridge's, asking to wait; a statement may be followed by a question.
    """
    told = await _answered(phone, heard)
    for _ in range(FILLERS):
        if told.kind != "quiet" or heard.assistant or after is None:
            break
        phone.act(Act())
        told = await _answered(phone, heard)
    asks = bool(heard.assistant) and heard.assistant[-1].rstrip().endswith("?")
    if told.kind == "quiet" and after is not None and not asks:
        phone.act(Act(wait_s=MORE_WITHIN_S))
        told = await _answered(phone, heard)
    return told if told.kind == "gone" else None


def _act(move: Move, caller: ScriptedCaller) -> Act:
    match move:
        case Say():
            then = caller.interrupting()
            if then is None:
                return Act(say=move.text)
            return Act(say=move.text, then=then.text, then_ms=then.interrupt_ms or 0)
        case Press():
            return Act(press=move.keys)
        case Listen():
            return Act(wait_s=LISTENS_S)
        case HangUp():
            return Act(hang_up=True, wait_s=HANGS_UP_FIRST_S if move.patient else 0)


async def _answered(phone: Softphone, heard: Heard) -> Told:
    """Until a voice was heard and is silent again, or none came, or the call is over."""
    while True:
        told = await phone.read(CALL_TIMEOUT_S)
        if told.kind == "heard" and told.ms > 0:
            heard.record.replied(told.ms, after_tools=heard.used_tool)
        elif told.kind in ("quiet", "silence", "gone"):
            return told


class _Phone:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def act(self, act: Act | Dial) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(act) + b"\n")

    async def read(self, within_s: float) -> Told:
        """Raises EOFError when the softphone ended, TimeoutError."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        if not line:
            raise EOFError("the softphone ended")
        return msgspec.json.decode(line, type=Told)


@contextlib.asynccontextmanager
async def _phone(dial: Dial) -> AsyncIterator[_Phone]:
    pipe = asyncio.subprocess.PIPE
    warnings = "ignore:'audioop' is deprecated:DeprecationWarning"
    arguments = ("-W", warnings, "-m", "evaluation.audio.spoken_caller")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    try:
        phone = _Phone(process)
        phone.act(dial)
        yield phone
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
