"""What a caller means by a sentence: the cart's changes, how and for whom, questions, yes and no.

Rules over a transcript; nothing is learnt and nothing known but what the session says. It is made for telephone
sentences about one menu and is wrong about irony, stories and long conditions. What it is not sure of it says so
(``unsure``, ``choices``): the agent asks, and never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from devstack.speech.addresses import Awaited, SpokenAddress, address_in, customer_in
from devstack.speech.bookings import TableWish, day_in, table_in, time_in
from devstack.speech.grammar import Scanner
from devstack.speech.halves import halves_in
from devstack.speech.lexicon import LEXICONS, Lexicon, Pattern
from devstack.speech.matching import fold
from devstack.speech.mentions import find_mentions
from devstack.speech.menu_card import Topic
from devstack.speech.orders import AddItem, ChangeItem, OrderIntent, OrderReader, RemoveItem
from devstack.speech.parsed import Parsed
from devstack.speech.tokens import tokens_of
from devstack.speech.vocabulary import Vocabulary
from devstack.speech.words import words_of

__all__ = ["Awaited", "Question", "SpokenAddress", "Understood", "understand"]

Errand = Literal["", "status", "change", "cancel"]

_BEFORE_ALLERGEN = re.compile(r"^(?:aux|au|a la|a l|the|les|le|la|l|de|d) ")
_ALLERGENS_APART = re.compile(r"\b(?:and|or|et|ou|ni)\b")
_ONE = "\x00"  # where something was cut
_OF_SOME = re.compile(r"(?:one|two|three|une?|deux|trois) (?:with|without|avec|sans) ")
_SENTENCES = re.compile(r"(?<=[.!?;])\s+(?=\S)")


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
    """Everything found in one sentence. ``unsure`` are words that may be wished for or not; ``once`` options that
    were wished for several times; ``halves`` that a half of something was; ``allergies`` what the caller says not to
    bear."""

    orders: tuple[OrderIntent, ...] = ()
    kind: str = ""
    address: SpokenAddress | None = None
    customer: str = ""
    unsure_name: bool = False  # one was said, and is to be spelled
    time: str = ""
    question: Question | None = None
    table: TableWish | None = None
    placed: Errand = ""  # what is wanted of an order of before
    unsure: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    unread: bool = False  # names the menu, and nothing came of it
    halves: bool = False
    tampers: bool = False  # with prices or with what the assistant is told
    allergies: tuple[str, ...] = ()
    insults: bool = False
    jest: bool = False  # nothing is wanted
    restores: bool = False  # what was taken off is wanted again
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
        return bool(self.orders or self.kind or self.address or self.customer or self.time)

    @property
    def nothing(self) -> bool:
        answers = (self.yes, self.no, self.done, self.goodbye, self.hello, self.human, self.repeat, self.read_back)
        signals = (*answers, self.unsure_name, self.insults, self.jest, self.restores)
        asks = (self.question, self.table, self.placed, self.unsure, self.halves, self.tampers, self.allergies)
        return not (self.changes_order or any(asks) or any(signals))


def understand(
    text: str,
    vocabulary: Vocabulary,
    language: str,
    awaited: Awaited = "",
    in_cart: Sequence[str] = (),
    *,
    asked_about: str = "",
    removing: bool = False,
) -> Understood:
    """``awaited`` is what was asked last; ``in_cart`` the items of the cart's lines, the one last spoken of last;
    ``asked_about`` the item of the caller's question right before; ``removing`` that something was taken off then."""
    lexicon = LEXICONS[language]
    folded = fold(text)
    if not folded:
        return Understood()
    customer, rest = customer_in(text, lexicon, awaited)
    table = _table(folded, lexicon, language, awaited)
    if table is not None:
        return Understood(table=table, customer=customer, no=_refuses(text, folded, lexicon))
    _, rest = _cut(rest, lexicon.no_allergy, ".")
    allergies, rest = _allergies(rest, lexicon)
    if awaited == "allergy" and not any(allergies) and "?" not in text:
        allergies, rest = _named_alone(rest, lexicon)
    asked, ordering = _apart(rest, lexicon)
    question = _question(asked, lexicon, vocabulary, allergic=bool(allergies)) if asked else None
    kind, ordering = _kind(ordering, lexicon)
    asked_for = "" if kind in ("pickup", "dine_in") else awaited
    address, ordering = address_in(ordering, lexicon, asked_for, language)
    halves, halved = _says_halves(ordering, vocabulary, lexicon), None
    if halves and vocabulary.halves:
        halved, ordering = halves_in(ordering, vocabulary, lexicon, language)
        halves = halved is None
    tampers = lexicon.tampering.search(fold(ordering)) is not None
    ordering = _without_story(ordering, lexicon)
    ordering = _how_it_is_to_be(_verb_first(_without_answers(ordering, lexicon), lexicon), lexicon)
    orders: tuple[OrderIntent, ...] = ()
    parsed = Parsed()
    if not (halves or tampers):
        asked_about = question.item if question is not None and question.item else asked_about
        orders, parsed = _orders(ordering, vocabulary, language, in_cart, asked_about, removing=removing)
    if halved is not None:
        orders = (halved, *orders)
    if allergies == ("",):
        allergies = _left_out(orders, lexicon) or allergies
    insults = lexicon.insult.search(folded) is not None
    jest = lexicon.jest.search(folded) is not None
    if insults or jest or lexicon.goodbye.search(folded):  # then a word that nobody knows is no dish
        orders = tuple(one for one in orders if _is_on_menu(one, vocabulary))
    no = _refuses(text, folded, lexicon)
    return Understood(
        orders=orders,
        kind="delivery" if address is not None else kind,
        address=address,
        customer=customer,
        time=time_in(fold(ordering), language),
        question=question,
        placed=_errand(folded, lexicon),
        unsure=tuple(parsed.unsure),
        once=tuple(parsed.once),
        unread=not (orders or parsed.unsure or parsed.once or halves or tampers or table or question)
        and bool(find_mentions(words_of(ordering), vocabulary, lexicon, in_cart)),
        halves=halves or parsed.halves,
        tampers=tampers,
        allergies=allergies,
        insults=insults,
        jest=jest,
        restores=not orders and lexicon.restore.search(folded) is not None,
        yes=bool(lexicon.yes.search(folded)) and not no,
        no=no,
        done=bool(lexicon.done.search(folded)),
        goodbye=bool(lexicon.goodbye.search(folded)),
        hello=bool(lexicon.hello.match(folded)),
        human=bool(lexicon.human.search(folded)),
        repeat=bool(lexicon.repeat.search(folded)) and not orders,
        read_back=bool(lexicon.read_back.search(folded)) and not orders,
    )


