"""Finding the menu in a sentence: which words are items, options, sizes and numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import fold, likeness, sound
from devstack.speech.vocabulary import Name, Vocabulary

Kind = Literal["item", "modifier", "size", "number"]

ENOUGH = 0.79  # likeness from which a whole name counts
ENOUGH_SHORT = 0.86  # of a name of up to five sounds, or of one telling word
SHORT = 5
IN_CART = 1.0

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Word:
    """``at`` is where it stands in the original text."""

    text: str
    folded: str
    at: int


@dataclass(frozen=True, slots=True)
class Mention:
    """Words ``start`` to ``end`` (exclusive) name ``value``."""

    kind: Kind
    start: int
    end: int
    value: str
    weight: float


def words_of(text: str) -> list[Word]:
    return [
        Word(found.group(), fold(found.group()), found.start())
        for found in _WORDS.finditer(text)
        if fold(found.group())
    ]


def find_mentions(
    words: Sequence[Word], vocabulary: Vocabulary, lexicon: Lexicon, in_cart: Collection[str] = ()
) -> list[Mention]:
    """The best mentions that don't overlap, in order. What is in the cart is likelier to be spoken of."""
    candidates = [
        *(
            replace(found, weight=found.weight + (IN_CART if found.value in in_cart else 0.0))
            for found in _names(words, vocabulary.items, "item", lexicon)
        ),
        *(_in_context(found, words, lexicon) for found in _names(words, vocabulary.modifiers, "modifier", lexicon)),
        *_sizes(words, vocabulary),
    ]
    chosen: list[Mention] = []
    for candidate in sorted(candidates, key=lambda mention: (-mention.weight, mention.end - mention.start)):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in chosen):
            chosen.append(candidate)
    taken = {index for mention in chosen for index in range(mention.start, mention.end)}
    for index, word in enumerate(words):
        value = int(word.folded) if word.folded.isdigit() else lexicon.numbers.get(word.folded)
        if index not in taken and value is not None and 0 < value <= 99:
            chosen.append(Mention("number", index, index + 1, str(value), 0.0))
    return sorted(chosen, key=lambda mention: mention.start)


def best_of(words: Sequence[Word], names: Sequence[Name], lexicon: Lexicon) -> list[str]:
    """The values named in an answer to a question, each once, in order."""
    chosen: list[Mention] = []
    for candidate in sorted(_names(words, names, "modifier", lexicon), key=lambda mention: -mention.weight):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in chosen):
            chosen.append(candidate)
    return list(dict.fromkeys(mention.value for mention in sorted(chosen, key=lambda mention: mention.start)))


def _names(words: Sequence[Word], names: Iterable[Name], kind: Kind, lexicon: Lexicon) -> Iterator[Mention]:
    windows = [
        (start, end, "".join(sound(word.folded) for word in words[start:end]))
        for start in range(len(words))
        for end in range(start + 1, min(len(words), start + 5) + 1)
    ]
    edge = lexicon.articles | lexicon.joiners
    for name in names:
        for start, end, heard in windows:
            if end - start > name.word_count + 1:
                continue
            alike = likeness(heard, name.sounds)
            if alike < (ENOUGH_SHORT if len(name.sounds) <= SHORT or name.worth < 1 else ENOUGH):
                continue
            loose = end - start > 1 and alike < 1 and (words[start].folded in edge or words[end - 1].folded in edge)
            weight = (alike - 0.55) * len(name.sounds) * name.worth - (1.0 if loose else 0.0)
            yield Mention(kind, start, end, name.value, weight)


def _in_context(found: Mention, words: Sequence[Word], lexicon: Lexicon) -> Mention:
    """An option is likelier after ``with``: then it wins over an item of the same name, else it loses."""
    before = [word.folded for word in words[max(0, found.start - 4) : found.start]]
    own = words[found.start].folded
    cued = own in lexicon.with_words | lexicon.without_words or any(
        word in lexicon.with_words | lexicon.without_words for word in before
    )
    return replace(found, weight=found.weight + (0.3 if cued else -0.3))


def _sizes(words: Sequence[Word], vocabulary: Vocabulary) -> Iterator[Mention]:
    sounds = [sound(word.folded) for word in words]
    for said, size in vocabulary.sizes:
        parts = [sound(word) for word in said.split()]
        for start in range(len(words) - len(parts) + 1):
            if sounds[start : start + len(parts)] == parts:
                yield Mention("size", start, start + len(parts), size, 1.5 + len(said) / 10)
