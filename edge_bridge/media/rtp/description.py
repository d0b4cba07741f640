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
    into force, ``seen`` when the caller's phone sent something by SIP. What we offer is SRTP where ``use`` requires it,
    or where it is in force, with the key that we send with.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ice: IceLite,
        settled: Callable[[sdp.Agreement], None],
        seen: Callable[[], None],
        use: Srtp = "off",
    ) -> None:
        self.in_force: sdp.Agreement | None = None
        self.seen = seen
        self._host = host
        self._speaker = sdp.Speaker(host, port)
        self._ice = ice
        self._settled = settled
        self._use = use
        self._key: srtp.Ours | None = None  # of our last offer
        self._described: sdp.Agreement | None = None

    def describe(self, offer: str) -> str:
        self._described = None
        if not offer:
            self._key = self._key_to_offer()
            return self._speaker.offer(self._key)
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
        before = self.in_force
        if ":" in self._host and before is not None and before.remote is not None:
            host = before.remote[0]  # pjsip knows a placeholder
        rtcp = (host, min(port + 1, 65_535))
        keys = before.keys if before is not None else None
        self._settle(sdp.Agreement(codec, payload_type, sdp.OUR_EVENT_TYPE, (host, port), rtcp, False, held, keys=keys))
        return self._codec()

    def _key_to_offer(self) -> srtp.Ours | None:
        in_force = self.in_force.keys if self.in_force is not None else None
        if in_force is not None:
            return srtp.Ours(in_force.tag, in_force.suite, in_force.ours)
        return (self._key or srtp.Ours.new()) if self._use == "required" else None

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
