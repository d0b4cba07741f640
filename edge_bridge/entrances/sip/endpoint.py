"""pjsip: initialisation, events, commands and destruction, all on one thread.

Whoever has a command for it wakes it by a keep-alive datagram to its own SIP port (``signals.WAKE``); without it a
command would wait up to POLL_MS.
"""

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip import accounts, pacing
from edge_bridge.entrances.sip import conference as conferences
from edge_bridge.entrances.sip.calls import CallOwner, SipCall
from edge_bridge.entrances.sip.gate.bodies import MOST_OPEN_LINES
from edge_bridge.entrances.sip.places import EndingCalls
from edge_bridge.entrances.sip.signals import (
    LOOPBACK,
    MAX_CALLS,
    UNAVAILABLE,
    Dial,
    Handle,
    Invite,
    MediaSide,
    Refusal,
    SipEvents,
    read_invite,
)
from edge_bridge.settings import EdgeSettings
from process import logs

log = logs.get(__name__)

POLL_MS = 100
TIDY_EVERY_S = 5.0
HELD_AT_MOST_S = 12.0  # an INVITE: longer than a session takes to start and to read its lines
PRIORITIES = {"PCMU/8000/1": 255, "PCMA/8000/1": 254}  # every other codec gets 0: never offered, never taken


@dataclass(frozen=True, slots=True)
class SipAddress:
    """SIP goes through the gate: at ``gate_port`` on loopback, in the world's eyes at ``contact``."""

    contact: str
    gate_port: int
    log_level: int = 0

    @classmethod
    def of(cls, config: EdgeSettings, gate_port: int) -> "SipAddress":
        return cls(
            contact=f"{config.own_address}:{config.sip_port}",
            gate_port=gate_port,
            log_level=config.sip_log_level,
        )


class _Endpoint(pj.Endpoint):  # type: ignore[misc]
    """Paces INVITEs before pjsip opens sockets for them (see ``pacing``)."""

    def __init__(self, ledger: pacing.KeyLedger) -> None:
        super().__init__()
        self._ledger = ledger

    def onSelectAccount(self, selection: Any) -> None:
        # The one callback that comes before the INVITE's media sockets are made.
        try:
            message = selection.rdata.wholeMsg
            if not message.startswith("INVITE "):
                return
            media = pacing.media_lines(message)
            wait = self._ledger.wait_s(time.monotonic(), media)
            if wait > 0:
                time.sleep(wait)
            self._ledger.take(time.monotonic(), media)
        except Exception:
            log.exception("an INVITE was not paced")


@dataclass(slots=True)
class _Held:
    """An INVITE that is not decided yet."""

    invite: Invite
    until: float


