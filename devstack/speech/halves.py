"""One thing of two halves in a caller's words: ``a large pizza, half pepperoni with olives, half hawaiian``.

Only what is certain is taken: two halves by name, what is said of the first before the second is named, the size. Of
anything else (a third half, something left out, a wish behind both) nothing is made, so that the agent asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from devstack.speech.lexicon import Lexicon
from devstack.speech.mentions import find_mentions
from devstack.speech.tokens import Token, tokens_of
from devstack.speech.vocabulary import Vocabulary
from devstack.speech.words import words_of

_BEFORE = ("number", "a", "the", "of", "filler", "with")
_BETWEEN = ("half", "and", "or", "a", "the", "of", "with", "other", "filler", "on")
_BEHIND = ("with", "neg", "not", "light", "extra", "side", "both", "on", "half", "other")


@dataclass(frozen=True, slots=True)
class AddHalves:
    """``modifiers`` are those of each half."""

    items: tuple[str, str]
    size: str = ""
    quantity: int = 1
    modifiers: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


@dataclass(slots=True)
class _Found:
    items: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    modifiers: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    quantity: int = 1


def halves_in(text: str, vocabulary: Vocabulary, lexicon: Lexicon, language: str) -> tuple[AddHalves | None, str]:
    """The halves, and the text without them; None where something about them is not certain."""
    words = words_of(text)
    tokens = tokens_of(words, find_mentions(words, vocabulary, lexicon), lexicon, language)
    first = next((at for at, token in enumerate(tokens) if token.kind == "half"), None)
    if first is None:
        return None, text
    found = _Found()
    start, end = _before(tokens, first, found), _after(tokens, first, vocabulary, found)
    if end is None or len({*found.items}) != 2 or len({*found.sizes}) > 1:
        return None, text
    rest_at = words[tokens[end].start].at if end < len(tokens) else len(text)
    wish = AddHalves(
        (found.items[0], found.items[1]),
        "".join(found.sizes[:1]),
        found.quantity,
        (tuple(found.modifiers[0]), tuple(found.modifiers[1])),
    )
    return wish, f"{text[: words[tokens[start].start].at]} , {text[rest_at:]}"


def _before(tokens: Sequence[Token], first: int, found: _Found) -> int:
    """From where the words before the halves are of them: ``two large pizzas``."""
    start = first
    while start and (tokens[start - 1].kind in _BEFORE or _is_size_or_category(tokens[start - 1])):
        start -= 1
        token = tokens[start]
        found.quantity = token.number or found.quantity
        found.sizes += token.mention.values("size")[:1] if token.mention is not None else ()
    return start


def _after(tokens: Sequence[Token], first: int, vocabulary: Vocabulary, found: _Found) -> int | None:
    """Where the halves end; None where they are not certain."""
    at = first
    while at < len(tokens) and len(found.items) < 2:
        token = tokens[at]
        named = [item for item in token.mention.values("item") if item in vocabulary.halves] if token.mention else []
        if len(named) == 1:
            found.items.append(named[0])
        elif token.mention is not None and token.mention.values("size"):
            found.sizes += token.mention.values("size")[:1]
        elif token.mention is not None and found.items and len(token.mention.values("option")) == 1:
            found.modifiers[0].extend(token.mention.values("option"))
        elif token.kind not in _BETWEEN and not _is_size_or_category(token):
            return None
        at += 1
    while at < len(tokens) and _is_size_or_category(tokens[at]):
        mention = tokens[at].mention
        found.sizes += mention.values("size")[:1] if mention is not None else ()
        at += 1
    return None if at < len(tokens) and tokens[at].kind in _BEHIND else at


def _is_size_or_category(token: Token) -> bool:
    mention = token.mention
    return mention is not None and bool(mention.values("size", "category")) and not mention.values("item", "option")
