"""What is known of a call: when it arrives, and when it is over, with the events that tell of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.calls import Attestation, Outcome
from domain.traces import AudioFigures
from edge_bridge.lines.directory import LineEntry
from edge_bridge.media.audio import CallAudio
from edge_bridge.media.recordings import Recording
from eventing.catalogue import CallEnded, CallMissed, CallStarted, CallTransferred, MissedReason, Payload
from process.telemetry import spans


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it was taken. ``caller`` is "" where the number is withheld. ``unserved`` says why no handler is
    asked for it, if none is. ``sip_call_id`` and ``source``, who sent the INVITE, are SIP's."""

    call_id: str
    caller: str
    line: LineEntry
    audio: CallAudio
    received_at: datetime
    unserved: MissedReason | None = None
    attestation: Attestation = ""
    sip_call_id: str = ""
    source: str = ""
    traceparent: str = field(default_factory=spans.new_traceparent)  # of the call's own span, the trace's first


def started(arrival: Arrival, node_id: str) -> CallStarted:
    return CallStarted(
        call_id=arrival.call_id,
        restaurant_id=arrival.line.restaurant.id,
        phone_line_id=arrival.line.id,
        bridge_node_id=node_id,
        received_at=arrival.received_at,
        caller=arrival.caller,
        called=arrival.line.number,
    )


@dataclass(frozen=True, slots=True)
class TransferDone:
    target: str
    reason: str
    at: datetime


@dataclass(slots=True)
class CallSummary:
    """Filled in while the call goes on. ``outcome`` stays ``failed`` unless something better happens."""

    arrival: Arrival
    node_id: str
    answered_at: datetime | None = None
    outcome: Outcome = "failed"
    attempts: int = 0
    order_id: str | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    missed_reason: MissedReason | None = None
    recording: Recording | None = None
    transfer: TransferDone | None = None
    audio: AudioFigures | None = None

    def joined(self, at: datetime) -> datetime:
        """Gives when that was the first time."""
        self.joined_at = self.joined_at or at
        return self.joined_at

    def transferred(self, target: str, reason: str) -> None:
        self.outcome = "transferred"
        self.transfer = TransferDone(target, reason, datetime.now(UTC))

    def payloads(self) -> tuple[Payload, ...]:
        """``call.ended``, and ``call.missed`` or ``call.transferred`` where that is what happened."""
        arrival, recording = self.arrival, self.recording
        ended_at = self.ended_at or datetime.now(UTC)
        ended = CallEnded(
            call_id=arrival.call_id,
            restaurant_id=arrival.line.restaurant.id,
            phone_line_id=arrival.line.id,
            bridge_node_id=self.node_id,
            outcome=self.outcome,
            attempts=self.attempts,
            received_at=arrival.received_at,
            answered_at=self.answered_at,
            joined_at=self.joined_at,
            ended_at=ended_at,
            duration_ms=max(0, round((ended_at - (self.answered_at or arrival.received_at)).total_seconds() * 1000)),
            order_id=self.order_id,
            recording=None if recording is None or recording.failed else str(recording.path),
            audio=self.audio,
        )
        if self.transfer is not None:
            return ended, CallTransferred(
                call_id=arrival.call_id,
                restaurant_id=arrival.line.restaurant.id,
                phone_line_id=arrival.line.id,
                bridge_node_id=self.node_id,
                target=self.transfer.target,
                reason=self.transfer.reason,
                received_at=arrival.received_at,
                transferred_at=self.transfer.at,
            )
        if self.missed_reason is None and self.joined_at is not None:
            return (ended,)
        return ended, CallMissed(
            call_id=arrival.call_id,
            restaurant_id=arrival.line.restaurant.id,
            phone_line_id=arrival.line.id,
            bridge_node_id=self.node_id,
            reason=self.missed_reason or "caller_hung_up",
            caller=arrival.caller,
            received_at=arrival.received_at,
            ended_at=ended_at,
        )
