"""Accounts: one for peers, one for each registered line, one for each call that is dialled at the same time. pjsip
aborts at the ninth."""

from dataclasses import dataclass
from typing import Any, Protocol

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import Dial, Handle, Registration, SipEvents, host_of, read_register_answer
from process import logs

log = logs.get(__name__)

LOOPBACK = "127.0.0.1"
EXPIRES_S = 120  # asked for; the registrar refreshes at half of what is granted
# pjsip would refresh so long before the end itself: after ours, which pushes its own back. A larger number makes it
# refresh every 5 s where no more is granted, and never where less is.
PJSIP_REFRESH_BEFORE_S = 1


@dataclass(frozen=True, slots=True)
class Place:
    """``contact`` is the node's SIP address, ``gate_port`` our way out."""

    contact: str
    gate_port: int


class AccountOwner(Protocol):
    """What an account needs of its endpoint."""

    events: SipEvents

    def incoming(self, account: Any, call_id: int, message: str, source: str) -> None:
        """An INVITE for this account."""


class LineAccount(pj.Account):  # type: ignore[misc]
    """``line_id`` is "" for the account that takes peers' calls."""

    def __init__(self, line_id: str, owner: AccountOwner) -> None:
        super().__init__()
        self.line_id = line_id
        self.registration: Registration | None = None
        self._owner = owner

    def onIncomingCall(self, call: Any) -> None:
        try:
            self._owner.incoming(self, call.callId, call.rdata.wholeMsg, call.rdata.srcAddress)
        except Exception:
            log.exception("an INVITE was lost")

    def onRegState(self, state: Any) -> None:
        try:
            # expiration is 2^32 - 1 where pjsip knows none, and is not to be believed after a failure.
            expires = int(state.expiration) if int(state.expiration) < 1 << 31 else 0
            answer = read_register_answer(self.line_id, int(state.code), expires, state.rdata.wholeMsg)
            self._owner.events.registered(answer)
        except Exception:
            log.exception("a registration's state was lost")


def peer_config(place: Place) -> Any:
    config = _config(place)
    config.idUri = f"sip:{place.contact}"
    config.sipConfig.contactForced = f"<sip:{place.contact}>"
    return config


def line_config(line: Registration, place: Place) -> Any:
    """REGISTER with the line's unguessable id as the Contact's user, so that an INVITE names its line."""
    config = _config(place)
    domain = host_of(line.registrar)
    config.idUri = f"sip:{line.username}@{domain}"
    config.regConfig.registrarUri = f"sip:{line.registrar}"
    config.regConfig.timeoutSec = EXPIRES_S
    config.regConfig.delayBeforeRefreshSec = PJSIP_REFRESH_BEFORE_S
    config.regConfig.retryIntervalSec = 0  # the registrar retries, with backoff
    config.sipConfig.contactForced = f"<sip:{line.line_id}@{place.contact}>"
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", line.username, 0, line.password))
    return config


def dial_config(dial: Dial, place: Place) -> Any:
    config = peer_config(place)
    config.idUri = dial.caller
    if dial.username:
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", dial.username, 0, dial.password))
    return config


class DialAccounts:
    """pjsip knows credentials by account only. One that was made serves the next call, as another's: it is never freed,
    for the calls of its time may still need it."""

    def __init__(self, owner: AccountOwner, place: Place) -> None:
        self._owner = owner
        self._place = place
        self._free: list[LineAccount] = []
        self._used: dict[Handle, LineAccount] = {}

    def __len__(self) -> int:
        return len(self._free) + len(self._used)

    def lend(self, handle: Handle, dial: Dial, *, may_grow: bool) -> LineAccount | None:
        """None where there is none, and none may be made. Raises pj.Error."""
        config = dial_config(dial, self._place)
        if self._free:
            account = self._free.pop()
            account.modify(config)
        elif may_grow:
            account = LineAccount("", self._owner)
            account.create(config)
        else:
            return None
        self._used[handle] = account
        return account

    def give_back(self, handle: Handle) -> None:
        account = self._used.pop(handle, None)
        if account is not None:
            self._free.append(account)

    def close(self) -> None:
        for account in [*self._free, *self._used.values()]:
            account.shutdown()
        self._free.clear()
        self._used.clear()


def _config(place: Place) -> Any:
    config = pj.AccountConfig()
    # The gate is the outbound proxy. In a caller's dialog its Record-Route leads there, too.
    config.sipConfig.proxies.append(f"sip:{LOOPBACK}:{place.gate_port};lr")
    # pjsip opens a pair of sockets for each media line of an INVITE, whatever becomes of it. Nobody is told of them:
    # the SDP is ours (see ``calls.SipCall.onCallSdpCreated``).
    config.mediaConfig.transportConfig.boundAddress = LOOPBACK
    config.mediaConfig.streamKaEnabled = False
    config.mediaConfig.lockCodecEnabled = False
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    config.mediaConfig.srtpSecureSignaling = 0
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.sipOutboundUse = 0
    config.videoConfig.autoTransmitOutgoing = False
    return config
