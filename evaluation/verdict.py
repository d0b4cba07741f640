"""Whether a call ended right: the database's rows against the scenario's ends, and the rules of every call.

Pure. The rows decide; what was said is held against them. Nothing here asks the domain whether it agrees with itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from devstack.speech.matching import likeness, sound
from domain.notices import tells_of_ai
from domain.number_words import spoken_numbers
from evaluation import names
from evaluation.database import Ending
from evaluation.files import Case
from evaluation.questions import folded
from evaluation.record import Moment, Record
from evaluation.scenarios import End, ExpectedLine, ExpectedOrder, ExpectedTable, Way
from stores.orders import Order, OrderLine
from stores.reservations import Reservation

Status = Literal["passed", "failed", "pending", "passes", "caller"]
NAMED = {
    "passed": "right",
    "failed": "wrong",
    "pending": "wrong, as known",
    "passes": "right, but marked pending",
    "caller": "the caller's fault",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``wrong_order``: an order is in the database that no end of the scenario allows. ``only_late``: nothing is wrong
    but that the caller had to wait too long.
    """

    status: Status
    problems: tuple[str, ...] = ()
    wrong_order: bool = False
    only_late: bool = False


def verdict(case: Case, way: Way, record: Record, ending: Ending, *, silence_ms: float) -> Verdict:
    problems = [*_end_problems(case, way, record, ending), *_rule_problems(case, record, ending, silence_ms)]
    wrong_order = any(not _order_fits(case.scenario.expect, order, way) for order in ending.orders)
    pending = case.scenario.pending_by(way)
    if problems and record.trouble and not wrong_order:
        return Verdict("caller", (record.trouble, *problems))
    if problems:
        only_late = problems == list(_late(record, silence_ms))
        return Verdict("pending" if pending else "failed", tuple(problems), wrong_order, only_late)
    return Verdict("passes" if pending else "passed")


# --- The end ----------------------------------------------------------------------------------------------------


def _end_problems(case: Case, way: Way, record: Record, ending: Ending) -> list[str]:
    """Against the end that comes nearest, so that what is told is what a reader would look for."""
    found = [list(_differences(end, case, way, record, ending)) for end in case.scenario.expect]
    if any(not one for one in found):
        return [*ending.strays]
    nearest = min(found, key=len)
    others = [end.in_words for end, one in zip(case.scenario.expect, found, strict=True) if one is not nearest]
    return [*nearest, *ending.strays, *([f"nor was it {', nor '.join(others)}"] if others else [])]


def _differences(end: End, case: Case, way: Way, record: Record, ending: Ending) -> Iterator[str]:
    if end.order is not None:
        if len(ending.orders) != 1:
            yield f"{len(ending.orders)} orders in the database, right is one"
        for order in ending.orders[:1]:
            yield from order_differences(end.order, order, way)
    else:
        yield from (f"an order of {order.total_cents / 100:.2f} that nobody wanted" for order in ending.orders)
    if end.table is not None:
        yield from _table_problems(end.table, case, way, ending.tables)
    else:
        yield from (f"a table for {one.covers} that nobody wanted" for one in ending.tables)
    yield from _earlier(end, ending.earlier)
    put_through = record.transferred or (ending.call is not None and ending.call.outcome == "transferred")
    if end.transferred and not put_through:
        yield "nobody was put through"
    if end.nothing and put_through:
        yield "put through, right is to end without"


def _earlier(end: End, orders: Sequence[Order]) -> Iterator[str]:
    """The order of before is cancelled, or replaced, where that is right, and stands where it is not."""
    for order in orders:
        if end.order is not None and not order.replaced_by_number:
            yield "the order of before stands beside the new one"
        elif end.cancelled and order.status != "cancelled":
            yield f"the order of before is {order.status}, right is cancelled"
        elif not (end.order or end.cancelled) and order.status == "cancelled":
            yield "the order of before was cancelled"


def same_name(found: str, wanted: str, way: Way) -> bool:
    """By audio it has to sound so."""
    return folded(found) == folded(wanted) if way == "text" else names.same_name(found, wanted)


def same_street(found: str, wanted: str, way: Way) -> bool:
    """By audio word by word by their sound: "Harbor Road" is heard of "Harbour Road"."""
    if way == "text" or _has_words(found, wanted):
        return _has_words(found, wanted)
    heard = [sound(word) for word in folded(found).split()]
    return all(
        any(word == one if word.isdigit() else likeness(one, word) >= names.NAMES_ALIKE for one in heard)
        for word in map(sound, folded(wanted).split())
    )


def _order_fits(ends: Sequence[End], order: Order, way: Way) -> bool:
    """In everything that costs money or harms: a name that was misheard makes no wrong order."""
    wanted = [msgspec.structs.replace(end.order, name="") for end in ends if end.order is not None]
    return any(not any(order_differences(one, order, way)) for one in wanted)


