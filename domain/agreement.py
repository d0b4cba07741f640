"""Whether the caller agreed to what is about to be ordered: the one gate before an order exists.

A read-back is spoken by the voice engine, played by the bridge and answered by a person, and each of these can go
wrong: the model confirms in the same breath, the caller talks over the sum, the voice says another total than the
cart's. So the handler reports facts (``Agreement``), and this module alone decides. Three things have to be true of
the cart as it is now, each after the one before:

1. its read-back was played to its end; only the closing question may be missing (a "yes" into "is that right?"
   counts, since items and total were heard);
2. the caller answered after that, by voice or by a key;
3. nobody is speaking, and the words, as far as they are known, are a yes without an "if" or a "but", and without
   another time than the one that the caller wished for.

Words are known late, or never (captions may fail). Then the model's own judgement of what it heard counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from domain.errors import Refused
from domain.names import fold
from domain.number_words import spoken_numbers
from domain.order import Cart, CartLine
from domain.spoken_time import language_of

YES_KEYS = frozenset(("1", "#", "1#"))  # as on every other telephone menu; another key may mean anything


@dataclass(frozen=True, slots=True)
class Agreement:
    """What happened since a cart was read out. ``version`` is the cart's, -1 when none was read out.

    ``answer`` holds the caller's words after the read-back: "" while they are not known. ``key`` are keys
    pressed together instead. ``speaking`` is the present moment.
    """

    version: int = -1
    heard: bool = False
    answered: bool = False
    answer: str = ""
    key: str = ""
    speaking: bool = False


NOTHING_READ = Agreement()


def require_agreement(agreement: Agreement, cart: Cart) -> None:
    """Raises Refused: ``not_read_back``, ``not_heard``, ``not_answered``, ``caller_speaking`` or ``not_agreed``."""
    if agreement.version != cart.version:
        message = "Call read_cart, say its sentence and let the caller agree before confirm_order."
        raise Refused("not_read_back", message, ("read_cart",), "read_back")
    if not agreement.heard:
        message = "The caller has not heard the read-back to its end: say it now, then wait for the answer."
        raise Refused("not_heard", message, ("read_cart",), "read_back")
    if agreement.speaking:
        raise Refused("caller_speaking", "The caller is speaking: listen first.", (), "read_back")
    if not agreement.answered:
        raise Refused("not_answered", "The caller has not answered the read-back yet: wait.", (), "read_back")
    if agreement.key in YES_KEYS:
        return
    # Not before a caller has answered: the patterns of its words would take 10 ms of each cold start.
    from domain.answers import answer_of

    answer = answer_of(agreement.answer, cart.customer_name, cart.wanted_at)
    if (agreement.key or agreement.answer) and answer != "yes":
        message = (
            "That was no clear yes. Do what the caller asked for; if the order is to stay as it is, call read_cart"
            " again and ask for a yes or a no."
        )
        raise Refused("not_agreed", message, ("read_cart",), "read_back")


# --- The read-back ---------------------------------------------------------------------------------------------

_AMOUNT = re.compile(
    r"(?P<whole>\d{1,7})(?: ?(?P<point>[.,]) ?(?P<cents>\d{2})(?!\d))?"
    r"(?: ?(?P<unit>€|\$|£|(?:euros?|eur|pounds?|livres?|dollars?|francs?|chf|gbp|usd)\b)"
    r"(?: (?:and |et )?(?P<rest>\d{1,2})(?!\d)(?: (?:cents?|centimes?|pence|p))?)?)?"
)
NUMBER_WITHIN = 5  # words before an item's name: "2 of your large thin Margherita"
_ONE = frozenset(("1", "a", "an", "un", "une", "one"))
# Words that a sentence says otherwise, or not at all, without meaning something else.
_SMALL = frozenset(
    ("the", "with", "and", "of", "avec", "et", "de", "du", "des", "la", "le", "les", "l", "d", "a", "au")
)


def misread(
    text: str, cart: Cart, total_cents: int, language: str, *, others: Sequence[str] = (), sentence: str = ""
) -> tuple[str, ...]:
    """What the spoken ``text`` leaves out of, adds to, or gets wrong in, the cart: items, allergies, ``total``.

    Empty when it is right. Items and options may stand in any order, be inflected and have anything around them;
    numbers may be words or digits; the total has to be said as an amount. ``others`` are the menu's items that are not
    in the cart. Whatever ``sentence``, the domain's own, says too is never wrong.
    """
    numbers = spoken_numbers(text, language_of(language))
    words = fold(numbers).split()
    wrong = []
    firsts = [_first_word(spoken_numbers(line.item_name, language_of(language))) for line in cart.lines]
    for line, first in zip(cart.lines, firsts, strict=True):
        names = [line.item_name, line.size_name, *(modifier.name for modifier in line.modifiers)]
        wanted = [word for name in names for word in fold(spoken_numbers(name, language_of(language))).split()]
        all_said = all(_is_said(word, words) for word in wanted if word not in _SMALL)
        elsewhere = [one for one in firsts if one != first and not one.isdigit()]  # "Quatre fromages"
        sizes = list(map(str, _size_numbers(line, language)))
        if not (all_said and _is_counted(first, line.quantity, words, elsewhere, sizes, language)):
            wrong.append(line.item_name)
    wrong += [one for one in cart.allergies if not all(_is_said(word, words) for word in _telling(one))]
    # In words as they fold, in digits as they are written: folding takes the decimal point away.
    known = {total_cents, *_prices(cart)}.union(*_sums(sentence, language))
    if total_cents not in _amounts(numbers) | _amounts(text) or not all(one & known for one in _sums(text, language)):
        wrong.append("total")
    added = _added(text, cart, others, language) - _added(sentence, cart, others, language)
    return (*wrong, *sorted(added - set(wrong)))


def _size_numbers(line: CartLine, language: str) -> list[int]:
    """The numbers in a size's name: ``Three``, ``12 inches``."""
    return [int(word) for word in spoken_numbers(line.size_name, language_of(language)).split() if word.isdigit()]


