"""Accounts: one for peers, one for each registered line. pjsip aborts at the ninth, so the count is kept here."""

from dataclasses import dataclass
from typing import Any, Protocol

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import SOURCE_HEADER, Registration, SipEvents, host_of
from process import logs

log = logs.get(__name__)

LOOPBACK = "127.0.0.1"
EXPIRES_S = 120
REFRESH_BEFORE_S = 60  # so a REGISTER goes out every 60 s


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
        self._owner = owner

    def onIncomingCall(self, call: Any) -> None:
        try:
            self._owner.incoming(self, call.callId, call.rdata.wholeMsg, call.rdata.srcAddress)
        except Exception:
            log.exception("an INVITE was lost")

    def onRegState(self, state: Any) -> None:
        try:
            expires = int(state.expiration) if int(state.code) // 100 == 2 else 0
            host = _registrar_host(state.rdata)
            self._owner.events.registered(self.line_id, int(state.code), max(expires, 0), host)
        except Exception:
            log.exception("a registration's state was lost")


def _registrar_host(received: Any) -> str:
    """Who answered, as the gate says."""
    for line in str(received.wholeMsg).split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == SOURCE_HEADER.lower():
            return host_of(value.strip())
    return ""


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
    config.regConfig.delayBeforeRefreshSec = REFRESH_BEFORE_S
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
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    config.mediaConfig.srtpSecureSignaling = 0
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.sipOutboundUse = 0
    config.videoConfig.autoTransmitOutgoing = False
    return config
