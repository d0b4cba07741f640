"""Finding the menu in a sentence: which words are items, options, sizes or categories.

Words that fit a name come first. Only words that are no ordinary words of the language may also be a name misheard:
nothing is found by its sound where another word was said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from devstack.speech.lexicon import Lexicon
from devstack.speech.matching import likeness, sound
from devstack.speech.vocabulary import Kind, Reading, Vocabulary
from devstack.speech.words import Word, stem, stems

ENOUGH = 0.79  # likeness from which a whole name counts
ENOUGH_SHORT = 0.86  # of a name of up to five sounds, or of a part of one
SHORT = 5
LEAST_SOUNDS = 4
LEAST_CUT = 4  # letters of a name that is cut short
LONGEST_MISHEARD = 5  # words
IN_CART = 1.0

# By letters: a whole name before a part, a fitting word before one that only sounds so, a category last.
_WORTH: dict[Kind, float] = {"item": 1.0, "option": 0.98, "size": 0.96, "category": 0.5}
_PART = 0.8
_MISHEARD = 0.7


@dataclass(frozen=True, slots=True)
class Mention:
    """Words ``start`` to ``end`` (exclusive), and all that they may mean."""

    start: int
    end: int
    readings: tuple[Reading, ...]
    weight: float
    misheard: bool = False

    def values(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reading.value for reading in self.readings if reading.kind in kinds))


def find_mentions(
    words: Sequence[Word], vocabulary: Vocabulary, lexicon: Lexicon, in_cart: Collection[str] = ()
) -> list[Mention]:
    """The best mentions that don't overlap, in order. What is in the cart is likelier to be spoken of."""
    exact = list(_exact(words, vocabulary, in_cart))
    taken = {at for mention in exact for at in range(mention.start, mention.end)}
    return best_of([*exact, *_misheard(words, vocabulary, lexicon, taken)])


def best_of(candidates: Iterable[Mention]) -> list[Mention]:
    chosen: list[Mention] = []
    for candidate in sorted(candidates, key=lambda mention: (-mention.weight, mention.end - mention.start)):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda mention: mention.start)


def _exact(words: Sequence[Word], vocabulary: Vocabulary, in_cart: Collection[str]) -> Iterator[Mention]:
    for start in range(len(words)):
        said: tuple[str, ...] = ()
        for end in range(start + 1, min(len(words), start + 2 * vocabulary.longest) + 1):
            word = words[end - 1]
            if end - start > 1 and word.gap not in ("", "-", "'", "’"):
                break
            if word.folded in vocabulary.small and end - start > 1:
                continue  # inside a name, an article may be said or not
            said = (*said, *stems([word.folded]))
            readings = vocabulary.names.get(said) or _joined(words[start:end], vocabulary)
            if readings and _is_said(words[start:end], readings):
                letters = sum(map(len, said))
                cart = IN_CART if any(reading.value in in_cart for reading in readings) else 0.0
                worth = max(_WORTH[one.kind] * (1.0 if one.whole else _PART) for one in readings)
                yield Mention(start, end, readings, letters * worth + cart)


def _joined(words: Sequence[Word], vocabulary: Vocabulary) -> tuple[Reading, ...]:
    """``Cheese burger`` where the menu has it as one word, and the other way about."""
    return vocabulary.joined.get(stem("".join(word.folded for word in words)), ())


def _is_said(words: Sequence[Word], readings: Sequence[Reading]) -> bool:
    """A size of one letter is said as a letter, not as an elided article: ``un tacos L``, not ``l'agneau``."""
    return len(words[0].text) > 1 or len(words) > 1 or words[0].text.isupper() or words[0].text.isdigit()


def _misheard(
    words: Sequence[Word], vocabulary: Vocabulary, lexicon: Lexicon, taken: Collection[int]
) -> Iterator[Mention]:
    yield from _cut_short(words, vocabulary, lexicon, taken)
    strange = [at not in taken and _is_strange(word, lexicon) for at, word in enumerate(words)]
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + LONGEST_MISHEARD) + 1):
            if {words[start].folded, words[end - 1].folded} & vocabulary.small or not any(strange[start:end]):
                continue
            first, last = (
                sound(words[at].folded) if words[at].folded in lexicon.known and at not in taken else ""
                for at in (start, end - 1)
            )
            heard = "".join(sound(word.folded) for word in words[start:end])
            best = max(
                (
                    (likeness(heard, name.sounds), name.sounds, name.reading)
                    for name in vocabulary.soundings
                    if end - start <= name.word_count + 1 and _is_framed(name.sounds, first, last)
                ),
                key=lambda one: (one[0], one[2].kind == "item"),
                default=None,
            )
            if best is None or len(heard) < LEAST_SOUNDS:
                continue
            alike, sounds, reading = best
            if alike >= (ENOUGH_SHORT if len(sounds) <= SHORT or not reading.whole else ENOUGH):
                yield Mention(start, end, (reading,), len(sounds) * alike * _MISHEARD, misheard=True)


def _cut_short(
    words: Sequence[Word], vocabulary: Vocabulary, lexicon: Lexicon, taken: Collection[int]
) -> Iterator[Mention]:
    """``Mayo`` for ``Mayonnaise``, ``decaffeinated`` for ``Decaf``: a word that begins one name alone, or the other
    way about."""
    for at, word in enumerate(words):
        said = word.folded
        if at in taken or not _is_strange(word, lexicon) or len(said) < LEAST_CUT:
            continue
        fitting = {
            reading
            for name, readings in vocabulary.names.items()
            if len(name) == 1 and (name[0].startswith(said) or (len(name[0]) > LEAST_CUT and said.startswith(name[0])))
            for reading in readings
            if reading.whole and reading.kind in ("item", "option")
        }
        if len({reading.value for reading in fitting}) == 1:
            yield Mention(at, at + 1, tuple(fitting), len(said) * _MISHEARD, misheard=True)


def _is_framed(sounds: str, first: str, last: str) -> bool:
    """An ordinary word at an end of what was heard is not misheard: it is part of the name, as in ``quatre frommages``,
    or of the sentence."""
    return sounds.startswith(first) and sounds.endswith(last)


def _is_strange(word: Word, lexicon: Lexicon) -> bool:
    return word.folded not in lexicon.known and word.folded not in lexicon.weak_words and not word.folded.isdigit()
