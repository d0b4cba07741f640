"""One SIP call in pjsua2, from INVITE to DISCONNECTED.

The only lasting reference to a ``SipCall`` is the endpoint's dictionary, and it is dropped inside
``onCallState`` DISCONNECTED: freed any later, its destructor would hang up the next call in that slot; freed on
another thread, pjsip would abort. So nothing here may be stored elsewhere, not even in a traceback.
"""

from typing import Any

import pjsua2 as pj  # type: ignore[import-untyped]

from edge_bridge.entrances.sip.ports import Port, PortPool
from edge_bridge.entrances.sip.signals import FrameSide, Handle, Refusal, SipEvents, audio_port
from process import logs

log = logs.get(__name__)

# How long a caller may send no packet, hold excepted, before the call is taken for dead: some phones open their
# media late, none stops for so long.
FIRST_MEDIA_WITHIN_S = 30.0
MEDIA_GAP_S = 15.0
DECLINE = 603


class SipCall(pj.Call):  # type: ignore[misc]
    """Everything runs on the SIP thread."""

    def __init__(self, account: Any, call_id: int, handle: Handle, owner: "CallOwner") -> None:
        super().__init__(account, call_id)
        self.handle = handle
        self._side: FrameSide | None = None
        self._owner = owner
        self._port: Port | None = None
        self._media_index = 0
        self._on_hold = False
        self._hung_up_here = False
        self._packets = 0
        self._packets_at = 0.0

    def decided(self, decision: FrameSide | Refusal) -> None:
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
        self._answer(180)
        self._answer(200)

    def _answer(self, status: int) -> None:
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.answer(parameters)

    def hang_up(self, status: int) -> None:
        self._hung_up_here = True
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.hangup(parameters)

    def refer(self, target: str) -> None:
        """Blind transfer: raises pj.Error when pjsip can not send it."""
        self.xfer(target, pj.CallOpParam())

    def is_silent_since(self, now: float) -> bool:
        """True when the caller's packets stopped for so long that the call is certainly dead."""
        if self._port is None or self._on_hold:
            self._packets_at = now
            return False
        statistics = self.getStreamStat(self._media_index)  # kept: its parts live no longer than it does
        packets = int(statistics.rtcp.rxStat.pkt)
        if packets != self._packets or not self._packets_at:
            self._packets, self._packets_at = packets, now
            return False
        return now - self._packets_at > (MEDIA_GAP_S if packets else FIRST_MEDIA_WITHIN_S)

    # --- pjsua2's callbacks: an exception in one must not reach C++ -------------------------------------------

    def onCallState(self, _: Any) -> None:
        try:
            info = self.getInfo()
            if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self.let_go(int(info.lastStatusCode))
        except Exception:
            log.exception("a call's state was lost")

    def onCallSdpCreated(self, created: Any) -> None:
        try:
            if self._side is not None:
                self._owner.events.agreed(self.handle, audio_port(created.sdp.wholeSdp))
        except Exception:
            log.exception("a call's RTP port was lost")

    def let_go(self, status: int) -> None:
        """The end: give the port back, drop the last reference, tell the bridge."""
        self._owner.forget(self.handle)
        if self._port is not None:
            self._owner.ports.take_back(self._port)
            self._port = None
        if self._side is not None:
            self._side = None
            self._owner.events.ended(self.handle, status, not self._hung_up_here)

    def onCallMediaState(self, _: Any) -> None:
        """Audio is agreed on: after the answer, and again after every re-INVITE (hold and resume)."""
        side = self._side
        if side is None:
            return
        try:
            info = self.getInfo()  # kept: its parts live no longer than it does
            for media in info.media:
                if media.type != pj.PJMEDIA_TYPE_AUDIO:
                    continue
                self._on_hold = media.status != pj.PJSUA_CALL_MEDIA_ACTIVE
                if self._on_hold:
                    continue
                self._media_index = media.index
                audio = self.getAudioMedia(media.index)
                first = self._port is None
                if self._port is None:
                    self._port = self._owner.ports.lend(side)
                audio.startTransmit(self._port)
                self._port.startTransmit(audio)
                if first:
                    codec = str(self.getStreamInfo(media.index).codecName).upper()
                    self._owner.events.answered(self.handle, codec)
                return
        except Exception:
            log.exception("a call's audio could not be connected")

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
    ports: PortPool

    def forget(self, handle: Handle) -> None:
        raise NotImplementedError
