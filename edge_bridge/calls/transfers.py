"""Putting a caller through: REFER where that may do, else a second leg of our own.

A trunk may refuse REFER (405, 501, 603), take it and fail (NOTIFY 486, 408), or take it and say nothing. Whatever it
does, the caller hears it ring from the first moment on; when nobody takes the call the caller is told, and is where the
transfer began.
"""

import asyncio
from typing import Literal, Protocol

from domain.phone_numbers import InvalidNumberError, one_form
from edge_bridge.calls.legs import Leg, Legs
from edge_bridge.entrances.sessions import Phone
from edge_bridge.lines.directory import LineEntry
from edge_bridge.media.audio import CallAudio
from process import logs
from protocols.media import TransferMode

log = logs.get(__name__)

# RFC 3515, 2.4.4: a NOTIFY follows the 202 at once. Without any the trunk has taken REFER for something else.
NOTIFY_WITHIN_S = 3.0
REFER_WITHIN_S = 25.0  # the other phone rings as long
WHISPER_WITHIN_S = 30.0
PLAY_OUT_WITHIN_S = 20.0  # the last sentence, before it rings

Fate = Literal["taken", "failed", "silent"]


class TransferredCall(Protocol):
    """What a transfer needs of its call."""

    line: LineEntry
    audio: CallAudio
    phone: Phone
    caller_gone: asyncio.Event

    def ring(self, on: bool) -> None:
        """Have the caller hear that it rings."""

    def leave_handler(self) -> None:
        """The caller talks to somebody else: no handler is needed any more."""

    def transfer_got(self, how_far: str) -> None:
        """For whom has to explain the call later."""


def is_allowed(target: str, line: LineEntry) -> bool:
    """Only whom the restaurant has named: a model, or a caller who talks it into something, names nobody."""
    number, country = line.restaurant.fallback_number, line.restaurant.country

    def plain(text: str) -> str:
        try:
            return one_form(text, country)
        except InvalidNumberError:
            return text.strip().lower()

    return bool(number) and plain(target) == plain(number) != plain(line.number)


class Refer:
    """How far a REFER got."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.taken = asyncio.Event()
        self.notified = asyncio.Event()
        self._accepted = False

    def answered(self, status: int, final: bool) -> None:
        """The response to it, and then the NOTIFYs of what became of it.

        pjsip tells of the 202 as 100. A NOTIFY may overtake it, and tell the end without saying that it is the last.
        """
        if final or (self._accepted and status >= 200):
            self._settle(status < 300)
        elif self._accepted or 100 < status < 200:
            self.notified.set()
        self._accepted = self._accepted or status < 300

    def caller_left(self) -> None:
        """Many trunks hang up in place of the last NOTIFY."""
        self._settle(self._accepted)

    def _settle(self, taken: bool) -> None:
        if taken and not self.over.is_set():
            self.taken.set()
        self.over.set()


class Transfer:
    """One try to put a caller through. ``run`` gives whether somebody took the call; a second leg is over by then."""

    def __init__(self, call: TransferredCall, legs: Legs, mode: TransferMode, ring_s: float, whisper: bytes) -> None:
        self.refer = Refer()
        self.leg: Leg | None = None  # while it is connected
        self._call = call
        self._legs = legs
        self._mode = call.line.transfers if mode == "auto" else mode
        self._ring_s = ring_s
        self._whisper = whisper

    async def run(self, target: str) -> bool:
        call = self._call
        address, own = call.phone.transfer_address(target), call.phone.dial_address(target)
        if self._mode == "refer":
            own = None
        elif own is not None and self._mode != "auto":
            address = None
        if address is None and own is None:
            log.error("a caller can't be put through to this target from here", target_pii=target)
            return False
        call.ring(False)
        await call.audio.until_played(PLAY_OUT_WITHIN_S)
        call.ring(True)
        try:
            fate: Fate = "failed" if address is None else await self._by_refer(address, may_dial=own is not None)
            if fate == "taken":
                call.phone.hang_up()
            taken = fate == "taken" or (fate == "failed" and own is not None and await self._by_leg(own))
        finally:
            call.ring(False)
        return taken

    async def _by_refer(self, address: str, *, may_dial: bool) -> Fate:
        """``silent``: the other phone rang, or may have, for as long as one waits."""
        fate = await self._fate_of_refer(address, may_dial=may_dial)
        self._call.transfer_got(f"REFER {fate}")
        return fate

    async def _fate_of_refer(self, address: str, *, may_dial: bool) -> Fate:
        refer = self.refer
        self._call.phone.refer(address)
        if may_dial:
            await _first_of(refer.over, refer.notified, within_s=NOTIFY_WITHIN_S)
            if not refer.over.is_set() and not refer.notified.is_set():
                log.warning("a REFER was not followed by any NOTIFY; dialling ourselves")
                return "failed"
        await _first_of(refer.over, within_s=REFER_WITHIN_S)
        if not refer.over.is_set():
            return "silent"
        return "taken" if refer.taken.is_set() else "failed"

    async def _by_leg(self, uri: str) -> bool:
        call, refer = self._call, self.refer
        leg = None if call.caller_gone.is_set() else await self._legs.dial(call.line, uri)
        if leg is None:
            call.transfer_got("second leg not dialled")
            return False
        call.transfer_got("second leg rings")
        try:
            # A REFER that was silent may yet succeed; its trunk then rings the same phone.
            await _first_of(leg.taken, leg.over, call.caller_gone, refer.taken, within_s=self._ring_s)
            if refer.taken.is_set() and not call.caller_gone.is_set():
                call.phone.hang_up()
                return True
            if leg.taken.is_set() and self._mode == "attended" and self._whisper:
                leg.sound.tell(self._whisper)
                await _first_of(leg.sound.told, leg.over, call.caller_gone, within_s=WHISPER_WITHIN_S)
            if not leg.taken.is_set() or leg.over.is_set() or call.caller_gone.is_set():
                log.info("a second leg was not taken", status=leg.status, within_s=self._ring_s)
                call.transfer_got(f"second leg not taken {leg.status or ''}".rstrip())
                return False
            call.transfer_got("second leg taken")
            call.leave_handler()
            leg.sound.connect(call.audio)
            self.leg = leg
            await _first_of(leg.over, call.caller_gone)
            return True
        finally:
            self.leg = None
            leg.hang_up()


async def _first_of(*events: asyncio.Event, within_s: float | None = None) -> None:
    """Until one of them is set, at most so long."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
