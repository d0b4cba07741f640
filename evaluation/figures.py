"""The figures of an evaluation: how many ended right, what was committed wrong, how long callers waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.report import Figure, percentile
from evaluation.outcome import Outcome
from evaluation.reasons import NAMED, Reason, reason_of
from evaluation.scenarios import Way

LANGUAGES = {"en": "English", "fr": "French"}
# Of all scenarios, those that are marked pending too.
REACH_BY_TEXT = 97.0
REACH_BY_AUDIO = {"en": 90.0, "fr": 80.0}


def figures(outcomes: Sequence[Outcome], engine: str) -> list[Figure]:
    found: list[Figure] = []
    ways: tuple[Way, ...] = ("text", "audio")
    for way in ways:
        mine = [one for one in outcomes if one.way == way]
        if mine:
            found += _of_way(mine, way, engine)
    return found


def compared(guided: Sequence[Outcome], unguided: Sequence[Outcome]) -> list[Figure]:
    """The same scenarios by text with and without the guidance in tool results; nothing without a "without"."""
    if not unguided:
        return []
    found = []
    for name, outcomes in (("with", [one for one in guided if one.way == "text"]), ("without", unguided)):
        refused = sum(m.who == "tool" and not m.ok for one in outcomes for run in one.runs for m in run.record.moments)
        found += [
            _share(f"by text, {name} guidance in tool results: ended exactly right", outcomes),
            Figure(f"by text, {name} guidance: wrong orders committed", sum(one.wrong_order for one in outcomes), ""),
            Figure(f"by text, {name} guidance: tool calls refused", refused, "calls"),
        ]
    return found


def _of_way(outcomes: Sequence[Outcome], way: Way, engine: str) -> list[Figure]:
    found = []
    if way == "text":
        found.append(_share(f"by text, {engine}: ended exactly right", outcomes, f"≥ {REACH_BY_TEXT:g}"))
        for language, name in LANGUAGES.items():
            own = [one for one in outcomes if one.case.language == language]
            found += [_share(f"by text, {name}: ended exactly right", own)] if own else []
    else:
        for language, name in LANGUAGES.items():
            own = [one for one in outcomes if one.case.language == language]
            reach = f"≥ {REACH_BY_AUDIO[language]:g}"
            found += [_share(f"by audio over SIP, {name}: ended exactly right", own, reach)] if own else []
    awkward = [one for one in outcomes if one.case.scenario.awkward]
    found += [_share(f"by {way}, awkward callers: ended exactly right", awkward)] if awkward else []
    count = sum(one.wrong_order for one in outcomes)
    found.append(Figure(f"by {way}: wrong orders committed", count, "", "= 0"))
    why = Counter(one.kind for one in map(_reason, outcomes) if one is not None)
    found += [Figure(f"by {way}: not right, {NAMED[kind]}", count, "scenarios") for kind, count in why.most_common()]
    for status, words in (("pending", "known to miss"), ("caller", "not told, the caller misbehaved")):
        found.append(Figure(f"by {way}: {words}", sum(one.status == status for one in outcomes), "scenarios"))
    found.append(Figure(f"by {way}: runs thrown away", sum(one.repeated for one in outcomes), "runs"))
    return found + _times(outcomes, way)


def _reason(outcome: Outcome) -> Reason | None:
    return reason_of(outcome.worst, outcome.case.language)


def _share(name: str, outcomes: Sequence[Outcome], reach: str = "") -> Figure:
    right = sum(one.is_right for one in outcomes)
    return Figure(f"{name} ({right} of {len(outcomes)})", 100 * right / len(outcomes), "%", reach)


def _times(outcomes: Sequence[Outcome], way: Way) -> list[Figure]:
    records = [run.record for one in outcomes for run in one.runs]
    replies = [ms for record in records for ms in (*record.reply_ms, *record.reply_ms_after_tools)]
    found = []
    if replies:
        ranks = (50, 95)
        found += [Figure(f"by {way}: sentence → answer p{one}", percentile(replies, one), "ms") for one in ranks]
    if way == "audio":
        marks = [turn_taking_mark(ms, after_tools=False) for record in records for ms in record.reply_ms]
        marks += [turn_taking_mark(ms, after_tools=True) for record in records for ms in record.reply_ms_after_tools]
        if marks:
            found.append(Figure("by audio: turn-taking mark", 100 * sum(marks) / len(marks), "%"))
    confirmed = [one for one in records if any(m.text == "confirm_order" and m.ok for m in one.moments)]
    if confirmed:
        ended = 100 * sum(one.hung_up_by == "restaurant" for one in confirmed) / len(confirmed)
        found.append(Figure(f"by {way}: after an order the assistant hangs up itself", ended, "%"))
    seconds = [record.seconds for record in records if record.seconds]
    if seconds:
        found.append(Figure(f"by {way}: one scenario p50", percentile(seconds, 50), "s"))
    return found


def turn_taking_mark(ms: float, *, after_tools: bool) -> float:
    """1 for an answer 0.5–2 s after the caller's end (3 s with a tool), 0 from 3.5 s on (5 s); less than 1 before."""
    good, last = (3000.0, 5000.0) if after_tools else (2000.0, 3500.0)
    if ms < 500:
        return max(0.0, ms / 500)
    return 1.0 if ms <= good else max(0.0, (last - ms) / (last - good))
