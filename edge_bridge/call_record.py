"""What is known of a call when it is over, and the events that tell of it."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.calls import Outcome
from edge_bridge.arrivals import Arrival
from edge_bridge.recordings import Recording
from eventing.catalogue import CallEnded, CallMissed, CallTransferred, MissedReason, Payload


@dataclass(frozen=True, slots=True)
class TransferDone:
    target: str
    reason: str
    at: datetime


def _new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@dataclass(slots=True)
class CallSummary:
    """Filled in while the call goes on. ``outcome`` stays ``failed`` unless something better happens."""

    arrival: Arrival
    node_id: str
    answered_at: datetime
    outcome: Outcome = "failed"
    attempts: int = 0
    order_id: str | None = None
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    missed_reason: MissedReason | None = None
    recording: Recording | None = None
    transfer: TransferDone | None = None
    traceparent: str = field(default_factory=_new_traceparent)

    def joined(self, at: datetime) -> None:
        self.joined_at = self.joined_at or at

    def transferred(self, target: str, reason: str) -> None:
        self.outcome = "transferred"
        self.transfer = TransferDone(target, reason, datetime.now(UTC))

    def payloads(self) -> tuple[Payload, ...]:
        """``call.ended``, and ``call.missed`` or ``call.transferred`` where that is what happened."""
        told: list[Payload] = [self._ended()]
        if self.transfer is not None:
            told.append(self._transferred(self.transfer))
        elif self.missed_reason is not None or self.joined_at is None:
            told.append(self._missed())
        return tuple(told)

    def _ended(self) -> CallEnded:
        ended_at = self.ended_at or datetime.now(UTC)
        recording = self.recording
        return CallEnded(
            call_id=self.arrival.call_id,
            restaurant_id=self.arrival.line.restaurant.id,
            phone_line_id=self.arrival.line.id,
            bridge_node_id=self.node_id,
            outcome=self.outcome,
            attempts=self.attempts,
            received_at=self.arrival.received_at,
            answered_at=self.answered_at,
            joined_at=self.joined_at,
            ended_at=ended_at,
            duration_ms=max(0, round((ended_at - self.answered_at).total_seconds() * 1000)),
            order_id=self.order_id,
            recording=None if recording is None or recording.failed else str(recording.path),
        )

    def _missed(self) -> CallMissed:
        return CallMissed(
            call_id=self.arrival.call_id,
            restaurant_id=self.arrival.line.restaurant.id,
            phone_line_id=self.arrival.line.id,
            bridge_node_id=self.node_id,
            reason=self.missed_reason or "caller_hung_up",
            received_at=self.arrival.received_at,
            ended_at=self.ended_at or datetime.now(UTC),
        )

    def _transferred(self, transfer: TransferDone) -> CallTransferred:
        return CallTransferred(
            call_id=self.arrival.call_id,
            restaurant_id=self.arrival.line.restaurant.id,
            phone_line_id=self.arrival.line.id,
            bridge_node_id=self.node_id,
            target=transfer.target,
            reason=transfer.reason,
            received_at=self.arrival.received_at,
            transferred_at=transfer.at,
        )
