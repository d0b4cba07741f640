"""What every language must be able to say, and how a sentence is put together from its words.

A language is data: one ``Wording`` with templates. Values are filled in with ``str.format``, which does not
look into what it fills in, so a name with braces in it is harmless.

A NamedTuple, as are the domain's other constant tables: a frozen dataclass takes a millisecond of every cold
start to be created, a NamedTuple a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from domain import money, spoken_time
from domain.allergies import Finding
from domain.errors import Code, Refused
from domain.names import repeatable
from domain.order import Cart, CartLine, Fulfilment

# More than this many choices is a list nobody remembers on the phone: the model offers to read some.
MAX_SPOKEN_CHOICES = 6
# Refusals whose subject is the caller's or the model's words, and not the restaurant's.
_QUOTING: frozenset[Code] = frozenset(
    (
        "unknown_item",
        "unknown_modifier",
        "modifier_not_on_line",
        "not_in_dish",
        "outside_zone",
        "dish_open",
        "not_asked",
    )
)


class Wording(NamedTuple):
    """``refusals`` has one or two templates per code: with ``{allowed}`` read out, and without."""

    language: str
    last_and: str
    last_or: str
    that: str
    line: str
    modifiers: str
    with_prefix: str
    note: str
    without_prefixes: tuple[str, ...]
    added: str
    changed: str
    removed: str
    cart_empty: str
    kinds: Mapping[str, str]
    fulfilment: Mapping[str, str]
    noted: str
    customer: str
    reading: str
    for_name: str
    for_time: str
    as_soon_as_possible: str
    total: str
    fee: str
    minimum: str
    right: str
    without_wishes: str
    gone: str
    repriced: str
    at_time: str
    around_time: str
    confirmed: Mapping[str, str]
    costs: str
    size_price: str
    allergens: str
    no_allergens: str
    open_now: str
    open_always: str
    closed_now: str
    table_possible: str
    table_free: str
    table_booked: str
    table_held: str
    deposit_asked: str
    table_requested: str
    transfer: str
    goodbye: str
    goodbye_firm: str
    emergency: str
    emergency_alone: str
    what_to_order: str
    anything_else: str
    found: str
    allergies_noted: str
    no_allergies: str
    allergies_read: str
    allergy_contains: str
    allergy_unknown: str
    allergy_unlisted: str
    kitchen_contains: str
    kitchen_unknown: str
    refusals: Mapping[Code, tuple[str, ...]]

    def money(self, cents: int, currency: str) -> str:
        return money.spoken(cents, currency, self.language)

    def listing(self, names: Sequence[str], last: str) -> str:
        if len(names) < 2:
            return "".join(names)
        return f"{', '.join(names[:-1])} {last} {names[-1]}"

    def describe(self, line: CartLine) -> str:
        """``2 large Margherita with olives``, ``2 Margherita grande avec olives``."""
        text = self.line.format(quantity=line.quantity, size=_lowered(line.size_name), item=line.item_name)
        text = " ".join(text.split())
        names = [_lowered(modifier.name) for modifier in line.modifiers]
        without = [name for name in names if name.startswith(self.without_prefixes)]
        plus = [name.removeprefix(self.with_prefix) for name in names if name not in without]
        if plus:
            text += self.modifiers.format(modifiers=self.listing(plus, self.last_and))
        text += "".join(f", {name}" for name in without)
        return text + (self.note.format(note=line.note) if line.note else "")

    def address(self, fulfilment: Fulfilment) -> str:
        where = fulfilment.address
        if where is None:
            return ""
        return ", ".join(part for part in (where.street, f"{where.postcode} {where.city}".strip()) if part)

    def fulfilment_text(self, fulfilment: Fulfilment) -> str:
        """``for pickup``, ``delivered to 3 Mill Lane, D02``; a delivery without an address yet is its bare kind."""
        where = self.address(fulfilment)
        if fulfilment.kind == "delivery" and not where:
            return self.kinds["delivery"]
        return self.fulfilment[fulfilment.kind].format(address=where)

    def read_cart(
        self, cart: Cart, *, short_of: int, complete: bool, wanted: str = "", findings: Sequence[Finding] = ()
    ) -> str:
        """Every line, how, for whom, the allergies and the total; asks for agreement only when nothing else is missing.

        ``short_of`` is the delivery's minimum in cents when the cart is below it, else 0.
        """
        parts = [self.listing([self.describe(line) for line in cart.lines], self.last_and)]
        if cart.fulfilment:
            parts.append(self.fulfilment_text(cart.fulfilment))
        if wanted:
            parts.append(self.for_time.format(time=wanted))
        if cart.customer_name:
            parts.append(self.for_name.format(name=cart.customer_name))
        total = self.total.format(total=self.money(cart.total_cents, cart.currency))
        if cart.fee_cents:
            total += self.fee.format(fee=self.money(cart.fee_cents, cart.currency))
        sentences = [f"{self.reading.format(lines=', '.join(parts))}."]
        if cart.allergies:
            sentences.append(self.allergies_read.format(allergens=self.listing(cart.allergies, self.last_and)))
            sentences += self.allergy_warnings([one._replace(unknown=()) for one in findings])
        text = " ".join([*sentences, f"{total}."])
        if short_of:
            text += " " + self.minimum.format(minimum=self.money(short_of, cart.currency))
        return f"{text} {self.right}" if complete else text

    def describe_item(self, name: str, prices: Sequence[tuple[str, int]], currency: str) -> str:
        """What ``name`` costs in each size; ``prices`` are (size name, cents), a size name may be empty."""
        parts = [
            self.size_price.format(size=_lowered(size), price=self.money(cents, currency)).strip()
            for size, cents in prices
        ]
        return self.costs.format(item=name, prices=self.listing(parts, self.last_and))

    def allergens_of(self, allergens: Sequence[str]) -> str:
        """The allergens as the restaurant listed them; nothing listed is not the same as nothing in it."""
        if not allergens:
            return self.no_allergens
        return self.allergens.format(allergens=self.listing([_lowered(one) for one in allergens], self.last_and))

    def allergy_warnings(self, findings: Sequence[Finding]) -> list[str]:
        """A sentence for each line that contains what the caller can't eat, or of which nobody can tell."""
        said = []
        for one in findings:
            for template, names in ((self.allergy_contains, one.contains), (self.allergy_unknown, one.unknown)):
                if names:
                    said.append(template.format(item=one.item_name, allergens=self.listing(names, self.last_and)))
        return list(dict.fromkeys(said))

    def kitchen_allergies(self, cart: Cart, findings: Sequence[Finding]) -> str:
        """For the ticket: what somebody can't eat, and in which lines it is or may be; "" without allergies."""
        marks = [
            template.format(line=one.line, item=one.item_name, allergens=", ".join(names))
            for one in findings
            for template, names in ((self.kitchen_contains, one.contains), (self.kitchen_unknown, one.unknown))
            if names
        ]
        return "; ".join([", ".join(cart.allergies), *marks]) if cart.allergies else ""

    def menu_changed(self, gone: Sequence[str], repriced: Sequence[str]) -> str:
        """What a caller is told when the menu changed between two tools: items sold out, items at another price."""
        said = ((self.gone, gone), (self.repriced, repriced))
        return " ".join(text.format(items=self.listing(names, self.last_and)) for text, names in said if names)

    def promise(self, kind: str, promised_local: datetime, today: date, total: str) -> str:
        """The order and when it is promised, with the day when that is not today."""
        time = self.at_time.format(time=spoken_time.clock_of(promised_local, self.language))
        if promised_local.date() != today:
            time = spoken_time.moment(promised_local, today, self.language)
        elif kind == "delivery":
            time = self.around_time.format(time=spoken_time.clock_of(promised_local, self.language))
        return self.confirmed[kind].format(time=time, total=total)

    def refusal(self, refused: Refused) -> str:
        """What the caller hears of a refusal; reads out what is allowed when that is short."""
        templates = self.refusals[refused.code]
        subject = repeatable(refused.subject) if refused.code in _QUOTING else refused.subject
        allowed = [self.kinds.get(name, _lowered(name)) for name in refused.allowed]
        spoken = 0 < len(allowed) <= MAX_SPOKEN_CHOICES
        wanted = next((t for t in templates if spoken or "{allowed}" not in t), templates[-1])
        if "{subject}" in wanted and not subject:
            wanted = templates[-1]
        return wanted.format(subject=subject or self.that, allowed=self.listing(allowed, self.last_or))


def _lowered(name: str) -> str:
    """``Large`` as ``large`` within a sentence; ``XL``, ``BBQ sauce`` and ``33 cl`` stay as they are."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name
