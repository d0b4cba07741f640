"""What a guest is told by e-mail: the news that others get by text (``domain.messages``), with room for every dish.

A mail is text, and the same as HTML: escaped words in a table, no script, no picture, nothing that is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

from domain import deposits, money
from domain.messages import Line, OrderFacts, ReservationFacts, clock_text, day_text, due_text, worded_as

OrderTemplate = Literal["order_confirmed", "order_changed", "order_ready", "order_cancelled", "payment_link"]
BookingTemplate = Literal[
    "reservation_confirmed",
    "reservation_requested",
    "reservation_held",
    "reservation_changed",
    "reservation_cancelled",
    "deposit_refunded",
]
Template = OrderTemplate | BookingTemplate


class Mail(NamedTuple):
    """``subject`` is one line."""

    subject: str
    text: str
    html: str


class _Body(NamedTuple):
    """``dishes`` with their allergens, in words; in ``below`` and ``small`` an address is a sentence's last word."""

    language: str
    restaurant: str
    title: str
    dishes: Sequence[tuple[str, str]]
    below: Sequence[str]
    small: Sequence[str]


_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "order_confirmed": "Order no. {number} confirmed",
        "order_changed": "Order changed: no. {number} instead of no. {before}",
        "order_ready": "Order no. {number} is ready",
        "order_on_its_way": "Order no. {number} is leaving the kitchen",
        "order_cancelled": "Order no. {number} is cancelled",
        "payment_link": "Pay for order no. {number}, if you like",
        "total": "Total: {total}",
        "allergens": "allergens: {names}",
        "no_allergens": "allergens: none listed in it",
        "unlisted": "allergens not listed by the restaurant: ask us before you eat",
        "page": "How your order stands: {link}",
        "pay": "Pay {total} here: {link}",
        "why": "You get this because you left your address on your order's page.",
        "stop": "No more mails about this order: {link}",
        "reservation_confirmed": "Your table is booked",
        "reservation_requested": "Your request for a table is noted; we will tell you",
        "reservation_held": "Your table is kept for you until the deposit is paid",
        "reservation_changed": "Your reservation is changed",
        "reservation_cancelled": "Your reservation is cancelled",
        "deposit_refunded": "Your deposit goes back to you",
        "table": "{day}, {time}: table for {covers}",
        "awaited": "Deposit: {total}, to be paid by {until} on {until_day}",
        "paid": "Deposit: {total}, paid",
        "paid_cancelled": "Deposit: {total}, paid; ask us about it",
        "lapsed": "No deposit was paid in time",
        "waived": "No deposit is to be paid",
        "refunded": "Deposit: {total}, goes back to you",
        "booking_page": "Your reservation: {link}",
        "booking_why": "You get this because you left your address on your reservation's page.",
        "booking_stop": "No more mails about this reservation: {link}",
    },
    "fr": {
        "order_confirmed": "Commande n° {number} confirmée",
        "order_changed": "Commande changée : n° {number} au lieu du n° {before}",
        "order_ready": "La commande n° {number} est prête",
        "order_on_its_way": "La commande n° {number} quitte la cuisine",
        "order_cancelled": "La commande n° {number} est annulée",
        "payment_link": "Pour payer la commande n° {number} en ligne",
        "total": "Total : {total}",
        "allergens": "allergènes : {names}",
        "no_allergens": "allergènes : aucun indiqué",
        "unlisted": "allergènes non indiqués par le restaurant : demandez-nous avant de manger",
        "page": "Suivi de votre commande : {link}",
        "pay": "Payer {total} ici : {link}",
        "why": "Vous recevez ce message car vous avez laissé votre adresse sur la page de votre commande.",
        "stop": "Ne plus recevoir de messages sur cette commande : {link}",
        "reservation_confirmed": "Votre table est réservée",
        "reservation_requested": "Votre demande de table est notée ; nous vous répondrons",
        "reservation_held": "Votre table vous est gardée jusqu'au paiement de l'acompte",
        "reservation_changed": "Votre réservation est changée",
        "reservation_cancelled": "Votre réservation est annulée",
        "deposit_refunded": "Votre acompte vous est rendu",
        "table": "Le {day} à {time} : table pour {covers}",
        "awaited": "Acompte : {total}, à payer avant {until} le {until_day}",
        "paid": "Acompte : {total}, payé",
        "paid_cancelled": "Acompte : {total}, payé ; demandez-nous ce qu'il devient",
        "lapsed": "L'acompte n'a pas été payé à temps",
        "waived": "Aucun acompte n'est à payer",
        "refunded": "Acompte : {total}, vous est rendu",
        "booking_page": "Votre réservation : {link}",
        "booking_why": "Vous recevez ce message car vous avez laissé votre adresse sur la page de votre réservation.",
        "booking_stop": "Ne plus recevoir de messages sur cette réservation : {link}",
    },
}


