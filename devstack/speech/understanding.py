"""What a caller means by a sentence: the cart's changes, how and for whom, questions, yes and no.

Rules over a transcript; nothing is learnt and nothing known but the session's tools. It is made for short
telephone sentences about one menu and is wrong about irony, stories and long conditions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from devstack.speech.lexicon import LEXICONS, Lexicon
from devstack.speech.matching import fold
from devstack.speech.mentions import Mention, find_mentions, words_of
from devstack.speech.menu_card import Topic
from devstack.speech.orders import AddItem, OrderIntent, OrderReader
from devstack.speech.vocabulary import Vocabulary

Awaited = Literal["", "items", "anything_else", "fulfilment", "address", "customer_name", "confirm", "human"]

_POSTCODE = re.compile(r"\b(?:\d{5}|[A-Z]{1,2}\s?\d{1,2}[A-Z]?(?:\s\d[A-Z]{2}|\s?[A-Z0-9]{4})?)\b")
_NOT_NAMES = frozenset(
    [
        "pickup",
        "delivery",
        "takeaway",
        "collection",
        "yes",
        "no",
        "two",
        "one",
        "three",
        "four",
        "me",
        "us",
        "you",
        "now",
        "today",
        "tomorrow",
        "that",
        "this",
        "it",
        "all",
        "the",
        "livraison",
        "emporter",
        "oui",
        "non",
        "moi",
        "nous",
        "demain",
        "demander",
        "deux",
        "trois",
        "une",
        "un",
        "commander",
    ]
)


@dataclass(frozen=True, slots=True)
class SpokenAddress:
    street: str
    postcode: str
    city: str


@dataclass(frozen=True, slots=True)
class Question:
    """A tool that may answer, with its arguments."""

    tool: str
    arguments: dict[str, object] = field(default_factory=dict)
    # When it is about one dish: which, in which size, and what about it.
    item: str = ""
    size: str = ""
    topic: Topic = "price"


@dataclass(frozen=True, slots=True)
class Understood:
    """Everything found in one sentence. ``unknown_item`` is a thing asked for that the menu's names don't cover."""

    orders: tuple[OrderIntent, ...] = ()
    kind: str = ""
    address: SpokenAddress | None = None
    customer: str = ""
    question: Question | None = None
    unknown_item: AddItem | None = None
    yes: bool = False
    no: bool = False
    done: bool = False
    goodbye: bool = False
    hello: bool = False
    human: bool = False
    repeat: bool = False
    read_back: bool = False

    @property
    def changes_order(self) -> bool:
        return bool(self.orders or self.kind or self.address or self.customer or self.unknown_item)

    @property
    def nothing(self) -> bool:
        signals = (self.yes, self.no, self.done, self.goodbye, self.hello, self.human, self.repeat, self.read_back)
        return not (self.changes_order or self.question or any(signals))


def understand(
    text: str, vocabulary: Vocabulary, language: str, awaited: Awaited = "", in_cart: Sequence[str] = ()
) -> Understood:
    """``awaited`` is what the assistant asked last; ``in_cart`` the items of the cart's lines in order."""
    lexicon = LEXICONS[language]
    folded = fold(text)
    if not folded:
        return Understood()
    customer, rest = _customer(text, lexicon, awaited, folded)
    kind = next((kind for kind, said in lexicon.kinds.items() if said.search(folded)), "")
    words = words_of(rest)
    mentions = find_mentions(words, vocabulary, lexicon, in_cart)
    orders = tuple(OrderReader(words, mentions, lexicon, in_cart).read())
    question = _question(text, folded, lexicon, mentions)
    agrees = awaited in ("confirm", "human") and lexicon.yes.search(folded) is not None
    if question is not None and not agrees and not lexicon.order_verb.search(folded):
        return Understood(question=question)
    mentions_menu = any(mention.kind != "number" for mention in mentions)
    address = _address(text, lexicon, awaited, kind) if not orders or awaited == "address" else None
    if address is not None and awaited == "address":
        orders, kind = (), "delivery"
    return Understood(
        orders=orders,
        kind=kind,
        address=address,
        customer=customer,
        unknown_item=None if mentions_menu or kind or customer or address else _unknown_item(folded, lexicon),
        yes=bool(lexicon.yes.search(folded)) and not _refuses(text, folded, lexicon),
        no=_refuses(text, folded, lexicon),
        done=bool(lexicon.done.search(folded)),
        goodbye=bool(lexicon.goodbye.search(folded)),
        hello=bool(lexicon.hello.match(folded)),
        human=bool(lexicon.human.search(folded)),
        repeat=bool(lexicon.repeat.search(folded)) and not orders,
        read_back=bool(lexicon.read_back.search(folded)) and not orders,
    )


def _refuses(text: str, folded: str, lexicon: Lexicon) -> bool:
    """A no that stands alone; the one of ``no onions`` belongs to the onions."""
    refusal = lexicon.no.search(folded)
    if refusal is None or refusal.start() > 12:
        return False
    rest = folded[refusal.end() :].strip()
    alone = re.search(rf"\b{refusal.group().split()[-1]}\b\s*(?:[,.;!?]|$)", text.lower()) is not None
    return alone or not rest or lexicon.thanks.match(rest) is not None or lexicon.done.search(rest) is not None


