"""The pjsip thread: initialisation, events, commands and destruction all happen on it.

Other threads put commands in a queue and wake pjsip at once by a CRLF keep-alive datagram to its own SIP port;
without it a command would wait up to POLL_MS.
"""

import contextlib
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip import accounts, pacing
from edge_bridge.entrances.sip.calls import CallOwner, SipCall
from edge_bridge.entrances.sip.signals import (
    MAX_ACCOUNTS,
    MAX_CALLS,
    Dial,
    Handle,
    Invite,
    MediaSide,
    Refusal,
    RegisterAnswer,
    Registration,
    SipEvents,
    read_invite,
)
from edge_bridge.settings import EdgeSettings
from process import logs

log = logs.get(__name__)

POLL_MS = 100
TIDY_EVERY_S = 5.0
READY_WITHIN_S = 10.0
UNAVAILABLE = 503
STOPPED_WITHIN_S = 2.5  # libDestroy alone takes about a second
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


class SipEndpoint(CallOwner):
    """One pjsua2 library, so one a process. Methods may be called from any thread and return at once."""

    def __init__(self, address: SipAddress, events: SipEvents) -> None:
        self.events = events
        self.port = 0  # on loopback, once started
        self._address = address
        self._place = accounts.Place(address.contact, address.gate_port)
        self._handles = itertools.count(1)
        # The calls' only lasting references: ``forget`` drops one inside its own onCallState (see ``calls``).
        self._calls: dict[Handle, SipCall] = {}
        self._held: dict[Handle, Invite] = {}  # not decided yet; their caller was told 100 Trying
        self._accounts: dict[str, accounts.LineAccount] = {}
        self._leaving: dict[str, accounts.LineAccount] = {}
        self._ledger = pacing.KeyLedger()
        self._dialling = accounts.DialAccounts(self, self._place)
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._failure: Exception | None = None
        self._ready = threading.Event()
        self._waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="pjsip", daemon=True)

    # --- From any thread -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Return when SIP is open. Raises RuntimeError with pjsip's reason."""
        self._thread.start()
        if not self._ready.wait(READY_WITHIN_S):
            raise RuntimeError(f"pjsip did not start within {READY_WITHIN_S:g} s")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> bool:
        """Hang up, unregister, destroy pjsip. False when it did not end in time: then leave by ``os._exit``."""
        self._stopping = True
        self._wake()
        self._thread.join(STOPPED_WITHIN_S)
        return not self._thread.is_alive()

    def hang_up(self, handle: Handle, status: int = 0) -> None:
        def on_sip_thread() -> None:
            call = self._calls.get(handle)
            if call is not None:
                call.hang_up(status)

        self._command(on_sip_thread)

    def refer(self, handle: Handle, target: str) -> None:
        """Blind transfer; its fate comes to ``transfer_answered``."""

        def on_sip_thread() -> None:
            call = self._calls.get(handle)
            if call is None:
                return
            try:
                call.refer(target)
            except pj.Error as error:
                log.warning("REFER was not sent", reason=error.reason)
                self.events.transfer_answered(handle, 500, True)

        self._command(on_sip_thread)

    def dial(self, handle: Handle, dial: Dial, media: MediaSide) -> None:
        """A call of ours; its fate comes to ``answered`` and ``ended``, with 503 where it could not even be sent."""

        def on_sip_thread() -> None:
            status = self._dial(handle, dial, media)
            if status:
                self.events.ended(handle, status, False)

        self._command(on_sip_thread)

    def register(self, line: Registration) -> None:
        """Register a new line, or again a known one; its fate comes to ``registered``."""

        def on_sip_thread() -> None:
            try:
                sent = self._register(line)
            except pj.Error as error:
                log.warning("REGISTER was not sent", line_id=line.line_id, reason=error.reason)
                sent = False
            if not sent:
                self.events.registered(RegisterAnswer(line.line_id, 0))

        self._command(on_sip_thread)

    def unregister(self, line_id: str) -> None:
        def on_sip_thread() -> None:
            account = self._accounts.pop(line_id, None)
            if account is not None:
                self._leaving[line_id] = account
                account.setRegistration(False)

        self._command(on_sip_thread)

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.sendto(b"\r\n\r\n", (accounts.LOOPBACK, self.port))

    # --- The SIP thread --------------------------------------------------------------------------------------

    def _dial(self, handle: Handle, dial: Dial, media: MediaSide) -> int:
        """0, or the status of a call that can't be made."""
        made = len(self._accounts) + len(self._leaving) + len(self._dialling)
        if len(self._calls) >= MAX_CALLS:
            log.warning("no place is left to dial from")
            return UNAVAILABLE
        try:
            account = self._dialling.lend(handle, dial, may_grow=made < MAX_ACCOUNTS)
            if account is None:
                log.warning("no account is left to dial from")
                return UNAVAILABLE
            call = self._calls[handle] = SipCall(account, pj.PJSUA_INVALID_ID, handle, self)
            call.decided(media)
            self._ledger.take(time.monotonic(), 1)
            call.dial(dial)
        except pj.Error as error:
            log.warning("a call could not be dialled", reason=error.reason)
            # pjsip may have told of its end within makeCall.
            if handle in self._calls:
                self._calls[handle].decided(Refusal(UNAVAILABLE))
                self.forget(handle)
                return UNAVAILABLE
        return 0

    def _register(self, line: Registration) -> bool:
        """False when there is no room. Raises pj.Error."""
        config = accounts.line_config(line, self._place)
        known = self._accounts.get(line.line_id)
        if known is not None:
            known.setRegistration(True)
            return True
        left = self._leaving.pop(line.line_id, None)
        if left is not None:  # calls may still need it, and its place is the line's own
            self._accounts[line.line_id] = left
            if left.registration == line:
                left.setRegistration(True)
            else:
                left.modify(config)  # registers, as the account or its password is another
                left.registration = line
            return True
        self._free_left_accounts()
        # The eighth line takes the peers' place; their calls then come in on a line's account.
        if len(self._accounts) == MAX_ACCOUNTS - 1 and "" in self._accounts and not self._calls:
            self._accounts.pop("").shutdown()
        if len(self._accounts) + len(self._leaving) + len(self._dialling) >= MAX_ACCOUNTS:
            return False
        account = accounts.LineAccount(line.line_id, self)
        account.registration = line
        account.create(config)
        self._accounts[line.line_id] = account
        return True

    def _run(self) -> None:
        try:
            endpoint = self._open()
        except pj.Error as error:
            self._failure = RuntimeError(error.reason)
            self._ready.set()
            return
        self._ready.set()
        next_tidying = time.monotonic() + TIDY_EVERY_S
        while not self._stopping:
            endpoint.libHandleEvents(POLL_MS)
            self._decide_held()
            while self._commands:
                try:
                    self._commands.popleft()()
                except pj.Error as error:
                    log.warning("pjsip refused a command", reason=error.reason)
                except Exception:
                    log.exception("a SIP command failed")
            if time.monotonic() >= next_tidying:
                next_tidying = time.monotonic() + TIDY_EVERY_S
                self._free_left_accounts()
        with contextlib.suppress(pj.Error):
            endpoint.hangupAllCalls()
        for account in [*self._accounts.values(), *self._leaving.values()]:
            with contextlib.suppress(pj.Error):
                account.shutdown()
        self._accounts.clear()
        self._leaving.clear()
        with contextlib.suppress(pj.Error):
            self._dialling.close()
        endpoint.libDestroy()
        self._calls.clear()

    def _open(self) -> Any:
        at = self._address
        endpoint = _Endpoint(self._ledger)
        endpoint.libCreate()
        endpoint.libInit(_library_config(at.log_level))
        endpoint.audDevManager().setNoDev()  # no clock either: pjsip sends no packet, and reads none
        for codec in endpoint.codecEnum2():
            endpoint.codecSetPriority(codec.codecId, PRIORITIES.get(codec.codecId, 0))
        transport = pj.TransportConfig()
        transport.port = 0  # any that is free
        transport.boundAddress = accounts.LOOPBACK
        identity = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self.port = int(endpoint.transportGetInfo(identity).localName.rpartition(":")[2])
        endpoint.libStart()
        account = accounts.LineAccount("", self)
        account.create(accounts.peer_config(self._place), True)
        self._accounts[""] = account
        return endpoint

    def incoming(self, account: Any, call_id: int, message: str, source: str) -> None:
        """Decide and answer within the callback: the caller's 200 waits for no other thread."""
        handle = next(self._handles)
        invite = read_invite(message, source)
        decision = self.events.invited(handle, invite)
        call = self._calls[handle] = SipCall(account, call_id, handle, self)
        if decision is None:
            self._held[handle] = invite
            return
        call.decided(decision)
        if call.has_offer():
            self._answer(handle, decision)
        else:
            # An INVITE without SDP that ends inside its callback takes the process with it: pjsip frees the request
            # a second time once the callback has returned (an assertion in sip_transport.c). As a command it is
            # answered as soon as pjsip has let go of it. The others are not put off: a few refused ones in a burst
            # would hold all four calls that pjsip has room for.
            self._commands.append(lambda: self._answer(handle, decision))

    def _decide_held(self) -> None:
        """Ask again. pjsip has let go of these INVITEs, so that one without SDP may be refused, too."""
        for handle, invite in list(self._held.items()):
            decision: MediaSide | Refusal | None = Refusal(500)
            try:
                decision = self.events.invited(handle, invite)
            except Exception:
                log.exception("a held INVITE was lost")
            if decision is not None:
                del self._held[handle]
                self._calls[handle].decided(decision)
                self._answer(handle, decision)

    def _answer(self, handle: Handle, decision: MediaSide | Refusal) -> None:
        call = self._calls.get(handle)
        if call is None:  # cancelled meanwhile
            return
        try:
            if isinstance(decision, Refusal):
                call.refuse(decision.status)
            else:
                call.take()
        except pj.Error as error:
            log.warning("an INVITE could not be answered", reason=error.reason)
            with contextlib.suppress(pj.Error):
                call.hang_up(500)
            if handle in self._calls:  # pjsip refuses to answer, so it may never say DISCONNECTED either
                call.let_go(500)

    def forget(self, handle: Handle) -> None:
        self._held.pop(handle, None)
        self._calls.pop(handle, None)
        self._dialling.give_back(handle)

    def _free_left_accounts(self) -> None:
        """Free accounts that left, when no call can need them any more."""
        if self._calls:
            return
        for account in self._leaving.values():
            account.shutdown()
        self._leaving.clear()


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
    media.hasIoqueue = True
    media.threadCnt = 0
    return config