def order_mail(template: OrderTemplate, language: str, facts: OrderFacts, stop: str = "") -> Mail:
    """``stop`` is where no more of them are asked for."""
    words = _WORDS["fr" if language.startswith("fr") else "en"]
    title = words[worded_as(template, facts)].format(number=facts.number, before=facts.before)
    total = money.format_cents(facts.total_cents, facts.currency, language)
    dishes: list[tuple[str, str]] = []
    below: list[str] = []
    if template in ("order_confirmed", "order_changed"):
        dishes = [(f"{line.quantity} × {line.name}", _allergens(words, line)) for line in facts.lines]
        below = [words["total"].format(total=total), due_text(language, facts)]
    if facts.link:
        below.append(words["pay" if template == "payment_link" else "page"].format(total=total, link=facts.link))
    small = [words["why"], *([words["stop"].format(link=stop)] if stop else [])]
    body = _Body(language[:2], facts.restaurant, title, dishes, below, small)
    return _mail(body)


def booking_mail(
    template: BookingTemplate, language: str, facts: ReservationFacts, deposit: deposits.State | None, stop: str = ""
) -> Mail:
    """``deposit`` is how it stands, None where none was asked for."""
    words = _WORDS["fr" if language.startswith("fr") else "en"]
    day, time = day_text(facts.starts_at, facts.zone), clock_text(facts.starts_at, facts.zone)
    below = [words["table"].format(day=day, time=time, covers=facts.covers)]
    if said := _deposit_words(template, deposit):
        due_at = facts.due_at or facts.starts_at
        total = money.format_cents(facts.amount_cents, facts.currency, language)
        until, until_day = clock_text(due_at, facts.zone), day_text(due_at, facts.zone)
        below.append(words[said].format(total=total, until=until, until_day=until_day))
    if facts.link:
        below.append(words["booking_page"].format(link=facts.link))
    small = [words["booking_why"], *([words["booking_stop"].format(link=stop)] if stop else [])]
    return _mail(_Body(language[:2], facts.restaurant, words[template], (), below, small))


def _deposit_words(template: BookingTemplate, deposit: deposits.State | None) -> str:
    """Which words tell how it stands; "" for none."""
    if deposit is None or deposit == "closed":
        return ""
    if template == "reservation_cancelled" and deposit == "paid":
        return "paid_cancelled"
    if deposit == "refund_due":
        return "refunded"
    return "awaited" if deposit in deposits.OPEN else deposit


def _mail(body: _Body) -> Mail:
    return Mail(" ".join(f"{body.restaurant}: {body.title}".split()), _text(body), _html(body))


def _allergens(words: Mapping[str, str], line: Line) -> str:
    if line.allergens is None:
        return words["unlisted"]
    return words["allergens"].format(names=", ".join(line.allergens)) if line.allergens else words["no_allergens"]


def _text(body: _Body) -> str:
    listed = [f"{dish}\n  ({allergens})" for dish, allergens in body.dishes]
    head, foot = f"{body.restaurant}\n{body.title}", "-- \n" + "\n".join(body.small)
    return "\n\n".join(filter(None, (head, "\n".join(listed), "\n".join(body.below), foot))) + "\n"


def _html(body: _Body) -> str:
    rows = [
        f"<tr><td>{escape(dish)}<br><small>{escape(allergens)}</small></td></tr>" for dish, allergens in body.dishes
    ]
    parts = (
        f'<!doctype html><html lang="{escape(body.language)}"><head><meta charset="utf-8">',
        f"<title>{escape(body.title)}</title></head><body>",
        f"<h1>{escape(body.restaurant)}</h1><p><strong>{escape(body.title)}</strong></p>",
        f'<table role="presentation">{"".join(rows)}</table>' if rows else "",
        *(f"<p>{_linked(one)}</p>" for one in body.below),
        "<hr>",
        *(f"<p><small>{_linked(one)}</small></p>" for one in body.small),
        "</body></html>",
    )
    return "\n".join(filter(None, parts))


def _linked(sentence: str) -> str:
    """Its last word as a link, where it is an address of ours."""
    said, _, last = sentence.rpartition(" ")
    if not last.startswith(("https://", "http://")):
        return escape(sentence)
    return f'{escape(said)} <a href="{escape(last)}">{escape(last)}</a>'