def _customer(text: str, lexicon: Lexicon, awaited: Awaited, folded: str) -> tuple[str, str]:
    """``(name, the text without it)``."""
    found = lexicon.name.search(text)
    if found and fold(found["name"]).split()[0] not in _NOT_NAMES:
        return _tidy_name(found["name"]), text[: found.start()] + " , " + text[found.end() :]
    if awaited != "customer_name":
        return "", text
    answer = lexicon.name_answer.match(text)
    if answer is None or lexicon.repeat.search(folded) or lexicon.human.search(folded):
        return "", text
    name = answer["name"].strip(" '’-")
    words = fold(name).split()
    if not 1 <= len(words) <= 4 or words[0] in _NOT_NAMES or lexicon.remove.search(fold(name)):
        return "", text
    return _tidy_name(name), ""


def _tidy_name(name: str) -> str:
    letters = name.replace("-", " ").replace(".", " ").split()
    if len(letters) > 2 and all(len(letter) == 1 for letter in letters):  # spelled: A-N-N-A
        return "".join(letters).capitalize()
    return " ".join(part[:1].upper() + part[1:] for part in name.split())


def _address(text: str, lexicon: Lexicon, awaited: Awaited, kind: str) -> SpokenAddress | None:
    """Street, postcode and town, when an address was asked for or comes with the wish for a delivery."""
    postcode = _POSTCODE.search(text)
    if awaited != "address" and (kind != "delivery" or not re.search(r"\d", text)):
        return None
    found = lexicon.address.match(text)
    said = (found["address"] if found else text).strip()
    if awaited == "address" and not re.search(r"\d", said) and len(said.split()) < 2:
        return None
    code = postcode.group() if postcode else ""
    before, _, after = said.partition(code) if code else (said, "", "")
    parts = [part.strip(" .") for part in before.split(",") if part.strip(" .")]
    asked_for = r",?\s*(?:and )?(?:the )?(?:post ?code|zip code|code postal)(?: is| est|,)?\s*$"
    street = re.sub(asked_for, "", parts[0], flags=re.IGNORECASE).strip(" ,") if parts else ""
    city = after.strip(" ,.") or (parts[1] if len(parts) > 1 else "")
    city = re.sub(r"^(?:in|at|à|a|postcode|code postal)\s+", "", city, flags=re.IGNORECASE)
    if not (street or code):
        return None
    return SpokenAddress(street, code.upper().replace(" ", "") if len(code) <= 5 else code.upper(), city)


def _question(text: str, folded: str, lexicon: Lexicon, mentions: Sequence[Mention]) -> Question | None:
    asks = lexicon.question.search(folded + ("?" if "?" in text else "")) is not None
    if lexicon.table.search(folded):
        return _table(text, folded, lexicon)
    if not asks:
        return None
    if lexicon.hours.search(folded):
        day = next((day for said, day in lexicon.days.items() if re.search(rf"\b{said}\b", folded)), "")
        return Question("opening_hours", {"day": day} if day else {})
    item = next((mention.value for mention in mentions if mention.kind == "item"), "")
    size = next((mention.value for mention in mentions if mention.kind == "size"), "")
    topic: Topic = "price"
    if lexicon.allergens.search(folded):
        topic = "allergens"
    elif lexicon.contents.search(folded):
        topic = "contents"
    return Question("look_up_faq", {"question": text.strip()}, item, size, topic)


def _table(text: str, folded: str, lexicon: Lexicon) -> Question:
    """A table needs a day, a time and a number of people; without them, it is a question like another."""
    day = next((day for said, day in lexicon.days.items() if re.search(rf"\b{said}\b", folded)), "")
    covers = re.search(r"\b(?:for|pour|table de)\s+(\w+)(?: (?:people|persons|guests|personnes|couverts))?", folded)
    count = _number(covers.group(1), lexicon) if covers else 0
    clocks = re.finditer(r"\b(?:at|a|vers|around) (\w+)(?: ?(?:h|heures|:)? ?([0-5]\d))?", folded)
    clock = next((found for found in clocks if _number(found.group(1), lexicon)), None)
    hour = _number(clock.group(1), lexicon) if clock else 0
    if not (day and count and hour):
        return Question("look_up_faq", {"question": text.strip()})
    evening = (
        hour < 12
        and not re.search(r"\b(?:am|a m|midi|lunch|morning)\b", folded)
        and (lexicon is LEXICONS["en"] or hour < 10)
    )
    minute = int(clock.group(2) or 0) if clock else 0
    time = f"{hour + 12 if evening else hour:02d}:{minute:02d}"
    return Question("check_table", {"date": day, "time": time, "covers": count})


def _number(word: str, lexicon: Lexicon) -> int:
    return int(word) if word.isdigit() else lexicon.numbers.get(word, 0)


def _unknown_item(folded: str, lexicon: Lexicon) -> AddItem | None:
    """``I'd like two samosas``: asked for by a verb of ordering and a number or an article, but on no list."""
    verb = lexicon.order_verb.search(folded)
    if verb is None:
        return None
    counted = re.search(r"\b(?P<count>\w+)\s+(?P<thing>[a-z]{3,}(?: [a-z]{3,})?)", folded[verb.end() :])
    if counted is None:
        return None
    count = 1 if counted["count"] in lexicon.articles else _number(counted["count"], lexicon)
    skipped = lexicon.joiners | lexicon.fillers | {"please", "thanks", "thank", "you"}
    thing = [word for word in counted["thing"].split() if word not in skipped]
    if not count or not thing:
        return None
    name = " ".join(thing)
    return AddItem(name[:-1] if count > 1 and name.endswith("s") else name, quantity=count)
