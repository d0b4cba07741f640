"""What a caller is told by text message: its words, whether it may be sent now, and what it costs.

An SMS of GSM 03.38 characters holds 160 of them, or 153 a part; one other character makes it 70 and 67. So what a
French text has and GSM has not (ê, ç, œ) is written without its mark, and a message keeps to MOST_PARTS.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from domain import holidays, money
from domain.order import FulfilmentKind
from domain.phone_numbers import COUNTRIES, E164

Template = Literal[
    "order_confirmed",
    "order_changed",
    "order_ready",
    "order_cancelled",
    "order_refused",
    "payment_link",
    "reservation_confirmed",
    "reservation_requested",
    "reservation_changed",
    "reservation_cancelled",
    "deposit_link",
    "deposit_lapsed",
    "deposit_refunded",
    "missed_call",
]
TEMPLATES: tuple[Template, ...] = get_args(Template)
# Nobody asked for these: they wait for the day in countries with such hours, and end with an opt-out.
UNASKED: frozenset[Template] = frozenset({"missed_call"})

MOST_PARTS = 4
# France: no advertising by SMS from 20:00 to 8:00, on Sundays and on public holidays.
QUIET_COUNTRIES = frozenset({"FR"})
QUIET_FROM, QUIET_UNTIL = time(20), time(8)
SUNDAY = 6

_STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "arret", "arreter", "desinscrire"})
_START = frozenset({"start", "unstop", "yes", "reprendre"})

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")  # each takes the place of two
_WRITTEN = {"œ": "oe", "Œ": "OE", "’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "…": "...", "–": "-"}
_WRITTEN |= {"°": "o", "—": "-", "\u00a0": " ", "\u202f": " ", "×": "x", "•": "-"}


class Parts(NamedTuple):
    """How a text is sent: as so many parts, in GSM's alphabet or (``unicode``) in two bytes a character."""

    number: int
    unicode: bool


class Line(NamedTuple):
    """A line of an order as the message shows it; ``allergens`` None where the restaurant has listed none."""

    quantity: int
    name: str
    allergens: tuple[str, ...] | None


class OrderFacts(NamedTuple):
    """``link`` is the order's page, "" without one; ``before`` the number of the order that this one replaces, or 0."""

    restaurant: str
    number: int
    lines: tuple[Line, ...]
    total_cents: int
    currency: str
    fulfilment: FulfilmentKind
    promised_at: datetime
    zone: str
    link: str = ""
    before: int = 0


class ReservationFacts(NamedTuple):
    restaurant: str
    covers: int
    starts_at: datetime
    zone: str
    link: str = ""
    amount_cents: int = 0
    currency: str = ""
    due_at: datetime | None = None


