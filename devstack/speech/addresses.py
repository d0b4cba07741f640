"""The caller's name and address in a sentence, and the sentence without them: a street's number orders nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from devstack.speech.lexicon import Lexicon, words
from devstack.speech.matching import fold
from devstack.speech.spelling import LEAST_LETTERS, spelled
from devstack.speech.words import words_of
from domain.number_words import number_at

Awaited = Literal[
    "",
    "items",
    "anything_else",
    "fulfilment",
    "address",
    "customer_name",
    "confirm",
    "human",
    "table",
    "table_name",
    "allergy",
    "instead",
    "without",
    "spelling",
    "condition",
    "order_name",
    "order_total",
    "cancel",
    "house",
    "sister",
    "message",
    "message_number",
    "number_right",
]

POSTCODE = re.compile(r"\b(?:\d{5}|\d{2} \d{3}|[A-Z]{1,2}\s?\d{1,2}[A-Z]?(?:\s\d[A-Z]{2}|\s?[A-Z0-9]{4})?)\b")
_ASKED_FOR = re.compile(r",?\s*(?:and )?(?:the )?(?:post ?code|zip code|code postal)(?: is| est|,)?\s*$", re.IGNORECASE)
_BEFORE_TOWN = re.compile(r"^(?:in|at|à|a|postcode|code postal)\s+", re.IGNORECASE)
_NAMES_AWAITED = ("customer_name", "table_name", "order_name", "spelling")
LEAST_SPELLED = 3  # letters that are a spelled name, and no initials, where nobody was asked to spell
LEAST_STRANGE = 2  # words that are on no list, of an address without a number
# A capital stands before them as before a name, but nobody is called so.
_NOT_NAMES = words(
    "pickup delivery takeaway collection yes no two one three four me us you now today tomorrow that this "
    "it all the allergic sorry fine good done not just looking calling livraison emporter oui non moi "
    "nous demain demander deux trois une un commander allergique sur place samedi dimanche lundi mardi "
    "mercredi jeudi vendredi saturday sunday monday tuesday wednesday thursday friday tonight "
    "ok okay thanks nothing bon bien merci rien voila exact parfait"
)


@dataclass(frozen=True, slots=True)
class SpokenAddress:
    street: str
    postcode: str
    city: str


def customer_in(text: str, lexicon: Lexicon, awaited: Awaited) -> tuple[str, str]:
    """``(name, the text without it)``; "" where no name is said."""
    letters = ""
    if awaited in _NAMES_AWAITED:
        letters = spelled(text, LEAST_LETTERS if awaited == "spelling" else LEAST_SPELLED)
    if letters:  # first: in "H for Harry" nobody is called Harry
        return letters, ""
    found = lexicon.name.search(text)
    if found and fold(found["name"]).split()[0] not in _NOT_NAMES:
        return _tidy_name(found["name"]), text[: found.start()] + " , " + text[found.end() :]
    if awaited not in _NAMES_AWAITED:
        return "", text
    answer = lexicon.name_answer.match(text)
    folded = fold(text)
    if answer is None or lexicon.repeat.search(folded) or lexicon.human.search(folded) or _orders(folded, lexicon):
        return "", text
    name = answer["name"].strip(" '’-")
    words = fold(name).split()
    known = [word for word in words if word in lexicon.known]
    if not 1 <= len(words) <= 4 or words[0] in _NOT_NAMES or (len(known) > len(words) / 2 and len(words) > 1):
        return "", text
    return _tidy_name(name), ""


def _orders(folded: str, lexicon: Lexicon) -> bool:
    """``Add a salad``, ``take off the cola``: what is done, and an article, make no name."""
    said = folded.split()
    done = [cue for parts, cue in lexicon.phrases.get(said[0], ()) if tuple(said[: len(parts)]) == parts]
    articles = {word for cue in ("a", "the") for word in lexicon.cues[cue].split("|")}
    return bool({*done} & {"verb", "neg", "change", "correct"}) and bool(articles & {*said[1:]})


def _tidy_name(name: str) -> str:
    return " ".join(part[:1].upper() + part[1:] for part in name.split())


def with_digits(text: str, language: str) -> str:
    """Number words as digits, the text otherwise as it was; ``one`` and ``un`` stay, for they are articles too."""
    found_words = words_of(text)
    folded = [word.folded for word in found_words]
    said, at, done = "", 0, 0
    while at < len(found_words):
        found = number_at(folded, at, language)
        if found is None or folded[at] in ("one", "un", "une", "a") or folded[at].isdigit():
            at += 1
            continue
        last = found_words[found[1] - 1]
        said += text[done : found_words[at].at] + str(found[0])
        done = last.at + len(last.text)
        at = found[1]
    return said + text[done:]


def address_in(text: str, lexicon: Lexicon, awaited: Awaited, language: str) -> tuple[SpokenAddress | None, str]:
    """Street, postcode and town where an address is said or was asked for, and the text without them."""
    digits = re.sub(r"\b([A-Z]) (\d{1,2})\b", r"\1\2", with_digits(text, language))
    if awaited == "address":
        found = lexicon.address.match(digits)
        said = (found["address"] if found else digits).strip()
        strange = [word for word in fold(said).split() if word not in lexicon.known]
        if not re.search(r"\d", said) and len(strange) < LEAST_STRANGE:
            return None, text
        return _taken_apart(said), ""
    street = lexicon.street.search(digits)
    if street is None:
        return None, text
    address = _taken_apart(street["address"].strip(" ,."))
    return address, f"{digits[: street.start()]} , {digits[street.end() :]}"


def _taken_apart(said: str) -> SpokenAddress | None:
    postcode = POSTCODE.search(said)
    code = postcode.group() if postcode else ""
    before, _, after = said.partition(code) if code else (said, "", "")
    parts = [part.strip(" .") for part in before.split(",") if part.strip(" .")]
    street = _ASKED_FOR.sub("", parts[0]).strip(" ,") if parts else ""
    city = after.strip(" ,.") or (parts[1] if len(parts) > 1 else "")
    if not (street or code):
        return None
    short = code.upper().replace(" ", "")
    return SpokenAddress(street, short if len(short) <= 5 else code.upper(), _BEFORE_TOWN.sub("", city))
