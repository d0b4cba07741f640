"""A call at the door: what is known of it before anyone has answered."""

from dataclasses import dataclass
from datetime import datetime

from edge_bridge.audio import CallAudio
from edge_bridge.directory import LineEntry
from edge_bridge.sip.signals import Invite
from eventing.catalogue import MissedReason


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as the SIP thread took it. ``over_limit`` names the limit that it is over; then no handler is asked."""

    call_id: str
    invite: Invite
    line: LineEntry
    audio: CallAudio
    received_at: datetime
    over_limit: MissedReason | None = None