_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "order_confirmed": "{restaurant}: order no. {number} confirmed. {lines}. Total {total}. {when}."
        "{allergens}{page}",
        "order_changed": "{restaurant}: order changed, it is no. {number} now instead of no. {before}. {lines}."
        " Total {total}. {when}.{allergens}{page}",
        "page": " Status: {link}",
        "pickup": "Pick-up about {time}",
        "delivery": "Delivery about {time}",
        "dine_in": "Ready about {time}",
        "allergens": " Allergens: {names}.",
        "unlisted": " Allergens not listed for {names}: ask us.",
        "many_allergens": " Allergens: too many for this message, ask us before you eat.",
        "others": "and {count} more",
        "order_ready": "{restaurant}: order no. {number} is ready.{page}",
        "order_on_its_way": "{restaurant}: order no. {number} is leaving the kitchen.{page}",
        "order_cancelled": "{restaurant}: order no. {number} is cancelled.{page}",
        "order_refused": "{restaurant}: sorry, the kitchen can't make order no. {number}. Please call us.{page}",
        "payment_link": "{restaurant}: pay {total} for order no. {number} here, if you like: {link}",
        "reservation_confirmed": "{restaurant}: table for {covers} on {day} at {time} confirmed.{page}",
        "reservation_requested": "{restaurant}: your request for {covers} on {day} at {time} noted; we will tell"
        " you.{page}",
        "reservation_changed": "{restaurant}: your table is now for {covers} on {day} at {time}.{page}",
        "reservation_cancelled": "{restaurant}: your table for {covers} on {day} at {time} is cancelled.",
        "deposit_link": "{restaurant}: table for {covers} on {day} at {time}. A deposit of {total}, paid by {until} on"
        " {until_day}, keeps it: {link}",
        "deposit_lapsed": "{restaurant}: no deposit was paid in time, so your table for {covers} on {day} at {time} is"
        " cancelled.",
        "deposit_refunded": "{restaurant}: your deposit of {total} for a table on {day} at {time} goes back to you.",
        "missed_call": "{restaurant}: sorry, we missed your call. Our menu: {link} STOP to end",
    },
    "fr": {
        "order_confirmed": "{restaurant} : commande n° {number} confirmée. {lines}. Total {total}. {when}."
        "{allergens}{page}",
        "order_changed": "{restaurant} : commande changée, c'est le n° {number} au lieu du n° {before}. {lines}."
        " Total {total}. {when}.{allergens}{page}",
        "page": " Suivi : {link}",
        "pickup": "Retrait vers {time}",
        "delivery": "Livraison vers {time}",
        "dine_in": "Prête vers {time}",
        "allergens": " Allergènes : {names}.",
        "unlisted": " Allergènes non indiqués pour {names} : demandez-nous.",
        "many_allergens": " Allergènes : trop pour ce message, demandez-nous avant de manger.",
        "others": "et {count} autres",
        "order_ready": "{restaurant} : la commande n° {number} est prête.{page}",
        "order_on_its_way": "{restaurant} : la commande n° {number} quitte la cuisine.{page}",
        "order_cancelled": "{restaurant} : la commande n° {number} est annulée.{page}",
        "order_refused": "{restaurant} : désolés, la cuisine ne peut pas préparer la commande n° {number}."
        " Rappelez-nous.{page}",
        "payment_link": "{restaurant} : pour payer en ligne les {total} de la commande n° {number} : {link}",
        "reservation_confirmed": "{restaurant} : table pour {covers} le {day} à {time} confirmée.{page}",
        "reservation_requested": "{restaurant} : demande notée pour {covers} le {day} à {time}. Nous vous"
        " répondrons.{page}",
        "reservation_changed": "{restaurant} : votre table est maintenant pour {covers} le {day} à {time}.{page}",
        "reservation_cancelled": "{restaurant} : votre table pour {covers} le {day} à {time} est annulée.",
        "deposit_link": "{restaurant} : table pour {covers} le {day} à {time}. Un acompte de {total}, payé avant"
        " {until} le {until_day}, la garde : {link}",
        "deposit_lapsed": "{restaurant} : l'acompte n'a pas été payé à temps : votre table pour {covers} le {day} à"
        " {time} est annulée.",
        "deposit_refunded": "{restaurant} : votre acompte de {total} pour une table le {day} à {time} vous est rendu.",
        "missed_call": "{restaurant} : désolés, nous avons manqué votre appel. Notre carte : {link} STOP pour arrêter",
    },
}


def order_text(template: Template, language: str, facts: OrderFacts) -> str:
    """In MOST_PARTS at most: where an order is long, its last lines are counted and not named; where even its allergens
    would not go in, they are asked for."""
    words = _words(language)
    values = {
        "restaurant": facts.restaurant,
        "number": facts.number,
        "before": facts.before,
        "total": money.format_cents(facts.total_cents, facts.currency, language),
        "when": due_text(language, facts),
        "page": words["page"].format(link=facts.link) if facts.link else "",
        "link": facts.link,
    }
    name = worded_as(template, facts)
    text = ""
    for allergens in (_allergens(words, facts.lines), words["many_allergens"]):
        for shown in range(len(facts.lines), -1, -1):
            lines = _lines(words, facts.lines, shown)
            text = plain(words[name].format(lines=lines, allergens=allergens, **values))
            if parts(text).number <= MOST_PARTS:
                return text
    return text


def worded_as(template: Template, facts: OrderFacts) -> str:
    """Which words tell it: who waits for a delivery is not told that they can come for it."""
    return "order_on_its_way" if template == "order_ready" and facts.fulfilment == "delivery" else template


def due_text(language: str, facts: OrderFacts) -> str:
    return _words(language)[facts.fulfilment].format(time=clock_text(facts.promised_at, facts.zone))


