"""The calls of a session that died: their callers hear "one moment" at once, and are talked to again once the lines are
read.

A call goes on if its signaller says that its dialog does. The others, which rang or whose signaller is dead too, are
given up: the supervisor sees to it that they are found lost, with what their handlers have noted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_bridge import prompts
from edge_bridge.calls.news import NewsDesk
from edge_bridge.calls.progress import KeptCall, Progress
from edge_bridge.calls.record import Arrival
from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.signals import Handle
from edge_bridge.lines.directory import Directory
from edge_bridge.media.audio import CallAudio
from edge_bridge.media.rtp.call import CallMedia, MediaEvents, RtpNode
from edge_bridge.media.rtp.ports import PortPair
from edge_bridge.media.rtp.sdp import Agreement
from process import logs
from stores.live import LiveCall

log = logs.get(__name__)

ADOPT_WITHIN_S = 1.5  # a signaller answers in milliseconds, or is dead


@dataclass(slots=True)
class Orphan:
    """``media`` is there from when its signaller has said that the call goes on."""

    call: LiveCall
    progress: Progress
    pair: PortPair
    audio: CallAudio = field(default_factory=CallAudio)
    agreement: Agreement | None = None
    media: CallMedia | None = None


class Adoption:
    """``go_on`` is called with each call that does, its arrival and its media; ``hang_up`` ends one that can't."""

    def __init__(
        self,
        rtp: RtpNode,
        desk: NewsDesk,
        events: Callable[[Handle], MediaEvents],
        go_on: Callable[[Orphan, Arrival], None],
        hang_up: Callable[[Handle, int], None],
    ) -> None:
        self._rtp = rtp
        self._desk = desk
        self._events = events
        self._go_on = go_on
        self._hang_up = hang_up
        self._directory: Directory | None = None
        self._orphans: dict[Handle, Orphan] = {}

    def __len__(self) -> int:
        return len(self._orphans)

    def add(self, call: LiveCall, progress: Progress, pair: PortPair) -> None:
        """To be followed by what its signaller says of it."""
        handle = progress.handle
        self._orphans[handle] = Orphan(call, progress, pair)

        def look() -> None:
            orphan = self._orphans.get(handle)
            if orphan is not None and orphan.media is None:
                self.ended(handle)

        asyncio.get_running_loop().call_later(ADOPT_WITHIN_S, look)

    def take(self, handle: Handle, ongoing: link.OngoingCall) -> bool:
        """Whether the call, which its signaller has, goes on here."""
        orphan = self._orphans.get(handle)
        if orphan is None or not ongoing.is_up or ongoing.agreement is None:
            return False
        state = orphan.progress.media
        if state is None:
            return False
        orphan.agreement = ongoing.agreement
        orphan.audio.play(prompts.prompt(prompts.spoken_language(orphan.progress.language), "one_moment"))
        orphan.media = CallMedia.resume(self._rtp, orphan.pair, state, orphan.audio, self._events(handle))
        if ongoing.agreement != state.stream.agreement:
            orphan.media.agree(ongoing.agreement)
        log.info("a call goes on in this session", call_id=orphan.call.call_id)
        self._settle(handle)
        return True

    def media_of(self, handle: Handle) -> CallMedia | None:
        """Of a call that waits for the lines."""
        orphan = self._orphans.get(handle)
        return orphan.media if orphan is not None else None

    def handles_of(self, signaller: int) -> list[Handle]:
        return [handle for handle in self._orphans if link.signaller_of(handle) == signaller]

    def ended(self, handle: Handle) -> None:
        """Its dialog is over, or never was."""
        orphan = self._orphans.pop(handle, None)
        if orphan is None:
            return
        if orphan.media is not None:
            orphan.media.close()
        else:
            self._rtp.range_of(orphan.pair).take_back(orphan.pair)
        self._desk.keeper.lost(orphan.call.call_id)

    def use(self, directory: Directory) -> None:
        """The lines are known."""
        self._directory = directory
        for handle in list(self._orphans):
            self._settle(handle)

    def _settle(self, handle: Handle) -> None:
        """When it is known both that the call goes on and whose line it is."""
        orphan = self._orphans[handle]
        if self._directory is None or orphan.media is None:
            return
        call, progress = orphan.call, orphan.progress
        line = self._directory.by_id.get(call.phone_line_id)
        if line is None:
            log.warning("the line of a call is gone", call_id=call.call_id)
            self._hang_up(handle, 0)
            return
        del self._orphans[handle]
        caller = self._desk.pii.decrypt(call.restaurant_id, call.caller_sealed) if call.caller_sealed else ""
        arrival = Arrival(
            call.call_id,
            caller,
            line,
            orphan.audio,
            call.started_at,
            progress.falls_back,
            progress.attestation,
            sip_call_id=progress.sip_call_id,
            source=progress.source_host,
            **({"traceparent": progress.traceparent} if progress.traceparent else {}),
        )
        self._desk.adopted(arrival, call)
        self._go_on(orphan, arrival)

    def kept(self, orphan: Orphan) -> KeptCall:
        """For the session after this one."""
        return self._desk.keeping(orphan.call, orphan.pair.port, orphan.progress)
