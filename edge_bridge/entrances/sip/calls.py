"""One SIP call in pjsua2, from INVITE to DISCONNECTED: one that comes, or one that is dialled.

The only lasting reference to a ``SipCall`` is the endpoint's dictionary, and it is dropped inside
``onCallState`` DISCONNECTED: freed any later, its destructor would hang up the next call in that slot; freed on
another thread, pjsip would abort. So nothing here may be stored elsewhere, not even in a traceback.
"""

from itertools import zip_longest
from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip import pacing
from edge_bridge.entrances.sip.signals import Dial, Handle, MediaSide, SipEvents, host_of, port_of
from process import logs

log = logs.get(__name__)

NOT_ACCEPTABLE_HERE = 488
DECLINE = 603


class SipCall(pj.Call):  # type: ignore[misc]
    def __init__(self, account: Any, call_id: int, handle: Handle, owner: "CallOwner") -> None:
        super().__init__(account, call_id)
        self.handle = handle
        self.is_up = False
        self._side: MediaSide | None = None
        self._offer = ""  # the INVITE's
        self._open: tuple[bool, ...] = ()  # the media lines that pjsip has sockets for
        self._owner = owner
        self._we_offered = False
        self._awaits_text = False  # of an answer that pjsip has taken: it tells of that first
        self._reinvited = False  # by the far end: the ACK that answers our offer then is told to nobody
        self._codec = ""
        self._confirmed = call_id != pj.PJSUA_INVALID_ID  # a call that comes is answered at once
        self._hung_up_here = False

    def dial(self, dial: Dial, side: MediaSide) -> None:
        """Raises pj.Error where no INVITE can be sent."""
        self._side = side
        parameters = pj.CallOpParam(True)
        parameters.txOption.localUri = f"<{dial.caller}>"
        for name, value in dial.headers:
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            parameters.txOption.headers.append(header)
        self.makeCall(dial.uri, parameters)

    def refuse(self, status: int) -> None:
        self._hung_up_here = True
        self._answer(status)

    def take(self, side: MediaSide) -> None:
        """Ring and answer at once."""
        self._side = side
        answer = side.describe(self._offer) if self._offer else ""
        if self._offer and not side.accepts:
            self.refuse(NOT_ACCEPTABLE_HERE)
            return
        self._answer(180)
        self._answer(200, answer)

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

    def onCallState(self, changed: Any) -> None:
        try:
            info, event = self.getInfo(), changed.e
            if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self.let_go(int(info.lastStatusCode))
            elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
                self._confirmed = True
                if event.type == pj.PJSIP_EVENT_RX_MSG:  # the ACK, with the answer to an offer of ours in the 200
                    self._read_answer(str(event.body.rxMsg.rdata.wholeMsg))
                self._tell_when_up()
        except Exception:
            log.exception("a call's state was lost")

    def let_go(self, status: int) -> None:
        """The end: drop the last reference, tell the session."""
        self._owner.forget(self.handle)
        self._side = None
        self._owner.events.ended(self.handle, status, not self._hung_up_here)

    def onCallTsxState(self, changed: Any) -> None:
        # Keep-alives, session refreshes, hold: the caller's phone is there even if it sends no audio.
        try:
            side, event = self._side, changed.e.body.tsxState
            if side is None or event.type != pj.PJSIP_EVENT_RX_MSG:
                return
            side.seen()
            message = str(event.src.rdata.wholeMsg)
            self._reinvited = self._reinvited or message.startswith("INVITE ")
            if message.startswith(("SIP/2.0 1", "SIP/2.0 2", "PRACK ")):
                self._read_answer(message)
                self._tell_when_up()
        except Exception:
            log.exception("what came in a call was lost")

    def _read_answer(self, message: str) -> None:
        """The far end's answer to our offer, where ``message`` has it."""
        answer = message.partition("\r\n\r\n")[2]
        if self._awaits_text and answer and self._side is not None:
            self._awaits_text = False
            self._codec = self._side.agreed_in(answer)

    def onCallSdpCreated(self, created: Any) -> None:
        """pjsip has written its SDP: ours takes the place. Its own sockets are never named to anybody.

        An INVITE's comes before it is decided: ours is given with the answer, then.
        """
        try:
            offer, side = str(created.remSdp.wholeSdp), self._side
            opened = self._opened_by(offer)
            if side is None:
                self._offer = offer
                return
            self._owner.opened(opened)
            self._we_offered = not offer
            created.sdp.wholeSdp = side.describe(offer)
        except Exception:
            log.exception("an SDP was lost")

    def _opened_by(self, offer: str) -> int:
        """For how many media lines pjsip has opened sockets. An offer of ours closes all but the first."""
        before, self._open = self._open, pacing.open_lines(offer) or (True,)
        return sum(is_open and not was for is_open, was in zip_longest(self._open, before, fillvalue=False))

    def onCallMediaState(self, _: Any) -> None:
        """Audio is agreed on: after the answer, and again after every re-INVITE (hold and resume)."""
        side = self._side
        if side is None:
            return
        try:
            self._codec = self._agreed_by(side) if self._we_offered else side.agreed()
            self._reinvited = False
            self._tell_when_up()
        except Exception:
            log.exception("a call's audio could not be connected")

    def _tell_when_up(self) -> None:
        """A phone that rings may have audio already, such as its network's announcement: that is no answer."""
        if self._codec and self._confirmed and not self.is_up:
            self.is_up = True
            self._owner.events.answered(self.handle, self._codec)

    def _agreed_by(self, side: MediaSide) -> str:
        """The far end's answer to our offer, as pjsip has read it where there will be no text of it."""
        if not self._reinvited:
            self._awaits_text = True
            return self._codec
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

    def opened(self, media: int) -> None:
        """A later offer had sockets opened for so many media lines."""
        raise NotImplementedError