class SipEndpoint(CallOwner):
    """One pjsua2 library, so one a process. Everything runs on the thread that opened it; commands are carried out by
    ``work``, when pjsip has let go of what it was doing.
    """

    def __init__(self, address: SipAddress, events: SipEvents, first_handle: Handle) -> None:
        self.events = events
        self.port = 0  # on loopback, once open
        self._address = address
        self._place = accounts.Place(address.contact, address.gate_port)
        self._handles = itertools.count(first_handle)
        # The calls' only lasting references: ``forget`` drops one inside its own onCallState (see ``calls``).
        self._calls: dict[Handle, SipCall] = {}
        self._ending = EndingCalls()
        self._held: dict[Handle, _Held] = {}
        self._account: accounts.CallAccount | None = None
        self._dialling = accounts.DialAccounts(self, self._place)
        self._ledger = pacing.KeyLedger()
        self._commands: deque[Callable[[], None]] = deque()
        self._library: Any = None
        self._conference: conferences.Conference | None = None
        self._next_tidying = 0.0

    @property
    def held(self) -> dict[Handle, Invite]:
        """The INVITEs that wait for a decision."""
        return {handle: held.invite for handle, held in self._held.items()}

    @property
    def ending(self) -> tuple[Handle, ...]:
        """The calls that are over and whose places are not free yet."""
        return self._ending.handles

    def is_up(self, handle: Handle) -> bool:
        call = self._calls.get(handle)
        return call is not None and call.is_up

    # --- Commands --------------------------------------------------------------------------------------------

    def decide(self, handle: Handle, decision: MediaSide | Refusal) -> None:
        """What becomes of a held INVITE."""

        def decide() -> None:
            if self._held.pop(handle, None) is not None:
                self._answer(handle, decision)

        self._commands.append(decide)

    def hang_up(self, handle: Handle, status: int = 0) -> None:
        def hang_up() -> None:
            call = self._calls.get(handle)
            if call is not None:
                call.hang_up(status)

        self._commands.append(hang_up)

    def hang_up_all(self) -> None:
        self._commands.append(lambda: self._library.hangupAllCalls())

    def refer(self, handle: Handle, target: str) -> None:
        """Blind transfer; its fate comes to ``transfer_answered``."""

        def refer() -> None:
            call = self._calls.get(handle)
            if call is None:
                return
            try:
                call.refer(target)
            except pj.Error as error:
                log.warning("REFER was not sent", reason=error.reason)
                self.events.transfer_answered(handle, 500, True)

        self._commands.append(refer)

    def dial(self, handle: Handle, dial: Dial, media: MediaSide) -> None:
        """A call of ours; its fate comes to ``dialled``, ``answered`` and ``ended``, and to ``ended`` alone, with 503,
        where it could not even be sent."""
        self._commands.append(lambda: self._dial(handle, dial, media))

    # --- The library -----------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Wait for something to come, POLL_MS at most, and handle it."""
        self._library.libHandleEvents(POLL_MS)

    def work(self) -> None:
        """Carry out what was commanded."""
        while self._commands:
            try:
                self._commands.popleft()()
            except pj.Error as error:
                log.warning("pjsip refused a command", reason=error.reason)
            except Exception:
                log.exception("a SIP command failed")
        self._tell_of_free_places()
        now = time.monotonic()
        if self._conference is not None:
            try:
                self._conference.tidy(now, has_calls=bool(self._calls))
            except pj.Error as error:
                log.warning("pjsip's clock did not start or stop", reason=error.reason)
        if now >= self._next_tidying:
            self._next_tidying = now + TIDY_EVERY_S
            for handle, held in list(self._held.items()):
                if now > held.until:
                    self.decide(handle, Refusal(503))

    def _tell_of_free_places(self) -> None:
        if self._ending:
            used = {call.getId() for call in self._calls.values()}
            for handle in self._ending.freed(self._account, used):
                self.events.freed(handle)

    def close(self) -> None:
        """Hang up, destroy pjsip: about a second."""
        with contextlib.suppress(pj.Error):
            self._library.hangupAllCalls()
        if self._account is not None:
            with contextlib.suppress(pj.Error):
                self._account.shutdown()
            self._account = None
        with contextlib.suppress(pj.Error):
            self._dialling.close()
        self._library.libDestroy()
        self._calls.clear()

    def open(self) -> None:
        """Raises RuntimeError with pjsip's reason."""
        try:
            self._open()
        except pj.Error as error:
            raise RuntimeError(error.reason) from None

    def _open(self) -> None:
        at = self._address
        endpoint = self._library = _Endpoint(self._ledger)
        endpoint.libCreate()
        endpoint.libInit(_library_config(at.log_level))
        # No device and no clock: pjsip sends no packet, and reads none.
        self._conference = conferences.Conference(endpoint)
        for codec in endpoint.codecEnum2():
            endpoint.codecSetPriority(codec.codecId, PRIORITIES.get(codec.codecId, 0))
        transport = pj.TransportConfig()
        transport.port = 0  # any that is free
        transport.boundAddress = LOOPBACK
        identity = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self.port = int(endpoint.transportGetInfo(identity).localName.rpartition(":")[2])
        endpoint.libStart()
        self._account = accounts.CallAccount(self)
        self._account.create(accounts.account_config(self._place), True)

    def incoming(self, account: Any, call_id: int, message: str, source: str) -> None:
        """Its caller has got 100 Trying. It is never answered within the callback: an INVITE without SDP that ends
        there takes the process with it (pjsip frees it a second time, an assertion in sip_transport.c).
        """
        handle = next(self._handles)
        invite = read_invite(message, source)
        self._calls[handle] = SipCall(account, call_id, handle, self)
        self._held[handle] = _Held(invite, time.monotonic() + HELD_AT_MOST_S)
        self.events.invited(handle, invite)

    def _answer(self, handle: Handle, decision: MediaSide | Refusal) -> None:
        call = self._calls.get(handle)
        if call is None:  # cancelled meanwhile
            return
        try:
            if isinstance(decision, Refusal):
                call.refuse(decision.status)
            else:
                call.take(decision)
        except pj.Error as error:
            log.warning("an INVITE could not be answered", reason=error.reason)
            with contextlib.suppress(pj.Error):
                call.hang_up(500)
            if handle in self._calls:  # pjsip refuses to answer, so it may never say DISCONNECTED either
                call.let_go(500)

    def _dial(self, handle: Handle, dial: Dial, media: MediaSide) -> None:
        taken = len(self._calls) + len(self._ending)
        account = self._dialling.lend(handle, dial) if taken < MAX_CALLS else None
        if account is None:
            log.warning("there is no place to dial from", calls=len(self._calls), ending=len(self._ending))
            self.events.ended(handle, UNAVAILABLE, False)
            self.events.freed(handle)
            return
        call = self._calls[handle] = SipCall(account, pj.PJSUA_INVALID_ID, handle, self)
        self._ledger.take(time.monotonic(), 1)
        try:
            call.dial(dial, media)
        except pj.Error as error:
            log.warning(
                "a call could not be dialled", reason=error.reason, calls=len(self._calls), ending=len(self._ending)
            )
            if handle in self._calls:  # pjsip may have told of its end already, within makeCall
                call.let_go(UNAVAILABLE)
        else:
            self.events.dialled(handle)

    def opened(self, media: int) -> None:
        """Waits until there is room for the next offer: before an INVITE's there is a callback, before others none."""
        if not media:
            return
        now = time.monotonic()
        self._ledger.take(now, media)
        wait = self._ledger.wait_s(now, MOST_OPEN_LINES)
        if wait > 0:
            time.sleep(wait)

    def forget(self, handle: Handle) -> None:
        self._held.pop(handle, None)
        call = self._calls.pop(handle, None)
        if call is not None:
            self._ending.add(handle, call.getId())
        self._dialling.give_back(handle)


def _library_config(log_level: int) -> Any:
    config = pj.EpConfig()
    config.logConfig.level = log_level
    config.logConfig.consoleLevel = log_level
    config.uaConfig.maxCalls = MAX_CALLS
    config.uaConfig.threadCnt = 0  # no thread of pjsip's own: callbacks come on ours, while it handles events
    config.uaConfig.mainThreadOnly = False
    config.uaConfig.userAgent = "AlloResto"
    # What pjsip takes for the audio is never used: its sockets are asked for, and get nothing.
    media = config.medConfig
    media.clockRate = media.sndClockRate = 8000
    media.hasIoqueue = False  # its poll would wake a thread of each signaller a hundred times a second
    media.threadCnt = 0
    media.maxMediaPorts = conferences.PORTS
    return config
