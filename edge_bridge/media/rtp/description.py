"""One call's session description, offer by offer. SIP settles it and asks here, within its own process: pure, so that
it waits for nobody.
"""

from collections.abc import Callable

from domain.trunks import Srtp
from edge_bridge.media.rtp import sdp, srtp
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.packets import PCMA
from process import logs

log = logs.get(__name__)


class Description:
    """A ``signals.MediaSide``. Media is at ``host`` and ``port``; ``settled`` is called with each agreement that comes
    into force, ``seen`` when the caller's phone sent something by SIP. A call that is ``dialled`` offers SRTP where
    ``use`` requires it; the answer to an offer in a 200 comes in an ACK, of which nobody sees the keys.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ice: IceLite,
        settled: Callable[[sdp.Agreement], None],
        seen: Callable[[], None],
        use: Srtp = "off",
        *,
        dialled: bool = False,
    ) -> None:
        self.in_force: sdp.Agreement | None = None
        self.seen = seen
        self._host = host
        self._speaker = sdp.Speaker(host, port)
        self._ice = ice
        self._settled = settled
        self.reads_answers = dialled
        self._use = use
        self._key = srtp.Ours.new() if dialled and use == "required" else None
        self._described: sdp.Agreement | None = None

    def describe(self, offer: str) -> str:
        self._described = None
        if not offer:
            can_offer = self._key is not None or self._use != "required"
            return self._speaker.offer(self._key) if can_offer else self._speaker.refusal([])
        try:
            media = sdp.parse(offer)
        except sdp.SdpError as error:
            log.info("an offer can't be read", why=str(error))
            return self._speaker.refusal([])
        sdp.of_family(media, self._host)
        try:
            before = self.in_force.keys if self.in_force is not None else None
            index, self._described = sdp.choose(media, self._ice, self._use, before)
        except sdp.SdpError:
            return self._speaker.refusal(media)
        return self._speaker.answer(media, index, self._described)

    @property
    def accepts(self) -> bool:
        return self._described is not None

    def agreed(self) -> str:
        if self._described is not None:
            self._settle(self._described)
        return self._codec()

    def agreed_by(self, host: str, port: int, payload_type: int, held: bool) -> str:
        codec: sdp.Codec = "PCMA" if payload_type == PCMA else "PCMU"
        rtcp = (host, min(port + 1, 65_535))
        self._settle(sdp.Agreement(codec, payload_type, sdp.OUR_EVENT_TYPE, (host, port), rtcp, False, held))
        return self._codec()

    def agreed_in(self, answer: str) -> str:
        try:
            media = sdp.parse(answer)
            sdp.of_family(media, self._host)
            self._settle(sdp.answered(media, self._key))
        except sdp.SdpError as error:
            log.warning("the answer to an offer of ours can't be used", why=str(error))
            return ""
        return self._codec()

    def _settle(self, agreement: sdp.Agreement) -> None:
        self._described, self.in_force = None, agreement
        self._settled(agreement)

    def _codec(self) -> str:
        return self.in_force.codec if self.in_force is not None and not self.in_force.held else ""