def _orders(
    text: str,
    vocabulary: Vocabulary,
    language: str,
    in_cart: Sequence[str],
    asked_about: str,
    *,
    removing: bool,
) -> tuple[tuple[OrderIntent, ...], Parsed]:
    """What is ordered, and the phrases that say it."""
    lexicon = LEXICONS[language]
    words = words_of(text)
    mentions = find_mentions(words, vocabulary, lexicon, in_cart)
    folded = fold(text)
    everything = lexicon.everything.search(folded)
    if everything and lexicon.all_but.match(folded, everything.end() + 1):
        kept = {item for mention in mentions for item in mention.values("item")}
        gone = [item for item in dict.fromkeys(in_cart) if item not in kept] if kept & {*in_cart} else []
        return tuple(map(RemoveItem, gone)), Parsed()
    if everything:
        return (RemoveItem(everything=True),), Parsed()
    tokens = tokens_of(words, mentions, lexicon, language)
    scanner = Scanner(tokens, vocabulary, lexicon, in_cart, asked_about=asked_about, removing=removing)
    parsed = scanner.scan()
    orders = tuple(OrderReader(parsed, vocabulary, lexicon, in_cart, language).read())
    if not orders and asked_about and lexicon.takes_it.search(folded):
        orders = (AddItem(asked_about),)
    return orders, parsed


