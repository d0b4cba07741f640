"""The signallers as the session sees them: a link to each, and each call's handle says which one has it."""

import asyncio
import contextlib
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.signals import (
    LOOPBACK,
    MAX_CALLS,
    WAKE,
    Dial,
    Handle,
    Invite,
    Refusal,
    Terms,
)
from edge_bridge.media.rtp.sdp import Agreement
from process import logs

log = logs.get(__name__)

HELD_AGAIN_S = 0.05
PLACE_WITHIN_S, PLACE_AGAIN_S = 2.0, 0.05  # to fork and to open one takes some 0.3 s
PACKETS_AT_ONCE = 64  # then the loop has its turn


class SipCalls(Protocol):
    """The session's calls, on its event loop. Returns at once."""

    def invited(self, handle: Handle, invite: Invite) -> Terms | Refusal | None:
        """Take the call on these terms, or refuse it. None: it is not known yet; asked again soon."""

    def agreed(self, handle: Handle, agreement: Agreement) -> None:
        """From now on the call's audio is so."""

    def dialled(self, handle: Handle) -> None:
        """The INVITE of a call of ours has left; one that has ended before that could not be sent."""

    def answered(self, handle: Handle, codec: str) -> None:
        """Taken, and audio flows both ways; ``codec`` is PCMU or PCMA. Once a call."""

    def seen(self, handle: Handle) -> None:
        """The caller's phone sent something by SIP."""

    def pressed(self, handle: Handle, digit: str) -> None:
        """A DTMF key that came by SIP INFO."""

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        """How far a REFER got: the status of the new call."""

    def ended(self, handle: Handle, status: int, *, by_caller: bool) -> None:
        """The dialog is over. Calls that were not taken may be told, too."""

    def ongoing(self, signaller: int, calls: tuple[link.OngoingCall, ...]) -> None:
        """What a signaller has of an earlier session."""

    def lost(self, signaller: int) -> None:
        """A signaller is dead, and its dialogs with it; the gate hangs up on their callers."""


@dataclass(slots=True)
class _Signaller:
    number: int
    port: int
    end: socket.socket
    next_dialled: Handle
    places: set[Handle] = field(default_factory=set)  # whose they are: those held, and those just ended, too
    is_known: bool = False  # it has answered our Hello; what comes before that was meant for an earlier session


