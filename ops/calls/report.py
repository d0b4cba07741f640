"""A call for people, and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from domain import call_words as words
from domain import sip_ladders as ladder
from domain.traces import Ladder
from stores.traces import CallTrace, TracedCall

NO_TRACE = "no SIP messages are kept of this call: it is too old, was taken by an earlier release, or goes on"


def table(found: Iterable[TracedCall], *, numbers: bool) -> Iterator[str]:
    """One line a call: when, id, restaurant, line, caller, how it ended, how long it took."""
    for one in found:
        call = one.call
        outcome = call.missed_reason or call.outcome
        took = "" if call.duration_ms is None else f"{call.duration_ms / 1000:.0f} s"
        caller = number(call.caller, numbers=numbers) if call.caller else "-"
        cells = (f"{call.started_at:%Y-%m-%d %H:%M:%S}", call.id, f"{outcome.replace('_', ' '):<16}", f"{took:>6}")
        yield "  ".join((*cells, f"{caller:<14}", plain(one.restaurant_name)))


def number(text: str, *, numbers: bool) -> str:
    return text if numbers else words.masked(text)


def text(one: TracedCall, *, numbers: bool) -> Iterator[str]:
    """The whole call, line by line."""
    yield from _head(one, numbers=numbers)
    trace = one.trace
    if trace is None:
        yield from ("", NO_TRACE)
        return
    yield from ("", "settings in force")
    for name, value in _settings(trace):
        yield f"  {name:<12} {value}"
    if trace.sip_call_id:
        yield from ("", f"SIP messages, Call-ID {plain(trace.sip_call_id)}")
        yield from ladder.lines(trace.ladder) if trace.ladder.rungs else (f"  {NO_TRACE}",)
    yield from ("", "what happened")
    for at_ms, what in words.course(trace.moments):
        yield f"{at_ms:>9}  {what}"
    yield from ("", "how it sounded")
    if trace.audio is None:
        yield "  no figures: no audio over RTP"
        return
    for line in words.audio(trace.audio):
        yield f"  {line.way:<16} {line.verdict}"
        yield f"  {'':<16} {line.figures}"


def _head(one: TracedCall, *, numbers: bool) -> Iterator[str]:
    call = one.call
    yield f"call {call.id}"
    ended = "goes on, or its end is not known yet" if call.ended_at is None else call.outcome.replace("_", " ")
    missed = f", missed: {call.missed_reason.replace('_', ' ')}" if call.missed_reason else ""
    took = "" if call.duration_ms is None else f", {call.duration_ms / 1000:.1f} s"
    facts = {
        "began": f"{call.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "outcome": f"{ended}{missed}{took}",
        "order": call.order_id or "none",
        "restaurant": f"{plain(one.restaurant_name)}, {call.restaurant_id}",
        "line": f"{number(one.line_number, numbers=numbers) or 'gone'}, {call.phone_line_id or 'gone'}",
        "caller": number(call.caller, numbers=numbers) or "withheld, forgotten, or not readable without MASTER_KEY",
        "node": call.bridge_node_id or "none",
    }
    if call.went_to is not None:
        house = call.went_to
        facts["went on"] = f"{plain(house.name)}, {house.restaurant_id}: {house.because}"
    for name, value in facts.items():
        yield f"  {name:<12} {value}"


def _settings(trace: CallTrace) -> Iterator[tuple[str, str]]:
    held = trace.in_force
    yield "entrance", words.ENTRANCES.get(held.provider, held.provider)
    if held.provider == "sip":
        yield "trunk", f"{held.trunk or 'none: a SIP peer'}; the INVITE came from {held.source or '?'}"
    yield "codec", held.codec or "none agreed on"
    yield "recorded", "yes" if held.recorded else "no"
    yield "max. calls", f"{held.max_calls} at once for this restaurant"
    yield "fallback", held.fallback.replace("_", " ")
    yield "language", held.language


def data(one: TracedCall, *, numbers: bool) -> dict[str, Any]:
    """For JSON. Neither transcript nor cart is in it."""
    call, trace = one.call, one.trace
    found: dict[str, Any] = {
        "callId": call.id,
        "restaurantId": call.restaurant_id,
        "restaurant": one.restaurant_name,
        "phoneLineId": call.phone_line_id,
        "lineNumber": number(one.line_number, numbers=numbers),
        "caller": number(call.caller, numbers=numbers),
        "bridgeNodeId": call.bridge_node_id,
        "startedAt": call.started_at,
        "answeredAt": call.answered_at,
        "joinedAt": call.joined_at,
        "endedAt": call.ended_at,
        "durationMs": call.duration_ms,
        "outcome": call.outcome,
        "missedReason": call.missed_reason,
        "attempts": call.attempts,
        "orderId": call.order_id,
        "wentTo": call.went_to,
    }
    if trace is not None:
        found |= {
            "sipCallId": trace.sip_call_id,
            "inForce": trace.in_force,
            "ladder": trace.ladder if trace.ladder.rungs else Ladder(),
            "course": trace.moments,
            "audio": trace.audio,
        }
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built


def plain(text: str) -> str:
    """What strangers wrote, on one line and harmless to a terminal."""
    return "".join(char if char.isprintable() else "·" for char in text)