def reservation_text(template: Template, language: str, facts: ReservationFacts) -> str:
    words, until = _words(language), facts.due_at or facts.starts_at
    return plain(
        words[template].format(
            restaurant=facts.restaurant,
            covers=facts.covers,
            day=day_text(facts.starts_at, facts.zone),
            time=clock_text(facts.starts_at, facts.zone),
            link=facts.link,
            page=words["page"].format(link=facts.link) if facts.link else "",
            total=money.format_cents(facts.amount_cents, facts.currency, language),
            until=clock_text(until, facts.zone),
            until_day=day_text(until, facts.zone),
        )
    )


def missed_call_text(language: str, restaurant: str, link: str) -> str:
    return plain(_words(language)["missed_call"].format(restaurant=restaurant, link=link))


def day_text(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%d/%m}"


def clock_text(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def plain(text: str) -> str:
    """``text`` in GSM's alphabet as far as its letters have a form there; a script that has none stays as it is."""
    written = []
    for character in text:
        character = _WRITTEN.get(character, character)
        if not _fits(character):
            bare = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
            character = bare if bare and _fits(bare) else character
        written.append(character)
    return "".join(written)


def parts(text: str) -> Parts:
    if _fits(text):
        length = len(text) + sum(character in _GSM_TWICE for character in text)
        return Parts(_divided(length, 160, 153), unicode=False)
    return Parts(_divided(len(text.encode("utf-16-be")) // 2, 70, 67), unicode=True)


def may_be_sent(template: Template, now: datetime, zone: str, country: str) -> bool:
    """What somebody waits for goes at any hour; what nobody asked for only by day where there are such hours."""
    if template not in UNASKED or country not in QUIET_COUNTRIES:
        return True
    local = now.astimezone(ZoneInfo(zone))
    if local.weekday() == SUNDAY or holidays.between(country, local.date(), local.date()):
        return False
    return QUIET_UNTIL <= local.time() < QUIET_FROM


def quiet_from(now: datetime, zone: str, country: str) -> datetime | None:
    """When the quiet hours of the day begin; None where there are none."""
    if country not in QUIET_COUNTRIES:
        return None
    return now.astimezone(ZoneInfo(zone)).replace(hour=QUIET_FROM.hour, minute=0, second=0, microsecond=0)


def can_receive(number: str) -> bool:
    """Whether a text message can reach it: an international number, and in France a mobile one."""
    if not E164.fullmatch(number):
        return False
    return not number.startswith("+33") or (number[3] in ("6", "7") and len(number) == 12)


def is_of(number: str, country: str) -> bool:
    """Whether it has the country's code. A caller's number may be made up, and texts to some countries cost a lot."""
    return country in COUNTRIES and number.startswith("+" + COUNTRIES[country][0])


def wish_of(text: str) -> Literal["stop", "start", ""]:
    """What an answer of one word asks for, however it is punctuated: no more messages, or messages again."""
    folded = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    word = "".join(filter(str.isalpha, folded)).casefold()
    return "stop" if word in _STOP else "start" if word in _START else ""


def _words(language: str) -> Mapping[str, str]:
    return _WORDS["fr" if language.startswith("fr") else "en"]


def _lines(words: Mapping[str, str], lines: Sequence[Line], shown: int) -> str:
    named = [f"{line.quantity} {line.name}" for line in lines[:shown]]
    left = len(lines) - shown
    return ", ".join([*named, words["others"].format(count=left)] if left else named)


def _allergens(words: Mapping[str, str], lines: Sequence[Line]) -> str:
    """What is in it by the restaurant's own list; a dish of which nothing is listed is named, as nobody can tell."""
    listed = list(dict.fromkeys(name.lower() for line in lines for name in line.allergens or ()))
    unlisted = list(dict.fromkeys(line.name for line in lines if line.allergens is None))
    text = words["allergens"].format(names=", ".join(listed)) if listed else ""
    return text + (words["unlisted"].format(names=", ".join(unlisted)) if unlisted else "")


def _fits(text: str) -> bool:
    return all(character in _GSM or character in _GSM_TWICE for character in text)


def _divided(length: int, alone: int, in_parts: int) -> int:
    return 1 if length <= alone else -(-length // in_parts)