class Signallers:
    """``up`` is told of each; that one is gone is seen at its link."""

    def __init__(self, calls: SipCalls) -> None:
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self._by_number: dict[int, _Signaller] = {}
        self._held: dict[Handle, Invite] = {}
        self._asking: asyncio.TimerHandle | None = None
        self._waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._waker.setblocking(False)

    def up(self, number: int, port: int, descriptor: int) -> None:
        """Signaller ``number`` takes SIP at ``port``; ``descriptor`` is our end of its link."""
        one = _Signaller(number, port, socket.socket(fileno=descriptor), link.first_dialled(number))
        one.end.setblocking(False)
        self._by_number[number] = one
        self._loop.add_reader(one.end.fileno(), self._readable, one)
        self._send(one, link.Hello())

    def close(self) -> None:
        for one in list(self._by_number.values()):
            self._drop(one)
        if self._asking is not None:
            self._asking.cancel()
        self._waker.close()

    # --- To them ---------------------------------------------------------------------------------------------

    def hang_up(self, handle: Handle, status: int = 0) -> None:
        self._tell(handle, link.HangUp(handle, status))

    def refer(self, handle: Handle, target: str) -> None:
        """Blind transfer; its fate comes to ``transfer_answered``."""
        self._tell(handle, link.Refer(handle, target))

    async def dial(self, dial: Dial, terms: Terms, last: Collection[int] = ()) -> Handle | None:
        """Begin a call, with its audio there; its fate comes to ``dialled``, ``answered`` and ``ended``. None: no place
        is free. The signallers ``last`` are taken where no other has one.

        Nobody is asked for one: a few are kept free (``node.signaller_keeper``). Where many calls come at once, the
        next signaller may still be opening.
        """
        end = self._loop.time() + PLACE_WITHIN_S
        while (freest := self._freest(last)) is None:
            if self._loop.time() >= end:
                log.warning("no signaller has a place to dial from", signallers=len(self._by_number))
                return None
            await asyncio.sleep(PLACE_AGAIN_S)
        handle, freest.next_dialled = freest.next_dialled, freest.next_dialled + 1
        freest.places.add(handle)
        self._send(freest, link.Dial(handle, dial, terms.host, terms.port, terms.ice, terms.srtp))
        return handle

    def _freest(self, last: Collection[int]) -> _Signaller | None:
        free = [one for one in self._by_number.values() if one.is_known and len(one.places) < MAX_CALLS]
        return min(free, key=lambda one: (one.number in last, len(one.places)), default=None)

    def _tell(self, handle: Handle, message: link.ToSignaller) -> None:
        one = self._by_number.get(link.signaller_of(handle))
        if one is not None:
            self._send(one, message)

    def _send(self, one: _Signaller, message: link.ToSignaller) -> None:
        try:
            one.end.send(link.encode(message))
        except OSError as error:  # full: it is frozen, and will not be suffered for long
            log.error("a signaller was not told", signaller=one.number, why=type(error).__name__)
            return
        with contextlib.suppress(OSError):
            self._waker.sendto(WAKE, (LOOPBACK, one.port))

    # --- From them -------------------------------------------------------------------------------------------

    def _readable(self, one: _Signaller) -> None:
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = one.end.recv(link.MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._drop(one)
                self._calls.lost(one.number)
                return
            try:
                self._told(one, link.from_signaller.decode(packet))
            except msgspec.DecodeError:
                log.exception("a message of another version")
            except Exception:
                log.exception("what a signaller said was lost")

    def _drop(self, one: _Signaller) -> None:
        self._loop.remove_reader(one.end.fileno())
        one.end.close()
        del self._by_number[one.number]
        for handle in [handle for handle in self._held if link.signaller_of(handle) == one.number]:
            del self._held[handle]

    def _told(self, one: _Signaller, message: link.FromSignaller) -> None:
        calls = self._calls
        if isinstance(message, link.Ongoing):
            one.is_known = True
            one.places = {*(call.handle for call in message.calls), *message.ending}
            # Those that an earlier session has dialled end now, under handles that are theirs.
            one.next_dialled = max([one.next_dialled, *(handle + 1 for handle in one.places)])
            calls.ongoing(one.number, message.calls)
            return
        if not one.is_known:
            return
        match message:
            case link.Invited(handle, invite):
                one.places.add(handle)
                self._decide(handle, invite)
            case link.Agreed(handle, agreement):
                calls.agreed(handle, agreement)
            case link.Dialled(handle):
                calls.dialled(handle)
            case link.Answered(handle, codec):
                calls.answered(handle, codec)
            case link.Seen(handle):
                calls.seen(handle)
            case link.Pressed(handle, digit):
                calls.pressed(handle, digit)
            case link.TransferAnswered(handle, status, final):
                calls.transfer_answered(handle, status, final)
            case link.Ended(handle, status, by_caller):
                self._held.pop(handle, None)
                calls.ended(handle, status, by_caller=by_caller)
            case link.Freed(handle):
                one.places.discard(handle)

    def _decide(self, handle: Handle, invite: Invite) -> None:
        decision: Terms | Refusal | None = Refusal(500)
        try:
            decision = self._calls.invited(handle, invite)
        except Exception:
            log.exception("an INVITE was lost")
        match decision:
            case Terms(host, port, ice, srtp):
                self._tell(handle, link.Take(handle, host, port, ice, srtp))
            case Refusal(status):
                self._tell(handle, link.Refuse(handle, status))
            case None:
                self._held[handle] = invite
                if self._asking is None:
                    self._asking = self._loop.call_later(HELD_AGAIN_S, self._decide_held)

    def _decide_held(self) -> None:
        self._asking = None
        held, self._held = self._held, {}
        for handle, invite in held.items():
            self._decide(handle, invite)
