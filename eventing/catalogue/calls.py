"""Events of a phone call and of the line it comes in on."""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.calls import Outcome
from eventing.catalogue.base import Attempt, CallId, Instant, Milliseconds, Payload, Uuid

Codec = Literal["PCMU", "PCMA"]
MissedReason = Literal["no_handler", "handler_lost", "restaurant_full", "node_full", "ai_down", "caller_hung_up"]
LineChange = Literal["created", "assigned", "updated", "activated", "deactivated", "removed"]


class CallEvent(Payload, frozen=True, kw_only=True):
    """What every event of a call says. ``received_at`` is when the INVITE came: with the id it names the call's row."""

    call_id: CallId
    phone_line_id: Uuid
    bridge_node_id: str
    received_at: Instant


class CallIncoming(CallEvent, frozen=True, kw_only=True):
    """A caller rings: a bridge asks for a handler. Goes straight to the call handler, never through the broker.

    ``audio_stream_token`` opens ``audio_stream_url`` once, for this ``attempt``. ``greeting`` is the text that
    the caller is hearing already. ``codec`` is the phone side's; the media stream is always µ-law.
    """

    TYPE: ClassVar[str] = "com.alloresto.call.incoming"

    attempt: Attempt
    caller: str
    called: str
    codec: Codec
    audio_stream_url: str
    audio_stream_token: str
    greeting: str


class CallEnded(CallEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A call is over. ``recording`` says where its audio lies, when the restaurant records."""

    TYPE: ClassVar[str] = "com.alloresto.call.ended"

    outcome: Outcome
    attempts: int
    ended_at: Instant
    duration_ms: Milliseconds
    answered_at: Instant | None = None
    joined_at: Instant | None = None
    order_id: Uuid | None = None
    recording: str | None = None


class CallMissed(CallEvent, frozen=True, kw_only=True):
    """Nobody served the caller: the restaurant's fallback spoke, or the caller gave up."""

    TYPE: ClassVar[str] = "com.alloresto.call.missed"

    reason: MissedReason
    ended_at: Instant


class CallTransferred(CallEvent, frozen=True, kw_only=True):
    """The caller was put through to a human at ``target`` (a number or SIP URI)."""

    TYPE: ClassVar[str] = "com.alloresto.call.transferred"

    target: str
    reason: str
    transferred_at: Instant


class LineChanged(Payload, frozen=True, kw_only=True):
    """A phone line was made, assigned to a node, edited or taken away."""

    TYPE: ClassVar[str] = "com.alloresto.line.changed"

    phone_line_id: Uuid
    change: LineChange
