"""One SIP call in pjsua2, from INVITE to DISCONNECTED.

The only lasting reference to a ``SipCall`` is the endpoint's dictionary, and it is dropped inside
``onCallState`` DISCONNECTED: freed any later, its destructor would hang up the next call in that slot; freed on
another thread, pjsip would abort. So nothing here may be stored elsewhere, not even in a traceback.
"""

from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.signals import UNAVAILABLE, Handle, MediaSide, Refusal, SipEvents, host_of, port_of
from process import logs

log = logs.get(__name__)

DECLINE = 603


class SipCall(pj.Call):  # type: ignore[misc]
    """Everything runs on the SIP thread."""

    def __init__(self, account: Any, call_id: int, handle: Handle, owner: "CallOwner") -> None:
        super().__init__(account, call_id)
        self.handle = handle
        self._side: MediaSide | None = None
        self._owner = owner
        self._we_offered = False
        self._undecided_offer: str | None = None  # came when nobody had taken the call yet
        self._up = False
        self._hung_up_here = False

    def decided(self, decision: MediaSide | Refusal) -> None:
        """To be answered with that; ``ended`` will be told of a call that is to be taken, whatever comes first."""
        self._side = None if isinstance(decision, Refusal) else decision

    def has_offer(self) -> bool:
        """Whether the INVITE brought SDP, in pjsip's own judgement."""
        return bool(self.getInfo().remOfferer)

    def refuse(self, status: int) -> None:
        self._hung_up_here = True
        self._answer(status)

    def take(self) -> None:
        """Ring and answer at once."""
        if self._undecided_offer == "":
            # pjsip has made an offer of its own, and there is no way to have it send another.
            self.refuse(UNAVAILABLE)
            return
        self._answer(180)
        side, offer = self._side, self._undecided_offer
        self._answer(200, side.describe(offer) if side is not None and offer is not None else "")

    def _answer(self, status: int, sdp: str = "") -> None:
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        parameters.sdp.wholeSdp = sdp
        self.answer(parameters)

    def hang_up(self, status: int) -> None:
        self._hung_up_here = True
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.hangup(parameters)

    def refer(self, target: str) -> None:
        """Blind transfer: raises pj.Error when pjsip can not send it."""
        self.xfer(target, pj.CallOpParam())

    # --- pjsua2's callbacks: an exception in one must not reach C++ -------------------------------------------

    def onCallState(self, _: Any) -> None:
        try:
            info = self.getInfo()
            if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self.let_go(int(info.lastStatusCode))
        except Exception:
            log.exception("a call's state was lost")

    def let_go(self, status: int) -> None:
        """The end: drop the last reference, tell the bridge."""
        self._owner.forget(self.handle)
        if self._side is not None:
            self._side = None
            self._owner.events.ended(self.handle, status, not self._hung_up_here)

    def onCallTsxState(self, changed: Any) -> None:
        # Keep-alives, session refreshes, hold: the caller's phone is there even if it sends no audio.
        try:
            if self._side is not None and changed.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
                self._side.seen()
        except Exception:
            log.exception("a sign of life was lost")

    def onCallSdpCreated(self, created: Any) -> None:
        """pjsip has written its SDP: ours takes the place. Its own sockets are never named to anybody.

        That of an INVITE is written as soon as ``onIncomingCall`` has returned.
        """
        try:
            offer = str(created.remSdp.wholeSdp)
            side = self._side
            if side is None:
                self._undecided_offer = offer
                return
            self._we_offered = not offer
            created.sdp.wholeSdp = side.describe(offer)
        except Exception:
            log.exception("an SDP was lost")

    def onCallMediaState(self, _: Any) -> None:
        """Audio is agreed on: after the answer, and again after every re-INVITE (hold and resume)."""
        side = self._side
        if side is None:
            return
        try:
            codec = self._agreed_by(side) if self._we_offered else side.agreed()
            if codec and not self._up:
                self._up = True
                self._owner.events.answered(self.handle, codec)
        except Exception:
            log.exception("a call's audio could not be connected")

    def _agreed_by(self, side: MediaSide) -> str:
        """The far end's answer to our offer, as pjsip has read it."""
        info = self.getInfo()  # kept: its parts live no longer than it does
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO or media.status == pj.PJSUA_CALL_MEDIA_NONE:
                continue
            stream = self.getStreamInfo(media.index)
            held = media.status != pj.PJSUA_CALL_MEDIA_ACTIVE
            address = str(stream.remoteRtpAddress)
            return side.agreed_by(host_of(address), port_of(address), int(stream.rxPt), held)
        return ""

    def onDtmfDigit(self, digit: Any) -> None:
        try:
            self._owner.events.pressed(self.handle, str(digit.digit))
        except Exception:
            log.exception("a key was lost")

    def onCallTransferRequest(self, request: Any) -> None:
        request.statusCode = DECLINE  # the default takes it and starts an outbound call

    def onCallTransferStatus(self, progress: Any) -> None:
        try:
            self._owner.events.transfer_answered(self.handle, int(progress.statusCode), bool(progress.finalNotify))
        except Exception:
            log.exception("a transfer's progress was lost")


class CallOwner:
    """What a call needs of its endpoint."""

    events: SipEvents

    def forget(self, handle: Handle) -> None:
        raise NotImplementedError