def says_amount(text: str, cents: int, language: str) -> bool:
    """Whether an amount of money is said, in words or in digits."""
    return cents in amounts_in(text, language)


def amounts_in(text: str, language: str) -> set[int]:
    """Every amount of money, in cents, that is said in words or in digits."""
    return _amounts(spoken_numbers(text, language_of(language))) | _amounts(text)


def _telling(name: str) -> list[str]:
    return [word for word in fold(name).split() if word not in _SMALL]


def _first_word(name: str) -> str:
    """By which a name is found: its first word that is said as it stands."""
    return next((word for word in fold(name).split() if word not in _SMALL), "")


def _is_said(word: str, words: list[str]) -> bool:
    """The word itself, or inflected: a plural, a feminine form."""
    stem = word[:-1] if len(word) > 4 and word[-1] in "sex" else word
    return any(
        said == word or (len(stem) > 2 and said.startswith(stem) and len(said) <= len(word) + 2) for said in words
    )


def _is_counted(name: str, quantity: int, words: list[str], others: list[str], sizes: list[str], language: str) -> bool:
    """Whether ``quantity`` is the number before a place where ``name`` is said; anywhere, when none stands before it.

    A number before one of the ``others``' names is that one's; one of ``sizes`` may be the size's ("1 three tacos").
    """
    ones = _ONE - {"a", "an"} if language_of(language) == "fr" else _ONE  # "à" folds to "a"
    said = ["1" if word in ones else word for word in words]
    counts = []
    for at in (at for at, word in enumerate(words) if _is_said(name, [word])):
        before = said[max(0, at - NUMBER_WITHIN) : at][::-1]
        own = takewhile(lambda word: not any(_is_said(other, [word]) for other in others), before)
        numbers = [word for word in own if word.isdigit()]
        if sizes and numbers[:1] == sizes:
            del numbers[0]
        counts.append(numbers[0] if numbers else "")
    return str(quantity) in counts or (not any(counts) and str(quantity) in said)


def _amounts(numbers: str) -> set[int]:
    """Every amount of money, in cents, that the text may mean."""
    found = set()
    for match in _AMOUNT.finditer(numbers.casefold()):
        whole = int(match["whole"]) * 100
        if match["cents"] is not None:
            found.add(whole + int(match["cents"]))
        elif match["unit"] is not None:
            found.add(whole + int(match["rest"] or 0))
    for match in re.finditer(r"[€$£] ?(\d{1,7})(?:[.,](\d{2}))?(?!\d)", numbers):
        found.add(int(match[1]) * 100 + int(match[2] or 0))
    for match in re.finditer(r"(?<!\d)(\d{1,2}) ?(?:cents?|centimes?|pence)\b", numbers.casefold()):
        found.add(int(match[1]))
    return found


# What is said of the cart and is not in it: a sum, an item, another number of one.