def order_differences(wanted: ExpectedOrder, order: Order, way: Way) -> Iterator[str]:
    left = list(order.lines)
    for line in _gathered(wanted.lines):
        found = _take(left, line)
        if found is not None:
            yield found
    yield from (f"nobody asked for {_told(one)}" for one in left)
    if order.total_cents != wanted.total_cents:
        yield f"the total is {order.total_cents / 100:.2f}, right is {wanted.total_cents / 100:.2f}"
    if order.fulfilment != wanted.fulfilment:
        yield f"{order.fulfilment}, right is {wanted.fulfilment}"
    if wanted.name and not same_name(order.customer_name, wanted.name, way):
        yield f"the name is {order.customer_name!r}, right is {wanted.name!r}"
    if wanted.postcode or wanted.street:
        address = order.address
        if address is None or folded(address.postcode).replace(" ", "") != folded(wanted.postcode).replace(" ", ""):
            yield f"the postcode is {address.postcode if address else ''!r}, right is {wanted.postcode!r}"
        if address is not None and not same_street(address.street, wanted.street, way):
            yield f"the street is {address.street!r}, right is {wanted.street!r}"
    missing = [one for one in wanted.allergies if not _has_words(order.allergies, one)]
    if missing:
        yield f"the allergy to {', '.join(missing)} is not on the order"


def _gathered(lines: Sequence[ExpectedLine]) -> list[ExpectedLine]:
    return sorted(lines, key=lambda line: len(line.options) + len(line.without) + bool(line.note), reverse=True)


def _take(left: list[OrderLine], wanted: ExpectedLine) -> str | None:
    """Take ``wanted`` from the stored lines, of one or of several that are the same. What is wrong, or None."""
    same = [line for line in left if (line.name, line.size_name) == (wanted.item, wanted.size)]
    fitting = [line for line in same if not _line_problem(wanted, line)]
    taken, quantity = [], 0
    for line in fitting:
        if quantity + line.quantity <= wanted.quantity:
            taken.append(line)
            quantity += line.quantity
    if quantity == wanted.quantity:
        for line in taken:
            left.remove(line)
        return None
    near = next(iter(fitting or same), None)
    if near is None:
        near = next((line for line in left if line.name == wanted.item), None)
        if near is None:
            return f"{wanted.item} {wanted.size}".rstrip() + " is missing"
        left.remove(near)
        return f"{_told(near)}, right is the size {wanted.size}"
    left.remove(near)
    if near not in fitting:
        return f"{_told(near)}: {_line_problem(wanted, near)}"
    return f"{near.quantity} × {near.name}, right is {wanted.quantity}"


_SMALL = re.compile(r"\b(on|of|the|a|an|sur|le|la|les|du|de|des)\b")  # "light on the chocolate" is "light chocolate"
# How what is left out is written, in a name or a note.
_LEFT_OUT = re.compile(r"\b(no|not|without|off|hold|never|sans|pas|aucune?|retirer|enlever)\b")


def _line_problem(wanted: ExpectedLine, line: OrderLine) -> str:
    chosen = Counter(folded(one.name if one.amount != "regular" else one.plain_name) for one in line.modifiers)
    asked = Counter(folded(one) for one in wanted.options)
    missing, more = asked - chosen, chosen - asked
    if missing:
        return f"without {', '.join(missing)}"
    left_out = [words for words in (*more, folded(line.note)) if _LEFT_OUT.search(words)]
    for one in wanted.without:
        if not any(_has_words(words, one) for words in left_out):
            return f"{one} is not left out"
    unasked = [words for words in more if words not in left_out or not _is_one_of(words, wanted.without)]
    if unasked:
        return f"nobody asked for {', '.join(unasked)}"
    if wanted.note and not _has_words(line.note, _SMALL.sub(" ", folded(wanted.note))):
        return f"the note is {line.note!r}, right is {wanted.note!r}"
    if line.note and not wanted.note and not wanted.without:
        return f"a note that nobody asked for: {line.note!r}"
    return ""


def _is_one_of(words: str, wanted: Sequence[str]) -> bool:
    return any(_has_words(words, one) for one in wanted)


def _told(line: OrderLine) -> str:
    size = f" {line.size_name}" if line.size_name else ""
    extras = f" + {', '.join(one.name for one in line.modifiers)}" if line.modifiers else ""
    note = f" ({line.note})" if line.note else ""
    return f"{line.quantity} × {line.name}{size}{extras}{note}"


def _has_words(text: str, wanted: str) -> bool:
    """Every word of ``wanted``, but for its last letter where that makes a plural."""
    words = [word.rstrip("sx") for word in folded(text).split()]
    return all(word.rstrip("sx") in words for word in folded(wanted).split())


