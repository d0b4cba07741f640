"""Figures and codes of a call in words that say what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.traces import AudioFigures, Moment

LOSSY = 0.01  # from here on, words suffer
UNSTEADY_MS = 30.0  # jitter that a usual jitter buffer no longer evens out
SLOW_MS = 300.0  # round trip: both begin to talk over each other (G.114: 150 ms one way)

ENTRANCES = {"sip": "SIP", "audiosocket": "AudioSocket", "twilio": "Twilio"}


def masked(number: str) -> str:
    """A phone number that can be told from others and not be dialled."""
    if not number:
        return ""
    return f"{number[:3]}•••••{number[-2:]}" if len(number) > 7 else "•••••"


@dataclass(frozen=True, slots=True)
class AudioLine:
    """One direction: its figures, and what they mean."""

    way: str
    figures: str
    verdict: str


def audio(figures: AudioFigures) -> Iterator[AudioLine]:
    heard = f"{figures.heard_packets} packets, {_lost(figures.heard_lost, _expected(figures))}"
    heard += f", {figures.heard_late} late, jitter {figures.heard_jitter_ms:g} ms{_mos(figures.heard_mos)}"
    yield AudioLine("from the caller", heard, _heard(figures))
    sent = f"{figures.sent_packets} packets"
    if figures.sent_lost is not None:
        sent += f", {_lost(figures.sent_lost, figures.sent_packets)}, jitter {figures.sent_jitter_ms or 0:g} ms"
    yield AudioLine("to the caller", f"{sent}{_mos(figures.sent_mos)}", _sent(figures))
    if figures.round_trip_ms is not None:
        slow = "slow: both sides talk over each other"
        verdict = slow if figures.round_trip_ms >= SLOW_MS else "good"
        yield AudioLine("round trip", f"{figures.round_trip_ms:g} ms", verdict)


def _expected(figures: AudioFigures) -> int:
    return figures.heard_packets + figures.heard_lost


def _lost(lost: int, of: int) -> str:
    return f"{lost} lost ({_percent(lost, of)})"


def _percent(part: int, of: int) -> str:
    return f"{100 * part / of if of else 0:.1f} %"


def _mos(score: float | None) -> str:
    return "" if score is None else f", MOS {score:.1f}"


def _heard(figures: AudioFigures) -> str:
    expected = _expected(figures)
    if not expected:
        return "nothing came: a firewall or NAT between, or the caller's side sends no audio"
    found = []
    if figures.heard_lost / expected >= LOSSY:
        found.append(f"lossy: {_percent(figures.heard_lost, expected)} of the caller's packets never came")
    if figures.heard_late / expected >= LOSSY:
        found.append(f"late: {_percent(figures.heard_late, expected)} came too late to be heard")
    if figures.heard_jitter_ms >= UNSTEADY_MS:
        found.append(f"unsteady: packets come {figures.heard_jitter_ms:g} ms early or late")
    return "; ".join(found) or "good"


def _sent(figures: AudioFigures) -> str:
    if not figures.sent_packets:
        return "nothing was sent: the call was over, or on hold, before there was anything to say"
    if figures.sent_lost is None:
        return "unknown: the caller's side sent no reports (RTCP)"
    found = []
    if figures.sent_lost / figures.sent_packets >= LOSSY:
        share = _percent(figures.sent_lost, figures.sent_packets)
        found.append(f"lossy: {share} of our packets never reached the caller's side")
    if (figures.sent_jitter_ms or 0.0) >= UNSTEADY_MS:
        found.append(f"unsteady: our packets reach it {figures.sent_jitter_ms:g} ms early or late")
    return "; ".join(found) or "good"


def course(moments: Sequence[Moment]) -> Iterator[tuple[int, str]]:
    """When, in ms since the INVITE, and what."""
    asked_at: dict[int, int] = {}
    for moment in moments:
        if moment.what == "asks for a handler":
            asked_at[moment.attempt] = moment.at_ms
        yield moment.at_ms, _step(moment, asked_at.get(moment.attempt))


def _step(moment: Moment, asked_at: int | None) -> str:
    between = ": " if moment.what in ("handler", "transfer", "fallback", "over") else " "
    told = f"{moment.what}{between}{moment.detail}" if moment.detail else moment.what
    if moment.attempt > 1:
        told += f" (attempt {moment.attempt})"
    if asked_at is not None and moment.what in ("handler accepts", "handler joins"):
        told += f", {moment.at_ms - asked_at} ms after it was asked"
    return told.replace("_", " ")