def condition_in(text: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """``Is it vegetarian, and if so I'll have two``: the question, and what is ordered on its answer."""
    found = lexicon.if_so.search(_folded_with_stops(text).replace(",", ""))
    if found is None:
        return None
    words = words_of(text)
    first = len(_folded_with_stops(text).replace(",", "")[: found.start()].split())
    last = first + len(found.group().split())
    if not 0 < first <= last < len(words):
        return None
    return f"{text[: words[first].at].strip(' ,.')}?", text[words[last].at :]


def _is_on_menu(intent: OrderIntent, vocabulary: Vocabulary) -> bool:
    return not isinstance(intent, AddItem) or bool(intent.choices) or intent.item in vocabulary.items


def _apart(text: str, lexicon: Lexicon) -> tuple[str, str]:
    """The questions of a text, and the sentences that are none. A question for an item is an order."""
    asked: list[str] = []
    told: list[str] = []
    for sentence in (part for whole in _SENTENCES.split(text) for part in _question_first(whole, lexicon)):
        folded = fold(sentence)
        if told and lexicon.described.match(folded):
            continue
        asks = "?" in sentence and not _orders_so(folded, lexicon)
        asks = asks or lexicon.question.search(folded + ("?" if "?" in sentence else "")) is not None
        answers = (
            lexicon.order_verb,
            lexicon.request,
            lexicon.repeat,
            lexicon.human,
            lexicon.read_back,
            lexicon.goodbye,
        )
        asks = asks and not any(one.search(folded) for one in answers)
        (asked if asks or lexicon.inquiry.search(folded) else told).append(sentence)
    return " ".join(asked), " ".join(told)


def _orders_so(folded: str, lexicon: Lexicon) -> bool:
    """``A large one?``, ``one of them decaf please?``: how an order is said, whatever stands behind it."""
    begins = any(f"{folded} ".startswith(f"{said} ") for cue in ("a", "ones") for said in lexicon.cues[cue].split("|"))
    begins = begins or _OF_SOME.match(folded) is not None
    return begins or lexicon.please.search(folded) is not None


def _question_first(sentence: str, lexicon: Lexicon) -> list[str]:
    """``How much is the soup and can I have two colas``: a question, and an order behind it."""
    folded = _folded_with_stops(sentence).replace(",", "")
    for verb in lexicon.order_verb.finditer(folded):
        before = folded[: verb.start()].split()
        asks = lexicon.question.search(" ".join(before)) and not lexicon.request.search(" ".join(before))
        if asks and before[-1] in lexicon.cues["and"].split("|") and len(before) > 2:
            at = words_of(sentence)[len(before) - 1].at
            return [f"{sentence[:at].strip(' ,')}?", sentence[at:]]
    return [sentence]


def _kind(text: str, lexicon: Lexicon) -> tuple[str, str]:
    """How the food is wanted, and the text without the words for it. They are looked for in folded words."""
    for kind, said in lexicon.kinds.items():
        found, rest = _cut(text, said)
        if found is not None:
            return kind, rest
    return "", text


def _cut(text: str, pattern: Pattern, mark: str = ",") -> tuple[re.Match[str] | None, str]:
    """The first match of ``pattern`` in the folded text, where punctuation ends a phrase, and the text without it."""
    words = words_of(text)
    if not words:
        return None, text
    folded = _folded_with_stops(text)
    found = pattern.search(folded)
    if found is None or not found.group().strip(" ,"):
        return None, text
    first = len(folded[: found.start()].split())
    last = first + len(found.group().split())
    after = words[last].at if last < len(words) else len(text)
    return found, f"{text[: words[first].at]} {mark} {text[after:]}"


def _folded_with_stops(text: str) -> str:
    words = words_of(text)
    stops = [following.gap not in ("", "-", "'", "’") for following in words[1:]] + [False] * bool(words)
    return " ".join(word.folded + ("," if stop else "") for word, stop in zip(words, stops, strict=True))


def _without_names(text: str, vocabulary: Vocabulary, lexicon: Lexicon) -> str:
    """The folded text without the menu's own names of several words: ``half pint`` is no half of anything."""
    words = words_of(text)
    named = [one for one in find_mentions(words, vocabulary, lexicon) if one.end - one.start > 1 and not one.misheard]
    whole = {at for one in named for at in range(one.start, one.end) if any(read.whole for read in one.readings)}
    return " ".join(word.folded for at, word in enumerate(words) if at not in whole)


def _says_halves(text: str, vocabulary: Vocabulary, lexicon: Lexicon) -> bool:
    """``Half a loaf`` is no half of anything where half is a size of all that is named."""
    if lexicon.halves.search(_without_names(text, vocabulary, lexicon)) is None:
        return False
    mentions = find_mentions(words_of(text), vocabulary, lexicon)
    halves = {one for said in lexicon.cues["half"].split("|") for one in vocabulary.sizes_called(said)}
    items = [mention.values("item") for mention in mentions if mention.values("item")]
    return not (
        halves
        and items
        and all(any(vocabulary.outline.has_size(item, one) for one in halves for item in some) for some in items)
    )


def _without_story(text: str, lexicon: Lexicon) -> str:
    """Without ``last time I had the soup``."""
    found, rest = _cut(text, lexicon.story)
    return text if found is None or lexicon.order_verb.search(found.group()) else rest


def _verb_first(text: str, lexicon: Lexicon) -> str:
    """``Take the beers off`` as ``remove the beers``."""
    found, rest = _cut(text, lexicon.taken_off)
    return text if found is None else f"{rest} , {lexicon.cues['neg'].split('|')[-1]} {found['what']}"


def _how_it_is_to_be(text: str, lexicon: Lexicon) -> str:
    """``I need it decaf`` as ``make it decaf``, ``one of them needs to be large`` as ``one of them with large``."""
    with_it = lexicon.cues["with"].split("|")[0]
    text = _reworded(text, lexicon.of_one, lambda found: f"{found['one']} {with_it}")
    return _reworded(text, lexicon.of_it, lambda _: f", {lexicon.made_so}")


def _reworded(text: str, pattern: Pattern, words: Callable[[re.Match[str]], str]) -> str:
    """``text`` with each match of ``pattern`` in other words."""
    found, rest = _cut(text, pattern, f" {_ONE} ")
    while found is not None:
        text = rest.replace(_ONE, words(found), 1)
        found, rest = _cut(text, pattern, f" {_ONE} ")
    return text


def _without_answers(text: str, lexicon: Lexicon) -> str:
    """Without "that's all", "perfect", "thanks": none of their words is a thing to eat."""
    for pattern in (
        lexicon.done,
        lexicon.goodbye,
        lexicon.thanks,
        lexicon.yes,
        lexicon.read_back,
        lexicon.repeat,
        lexicon.diet,
    ):
        found, text = _cut(text, pattern)
        while found is not None:
            found, text = _cut(text, pattern)
    return text


def _allergies(text: str, lexicon: Lexicon) -> tuple[tuple[str, ...], str]:
    """What the caller does not bear, and the text without it: to name it is never to order it."""
    named: dict[str, None] = {}
    found, rest = _cut(text, lexicon.allergy, ".")
    if found is None:
        return (), text
    while found is not None:
        said = " and ".join(filter(None, found.groupdict().values()))
        named |= dict.fromkeys(_BEFORE_ALLERGEN.sub("", one.strip()) for one in _ALLERGENS_APART.split(said))
        found, rest = _cut(rest, lexicon.allergy, ".")
    return tuple(filter(None, named)) or ("",), rest


def _named_alone(text: str, lexicon: Lexicon) -> tuple[tuple[str, ...], str]:
    """The answer to what the allergy is to: what is left without the words around it."""
    found = []
    for part in _ALLERGENS_APART.split(fold(text)):
        said = part.split()
        strange = [at for at, word in enumerate(said) if word not in lexicon.known]
        found += [" ".join(said[strange[0] : strange[-1] + 1])] if strange else []
    return (tuple(found), "") if found else ((), text)


def _left_out(orders: Sequence[OrderIntent], lexicon: Lexicon) -> tuple[str, ...]:
    """What the orders are to be made without."""
    wishes: list[str] = []
    for one in orders:
        if isinstance(one, AddItem):
            wishes += one.note.split(", ")
        elif isinstance(one, ChangeItem):
            wishes += [wish for _, wish in one.without]
    start = f"{lexicon.without} "
    return tuple(dict.fromkeys(wish.removeprefix(start) for wish in wishes if wish.startswith(start)))


def _refuses(text: str, folded: str, lexicon: Lexicon) -> bool:
    """A no that stands alone; the one of ``no onions`` belongs to the onions."""
    refusal = lexicon.no.search(folded)
    if refusal is None or refusal.start() > 12:
        return False
    rest = folded[refusal.end() :].strip()
    alone = re.search(rf"\b{refusal.group().split()[-1]}\b\s*(?:[,.;!?]|$)", text.lower()) is not None
    return alone or not rest or lexicon.thanks.match(rest) is not None or lexicon.done.search(rest) is not None


def _errand(folded: str, lexicon: Lexicon) -> Errand:
    if lexicon.cancel_placed.search(folded):
        return "cancel"
    if lexicon.change_placed.search(folded):
        return "change"
    return "status" if lexicon.placed.search(folded) else ""


def _table(folded: str, lexicon: Lexicon, language: str, awaited: Awaited) -> TableWish | None:
    """A wish for a table, or more of one that was begun."""
    if awaited != "table" and not lexicon.table.search(folded):
        return None
    said = table_in(folded, lexicon, language)
    if awaited == "table" and said == TableWish():
        return None
    return said


def _question(text: str, lexicon: Lexicon, vocabulary: Vocabulary, *, allergic: bool) -> Question:
    folded = fold(text)
    if lexicon.hours.search(folded) and not lexicon.special_day.search(folded):
        day = day_in(folded, lexicon)
        return Question("opening_hours", {"day": day} if day else {})
    mentions = find_mentions(words_of(text), vocabulary, lexicon)
    items = [one[0] for one in (mention.values("item") for mention in mentions) if len(one) == 1]
    sizes = [one[0] for one in (mention.values("size") for mention in mentions) if one]
    topic: Topic = "price"
    if allergic or lexicon.allergens.search(folded):
        topic = "allergens"
    elif lexicon.contents.search(folded):
        topic = "contents"
    return Question("look_up_faq", {"question": text.strip()}, "".join(items[:1]), "".join(sizes[:1]), topic)