_SYMBOLS = {"€": " euros ", "£": " pounds ", "$": " dollars "}
_SAID_SUM = re.compile(rf"(?:(?P<before>\d{{1,4}}) )?{_AMOUNT.pattern}")


# What stands between a number and a name that it does not count. An article is not taken for a number here.
_APART = _SMALL | {
    "an",
    "euro",
    "euros",
    "cent",
    "cents",
    "pounds",
    "dollars",
    "francs",
    "minutes",
    "heures",
    "pm",
    "am",
}


def _prices(cart: Cart) -> Iterator[int]:
    """Every sum, in cents, that may be said beside the cart's total."""
    yield cart.items_cents
    yield cart.fee_cents
    for line in cart.lines:
        yield line.unit_cents
        yield line.total_cents
        yield from (modifier.price_cents for modifier in line.modifiers)


def _sums(text: str, language: str) -> list[set[int]]:
    """The sums that are said with their currency, each as all that it may mean, in cents."""
    # "13.50 euros" and "€13.50" as "13 euros 50": they would fold to "13 50 euros".
    spread = re.sub(r"([€$£]) ?(\d+(?:[.,]\d{2})?)(?!\d)", r"\2 \1", text)
    spread = re.sub(r"(\d)[.,](\d{2}) ?([€$£]|[a-zA-Z]+)", r"\1 \3 \2 ", spread)
    spread = re.sub("[€$£]", lambda symbol: _SYMBOLS[symbol[0]], spread)
    found = []
    for match in _SAID_SUM.finditer(spoken_numbers(spread, language_of(language))):
        if match["unit"] is not None:
            whole, rest = int(match["whole"]), int(match["rest"] or 0)
            meant = {whole * 100, whole * 100 + rest}  # "3 euros, 2 Cokes"
            if match["before"]:
                meant.add(int(match["before"]) * 100 + whole)  # "thirteen fifty euros"
            found.append(meant)
    return found


def _added(text: str, cart: Cart, others: Sequence[str], language: str) -> set[str]:
    """Names of the ``others`` that ``text`` says, and of the cart's items that it says another number of."""
    language = language_of(language)
    words = spoken_numbers(text, language).split()
    known = _named(cart, language)
    said = " ".join(_singular(word) for word in words if word not in _SMALL)
    found = set()
    for other in others:
        called = [_singular(word) for word in spoken_numbers(other, language).split() if word not in _SMALL]
        if known.issuperset(called) or called[0].isdigit():  # "4 fromages blancs" are no "Quatre fromages"
            continue
        if f" {' '.join(called)} " in f" {said} ":
            found.add(other)
    firsts = {line.item_name: _first_word(spoken_numbers(line.item_name, language)) for line in cart.lines}
    for name, first in firsts.items():
        numbers = {line.quantity for line in cart.lines if firsts[line.item_name] == first}
        numbers |= {
            size for line in cart.lines if firsts[line.item_name] == first for size in _size_numbers(line, language)
        }
        numbers.add(sum(line.quantity for line in cart.lines if firsts[line.item_name] == first))
        if not first.isdigit() and _counts(first, words, known, set(firsts.values()) - {first}) - numbers:
            found.add(name)
    return found


def _named(cart: Cart, language: str) -> set[str]:
    """Every word, in the singular, of what the cart calls its items and its customer."""
    texts = [cart.customer_name]
    for line in cart.lines:
        texts += line.item_name, line.size_name, line.note, *(modifier.name for modifier in line.modifiers)
    return {_singular(word) for text in texts for word in spoken_numbers(text, language).split()}


def _singular(word: str) -> str:
    return word.rstrip("sx") if len(word) > 3 else word


def _counts(first: str, words: list[str], known: set[str], others: set[str]) -> set[int]:
    """The numbers that are said of an item right before its first word, but for its size and one word more."""
    found = set()
    for at in (at for at, word in enumerate(words) if _is_said(first, [word])):
        strange = 0
        for before in reversed(words[:at]):
            if before.isdigit():
                found.add(int(before))
            strange += _singular(before) not in known
            if before.isdigit() or strange > 1 or before in _APART or any(_is_said(one, [before]) for one in others):
                break
    return found


def question_from(sentence: str) -> int:
    """Where in a read-back its closing question begins (an index): what comes before it must be heard."""
    body = sentence.rstrip()
    if not body.endswith("?"):
        return len(body)
    before = max(body.rfind(mark, 0, len(body) - 1) for mark in (". ", "! ", "? ", ".\u00a0"))
    return before + 1 if before > 0 else len(body)