def _table_problems(wanted: ExpectedTable, case: Case, way: Way, tables: Sequence[Reservation]) -> Iterator[str]:
    if len(tables) != 1:
        yield f"{len(tables)} tables in the database, right is one"
        return
    table = tables[0]
    zone = ZoneInfo(case.place.content.restaurant.zone)
    starts = table.starts_at.astimezone(zone)
    if table.covers != wanted.covers:
        yield f"a table for {table.covers}, right is {wanted.covers}"
    if f"{starts:%H:%M}" != wanted.at or (starts.date() - datetime.now(zone).date()) not in _days(wanted.days_ahead):
        yield f"a table on {starts:%a %d %H:%M}, right is {wanted.at}, {wanted.days_ahead} days from now"
    if wanted.name and not same_name(table.name, wanted.name, way):
        yield f"the table is for {table.name!r}, right is {wanted.name!r}"


def _days(ahead: int) -> tuple[timedelta, ...]:
    """Also one less: a call may end after the midnight that it began before."""
    return timedelta(days=ahead), timedelta(days=ahead - 1)


# --- The rules --------------------------------------------------------------------------------------------------


def _rule_problems(case: Case, record: Record, ending: Ending, silence_ms: float) -> Iterator[str]:
    if record.failure:
        yield f"the call failed: {record.failure}"
    if record.gave_up:
        yield f"the caller gave up: {record.gave_up}"
    if ending.call is None and not record.failure:
        yield "no log of the call was written"
    about = case.place.content.restaurant
    first = next(iter(record.said_by("assistant")), "")
    if not tells_of_ai(first, about.name, about.language):
        yield "the caller was not told at the beginning that an AI speaks"
    yield from _late(record, silence_ms)
    for order in ending.orders:
        yield from _commit_problems(record.moments, order, case.place.language)
    heard = folded(" ".join(record.said_by("assistant")))
    for words in case.scenario.hears:
        if not any(_is_in(heard, one) for one in words.split("|")):
            yield f"the caller never heard: {words}"
    for words in case.scenario.never_hears:
        if any(_is_in(heard, one) for one in words.split("|")):
            yield f"the caller heard: {words}"
    kept = folded(" ".join(one.text for one in ending.call.transcript)) if ending.call is not None else ""
    for words in case.scenario.never_kept:
        if _is_in(kept, words):
            yield f"the call's log has: {words}"


def _late(record: Record, silence_ms: float) -> Iterator[str]:
    if record.longest_wait_ms > silence_ms:
        yield f"a silence of {record.longest_wait_ms / 1000:.1f} s"


def _is_in(heard: str, words: str) -> bool:
    return f" {folded(words)} " in f" {heard} "


def _commit_problems(moments: Sequence[Moment], order: Order, language: str) -> Iterator[str]:
    """An order is written after it was read out with its total and the caller has answered to that."""
    at = next(
        (n for n, one in enumerate(moments) if one.who == "tool" and one.text == "confirm_order" and one.ok), None
    )
    if at is None:
        yield "an order is written without confirm_order"
        return
    before = moments[:at]
    answered = _last(before, "caller")
    if answered is None or not any(
        one.who == "tool" and one.text == "read_cart" and one.ok for one in before[:answered]
    ):
        yield "the order is written before the caller answered to its read-back"
        return
    previous = _last(before[:answered], "caller") or 0
    read = " ".join(one.text for one in before[previous:answered] if one.who == "assistant")
    if order.total_cents not in amounts_said(read, language):
        yield f"the total that was said is not the stored {order.total_cents / 100:.2f}"
    later = " ".join(one.text for one in moments[at:] if one.who == "assistant")
    said_later = amounts_said(later, language)
    if said_later and order.total_cents not in said_later:
        yield f"after the confirmation another total is said than the stored {order.total_cents / 100:.2f}"


def _last(moments: Sequence[Moment], who: str) -> int | None:
    return next((at for at in range(len(moments) - 1, -1, -1) if moments[at].who == who), None)


_SUM = re.compile(
    r"(\d{1,6})(?:[.,](\d{2})(?!\d))? ?(?:€|\$|£|euros?\b|eur\b|pounds?\b|dollars?\b|francs?\b|chf\b)"
    r"(?: (?:and |et )?(\d{1,2})(?!\d)(?: ?(?:cents?|centimes?|pence|p)\b)?)?"
    r"|[€$£] ?(\d{1,6})(?:[.,](\d{2}))?"
    r"|(\d{1,6})[.,](\d{2})(?!\d)",
    re.IGNORECASE,
)


def amounts_said(text: str, language: str) -> set[int]:
    """Every amount of money in ``text``, in cents; said in digits or in words."""
    found: set[int] = set()
    for said in (text, spoken_numbers(text, language)):
        for whole, cents, rest, symbol_whole, symbol_cents, bare_whole, bare_cents in _SUM.findall(said):
            euros = whole or symbol_whole or bare_whole
            found.add(int(euros) * 100 + int(cents or rest or symbol_cents or bare_cents or 0))
    return found
