"""Accounts: one for peers, one for each registered line. pjsip aborts at the ninth, so the count is kept here."""

from dataclasses import dataclass
from typing import Any, Protocol

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import Registration, SipEvents, host_of, read_register_answer
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


def _config(place: Place) -> Any:
    config = pj.AccountConfig()
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
