"""How far a call has got, as far as another session needs it to go on with the call: kept by the supervisor."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from domain.calls import Attestation
from edge_bridge.calls.ways import Way
from edge_bridge.entrances.sip.signals import Handle
from edge_bridge.media.rtp.call import MediaState
from eventing.catalogue import MissedReason
from stores.live import LiveCall, QueuedCall


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """``source_host`` is where the INVITE came from, ``source`` the same with its port as the host of a URI;
    ``sip_call_id`` its Call-ID, ``attestation`` what it said of the caller's number, ``language`` the restaurant's.
    ``falls_back``: no handler is asked (any more). ``worker`` is the handler that has accepted the call, ``queued``
    what says that it waits for one, ``way`` where it was asked for.
    """

    handle: Handle
    source_host: str
    language: str
    source: str = ""
    sip_call_id: str = ""
    attestation: Attestation = ""
    falls_back: MissedReason | None = None
    traceparent: str = ""
    attempts: int = 0
    answered_at: datetime | None = None
    joined_at: datetime | None = None
    worker: str = ""
    queued: QueuedCall | None = None
    way: Way | None = None
    media: MediaState | None = None


encode = msgspec.msgpack.Encoder().encode
_decoder: "msgspec.msgpack.Decoder[Progress]" = msgspec.msgpack.Decoder(Progress)
decode = _decoder.decode


class KeptCall:
    """A call that somebody beyond this process knows of. ``tell`` is given its progress as it is now: b"" for a call
    that ends with this process.
    """

    def __init__(self, call: LiveCall, progress: Progress | None, tell: Callable[[LiveCall, bytes], None]) -> None:
        self.call = call
        self.progress = progress
        self._tell = tell

    def changed(self, **changes: Any) -> None:
        """These fields of ``Progress`` are others from now on."""
        if self.progress is not None:
            self.progress = msgspec.structs.replace(self.progress, **changes)
            self._tell(self.call, encode(self.progress))
