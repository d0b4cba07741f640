"""pjsip's accounts: one takes every call that comes, for whom it is has been settled by the gate and the line book;
and one for each call that is dialled at the same time. pjsip aborts at the ninth."""

from dataclasses import dataclass
from typing import Any, Protocol

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import LOOPBACK, Dial, Handle, SipEvents
from process import logs

log = logs.get(__name__)


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


class CallAccount(pj.Account):  # type: ignore[misc]
    def __init__(self, owner: AccountOwner) -> None:
        super().__init__()
        self._owner = owner

    def onIncomingCall(self, call: Any) -> None:
        try:
            self._owner.incoming(self, call.callId, call.rdata.wholeMsg, call.rdata.srcAddress)
        except Exception:
            log.exception("an INVITE was lost")


def account_config(place: Place) -> Any:
    config = pj.AccountConfig()
    config.idUri = f"sip:{place.contact}"
    config.sipConfig.contactForced = f"<sip:{place.contact}>"
    # The gate is the outbound proxy. In a caller's dialog its Record-Route leads there, too.
    config.sipConfig.proxies.append(f"sip:{LOOPBACK}:{place.gate_port};lr")
    # pjsip opens a pair of sockets for each media line of an INVITE, whatever becomes of it. Nobody is told of them:
    # the SDP is ours (see ``calls.SipCall.onCallSdpCreated``).
    config.mediaConfig.transportConfig.boundAddress = LOOPBACK
    config.mediaConfig.streamKaEnabled = False
    config.mediaConfig.lockCodecEnabled = False
    # pjsip encrypts nothing (see ``media.rtp.srtp``), but with SRTP disabled it takes no offer of RTP/SAVP.
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL
    config.mediaConfig.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    config.mediaConfig.srtpSecureSignaling = 0
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.sipOutboundUse = 0
    config.videoConfig.autoTransmitOutgoing = False
    return config


def dial_config(dial: Dial, place: Place) -> Any:
    config = account_config(place)
    config.idUri = dial.caller
    for route in dial.routes:
        config.sipConfig.proxies.append(route)
    if dial.username:
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", dial.username, 0, dial.password))
    return config


class DialAccounts:
    """pjsip knows credentials by account only. One that was made serves the next call, as another's: it is never freed,
    for the calls of its time may still need it. There are at most as many as there are calls."""

    def __init__(self, owner: AccountOwner, place: Place) -> None:
        self._owner = owner
        self._place = place
        self._free: list[CallAccount] = []
        self._used: dict[Handle, CallAccount] = {}

    def lend(self, handle: Handle, dial: Dial) -> CallAccount | None:
        """None where pjsip refuses."""
        config = dial_config(dial, self._place)
        account = self._free[-1] if self._free else CallAccount(self._owner)
        try:
            if self._free:
                account.modify(config)
                self._free.pop()
            else:
                account.create(config)
        except pj.Error as error:
            log.warning("pjsip refused an account", reason=error.reason)
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
