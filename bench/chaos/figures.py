"""The campaign's figures: what was lost, invented or doubled, and how long nobody said anything."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence

from bench.chaos.accounts import is_as_agreed, is_truthful
from bench.chaos.caller import Experience
from bench.chaos.campaign import Round
from bench.report import Figure

# A bridge that dies takes the caller's last words with it: an answer needs so long to be heard, understood and kept.
LAST_WORDS_S = 3.0
# What the bridge and the phone's buffers still held when the handler died is no voice again.
OLD_SENTENCE_S = 0.3


def figures(rounds: Sequence[Round]) -> list[Figure]:
    calls = [(one, told) for one in rounds for told in one.calls if told.status == 200]
    agreed = [(one, told) for one, told in calls if told.agreed]
    cut = [(one, told) for one, told in agreed if _cut_in_last_words(one, told) and not _stored(one, told)]
    counted = [pair for pair in agreed if pair not in cut]
    right = sum(_stored_once_as_agreed(one, told) for one, told in counted)
    share = right / len(counted) if counted else float(bool(cut))  # without any order nothing was shown
    found = [
        Figure("calls", len(calls), ""),
        Figure("faults that happened", sum(one.happened for one in rounds), ""),
        Figure("orders agreed to", len(agreed), ""),
        Figure("… stored exactly once, as agreed", 100 * share, "%", "= 100"),
        Figure("… cut by the bridge's death within 3 s of the yes, not stored", len(cut), ""),
        Figure("… of those, not kept for the restaurant to see", sum(not _kept(*pair) for pair in cut), "", "= 0"),
        Figure("orders stored that nobody agreed to", sum(_invented(*pair) for pair in calls), "", "= 0"),
        Figure("orders confirmed aloud and not stored", sum(_promised(*pair) for pair in calls), "", "= 0"),
    ]
    again = list(_voice_again(rounds))
    if again:
        found.append(Figure("handler killed → voice again, p50", statistics.median(again), "s", "≤ 1.5"))
        found.append(Figure("handler killed → voice again, longest", max(again), "s", "≤ 4"))
    silences = [told.silence_s for one, told in calls if not one.fault.ends_calls]
    found.append(Figure("longest silence that nothing explains", max(silences, default=0.0), "s", "≤ 5"))
    untrue = sum(not _has_truthful_row(*pair) for pair in calls)
    found.append(Figure("calls without a truthful row 30 s later", untrue, "", "= 0"))
    found.append(Figure("rounds with a lease or a counter left 30 s later", sum(map(_off, rounds)), "", "= 0"))
    late = list(_kitchen_seconds(rounds))
    if late:
        found.append(Figure("Postgres back → agreed order in the kitchen, longest", max(late), "s", "≤ 10"))
    return found


def missed(rounds: Iterable[Round]) -> Iterator[str]:
    """Each call that a figure misses, in words; the fault's name first."""
    for one in rounds:
        for told in one.calls:
            wrong = list(_wrong(one, told)) if told.status == 200 else []
            if wrong:
                yield f"{one.fault.name}: {', '.join(wrong)}"
        if _off(one):
            yield f"{one.fault.name}: a lease or a counter is left"


def _wrong(one: Round, told: Experience) -> Iterator[str]:
    if told.agreed and not _stored_once_as_agreed(one, told):
        right = len(one.books.orders_under(told)) if one.books else 0
        cut = " (cut)" if _cut_in_last_words(one, told) else ""
        yield f"agreed, stored {_stored(one, told)} times, {right} under this call{cut}"
    if _invented(one, told):
        yield "stored without agreement"
    if not one.fault.ends_calls and told.silence_s > 5:
        heard = ", ".join(f"{what} {at - told.rang_at:.1f}" for at, what in told.heard)
        hit = f"; fault at {one.hit.at - told.rang_at:.1f}" if one.hit else ""
        yield f"silent {told.silence_s:.1f} s from {told.silence_at - told.rang_at:.1f} s (heard {heard}{hit})"
    if not _has_truthful_row(one, told):
        row = one.books.row_of(told) if one.books else None
        yield "no row" if row is None else f"row says {row.outcome}"


def _stored(one: Round, told: Experience) -> int:
    return len(one.books.orders_of(told)) if one.books else 0


def _stored_once_as_agreed(one: Round, told: Experience) -> bool:
    """Under the caller's own call, too: else the kitchen would ring somebody else back."""
    if one.books is None:
        return False
    stored = one.books.orders_of(told)
    return len(stored) == 1 and stored == one.books.orders_under(told) and is_as_agreed(stored[0], told)


def _invented(one: Round, told: Experience) -> bool:
    under = one.books.orders_under(told) if one.books else ()
    return not told.agreed and (bool(under) or _stored(one, told) > 0)


def _promised(one: Round, told: Experience) -> bool:
    return told.confirmed_at > 0 and _stored(one, told) == 0


def _cut_in_last_words(one: Round, told: Experience) -> bool:
    if not one.fault.ends_calls or one.hit is None or not told.agreed:
        return False
    return one.hit.at - told.agreed_at[-1] < LAST_WORDS_S


def _kept(one: Round, told: Experience) -> bool:
    row = one.books.row_of(told) if one.books else None
    return row is not None and one.books is not None and row.id in one.books.kept


def _has_truthful_row(one: Round, told: Experience) -> bool:
    row = one.books.row_of(told) if one.books else None
    return row is not None and one.closed(told) and is_truthful(row, one.books.orders_of(told) if one.books else ())


def _off(one: Round) -> bool:
    return one.books is None or bool(one.books.leases or one.books.active)


def _voice_again(rounds: Iterable[Round]) -> Iterator[float]:
    """Seconds, of the callers who had not heard all yet."""
    for one in rounds:
        if one.fault.name == "handler-kill" and one.hit is not None:
            for told in one.calls:
                again = told.voice_after(one.hit.at + OLD_SENTENCE_S)
                if not 0 < told.confirmed_at < one.hit.at and told.ended_at > one.hit.at:
                    yield told.ended_at - one.hit.at if again is None else OLD_SENTENCE_S + again


def _kitchen_seconds(rounds: Iterable[Round]) -> Iterator[float]:
    """From Postgres' return, or from the yes that was taken where that was said later."""
    for one in rounds:
        if one.fault.outage and one.hit is not None and one.hit.back_at is not None:
            for told in one.calls:
                if told.agreed:
                    seen = one.kitchen_at.get(told.wish.name, math.inf)
                    yield max(0.0, seen - max(one.hit.back_at, _taken_at(one, told)))


def _taken_at(one: Round, told: Experience) -> float:
    """When the yes was said that the order stands on: an assistant who did not hear the first one reads out again.

    That before the order's own moment of agreement; without an order the first, which somebody owes the caller.
    """
    stored = one.books.orders_of(told) if one.books else ()
    made_at = min((one.books.moment(order.confirmed_at) for order in stored if one.books), default=-math.inf)
    return max((said_at for said_at in told.agreed_at if said_at <= made_at), default=told.agreed_at[0])
