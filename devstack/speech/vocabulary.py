"""What can be ordered, as the session says it: the tools' enums, and what belongs together by its instructions.

Names are kept by the stems of their telling words, so that a sentence is searched for all of them at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from devstack.speech.lexicon import LEXICONS, SIZES, Lexicon
from devstack.speech.matching import fold, sound
from devstack.speech.menu_card import other_names, size_names
from devstack.speech.menu_outline import Outline, outline_of
from devstack.speech.menu_search import options_in
from devstack.speech.protocol.session_config import SessionTool
from devstack.speech.words import stem, stems
from domain.menu import Amount

Kind = Literal["item", "option", "size", "category"]

SIZE_WORDS = {said: group for group in SIZES for said in group}
_SEVERAL = 3  # options that are called after one word
_SHORTEST_TELLING = 3  # letters of a word that tells an item from others


@dataclass(frozen=True, slots=True)
class Reading:
    """What some words may mean. ``amount`` is the one in an option's own name (``No onion``); ``whole`` that the
    words are all of the name, not a part of it."""

    kind: Kind
    value: str
    whole: bool = True
    amount: Amount = "regular"


@dataclass(frozen=True, slots=True)
class Sounding:
    """A name by its sounds, for words that speech-to-text made of it."""

    sounds: str
    word_count: int
    reading: Reading


@dataclass(frozen=True)
class Vocabulary:
    names: Mapping[tuple[str, ...], tuple[Reading, ...]]
    joined: Mapping[str, tuple[Reading, ...]]  # "cheese burger" is "cheeseburger"
    soundings: tuple[Sounding, ...]
    longest: int  # telling words of the longest name
    outline: Outline
    items: frozenset[str]
    options: frozenset[str]
    halves: frozenset[str]  # items of which two may be halves of one
    kinds: tuple[str, ...]
    tools: frozenset[str]
    small: frozenset[str]  # words that may stand inside a name or be left out of it, in the menu's language

    def sizes_called(self, said: str) -> tuple[str, ...]:
        readings = self.names.get(telling(fold(said).split(), self.small), ())
        return tuple(one.value for one in readings if one.kind == "size")


def vocabulary_of(
    tools: Sequence[SessionTool], language: str, instructions: str = "", found: Mapping[str, str] | None = None
) -> Vocabulary:
    """Built once for each set of tools and instructions. ``found`` are dishes that ``search_menu`` told, by name: their
    lines are in the ``instructions`` too."""
    found = found or {}
    adding = _properties(tools, "add_item")
    return _vocabulary(
        _enum(adding.get("item")) or tuple(found),
        _enum(adding.get("size")) or (size_names(instructions) if found else ()),
        _enum(_named(adding.get("modifiers"))) or options_in(found),
        _enum(_half(_properties(tools, "add_halves"))),
        _enum(_properties(tools, "set_fulfilment").get("kind")),
        frozenset(tool.name for tool in tools),
        language,
        instructions,
    )


def telling(folded_words: Iterable[str], small: frozenset[str]) -> tuple[str, ...]:
    """Stems of the words that are more than an article or an "of"; all of them where there is nothing else."""
    folded_words = list(folded_words)
    return stems([word for word in folded_words if word not in small] or folded_words)


def names_of(values: Iterable[str], kind: Kind, lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """Every way to say each of ``values`` by its own words: whole, and each run of them that can tell it."""
    for value in values:
        amount, core = (
            _amount_in(fold(value).split(), lexicon) if kind == "option" else ("regular", fold(value).split())
        )
        whole = telling(core, lexicon.small)
        yield whole, Reading(kind, value, True, amount)
        if amount != "regular":
            yield telling(fold(value).split(), lexicon.small), Reading(kind, value)
        if kind == "option" and len(whole) > 1 and whole[0] == "non":  # "no fat", "fat free" for "Non-fat milk"
            yield from ((said, Reading(kind, value, False, amount)) for said in _lacking(whole[1], lexicon))
        runs = {whole[i:j] for i in range(len(whole)) for j in range(i + 1, len(whole) + 1)} - {whole}
        weak = _ordinary(lexicon)
        for run in sorted(runs):
            if any(len(word) >= _SHORTEST_TELLING and word not in weak and not word.isdigit() for word in run):
                yield run, Reading(kind, value, False, amount)


def _lacking(stem_of: str, lexicon: Lexicon) -> tuple[tuple[str, ...], ...]:
    """How a thing is called that has none of something."""
    return ((lexicon.without, stem_of), (stem_of, "free"), (f"non{stem_of}",))


@cache
def _ordinary(lexicon: Lexicon) -> frozenset[str]:
    """Stems of words by which alone nothing is recognised, though they may be a part of its name."""
    return frozenset(stems(sorted(lexicon.weak_words | lexicon.known)))


def amount_of(cue: str) -> Amount:
    return {"neg": "without", "light": "light", "extra": "extra", "side": "side"}.get(cue, "regular")  # type: ignore[return-value]


def _amount_in(name: list[str], lexicon: Lexicon) -> tuple[Amount, list[str]]:
    """``No onion`` is (without, onion), ``Avec frites`` (regular, frites), ``Dressing on the side`` (side,
    dressing)."""
    side = next((parts for parts in _phrases("side", lexicon) if tuple(name[-len(parts) :]) == parts), ())
    if side and len(name) > len(side):
        return "side", name[: -len(side)]
    for cue in ("neg", "light", "extra", "with"):
        parts = next((parts for parts in _phrases(cue, lexicon) if tuple(name[: len(parts)]) == parts), ())
        if parts and len(name) > len(parts):
            return "extra" if name[0] in lexicon.added else amount_of(cue), name[len(parts) :]
    return "regular", name


def _phrases(cue: str, lexicon: Lexicon) -> list[tuple[str, ...]]:
    said = lexicon.cues[cue].split("|") + ([lexicon.without] if cue == "neg" else [])  # type: ignore[index]
    return sorted((tuple(phrase.split()) for phrase in said), key=len, reverse=True)


@lru_cache(maxsize=256)
def choice_of(allowed: tuple[str, ...], language: str, *, is_size: bool = False) -> Vocabulary:
    """What may be said where only these can be chosen."""
    sizes, options = (allowed, ()) if is_size else ((), allowed)
    return _vocabulary((), sizes, options, (), (), frozenset(), language, "")


@lru_cache(maxsize=64)
def _vocabulary(
    items: tuple[str, ...],
    sizes: tuple[str, ...],
    options: tuple[str, ...],
    halves: tuple[str, ...],
    kinds: tuple[str, ...],
    tools: frozenset[str],
    language: str,
    instructions: str,
) -> Vocabulary:
    lexicon = LEXICONS[language]
    listed: tuple[tuple[Kind, tuple[str, ...]], ...] = (("item", items), ("option", options))
    outline = outline_of(instructions, items, sizes, options)
    found: dict[tuple[str, ...], dict[Reading, None]] = {}
    for said, reading in (
        *names_of(items, "item", lexicon),
        *names_of(options, "option", lexicon),
        *_others(instructions, items, options, lexicon),
        *_sizes(sizes, lexicon),
        *_categories(outline, lexicon),
    ):
        found.setdefault(said, {})[reading] = None
    brief = _brief_names(options, lexicon)
    names = {said: tuple(_whole_first(_briefly(readings, said, brief))) for said, readings in found.items()}
    soundings = tuple(
        Sounding("".join(map(sound, fold(name).split())), len(fold(name).split()), Reading(kind, name))
        for kind, named in listed
        for name in named
    )
    parts = tuple(
        Sounding("".join(map(sound, said)), len(said), readings[0])
        for said, readings in names.items()
        if len({reading.value for reading in readings}) == 1 and readings[0].kind in ("item", "option")
    )
    joined = {stem("".join(fold(name).split())): (Reading(kind, name),) for kind, named in listed for name in named}
    longest = max(map(len, names), default=1)
    return Vocabulary(
        names,
        joined,
        tuple(dict.fromkeys(soundings + parts)),
        longest,
        outline,
        frozenset(items),
        frozenset(options),
        frozenset(halves),
        kinds,
        tools,
        lexicon.small,
    )


def _brief_names(options: Iterable[str], lexicon: Lexicon) -> dict[tuple[str, ...], list[str]]:
    """Options without the word that says what several of them are: ``2%`` for ``2% milk``, beside oat milk and soy
    milk."""
    wholes = {option: telling(fold(option).split(), lexicon.small) for option in options}
    at = -1 if lexicon.is_head_last else 0
    heads = Counter(whole[at] for whole in wholes.values() if len(whole) > 1)
    found: dict[tuple[str, ...], list[str]] = {}
    for option, whole in wholes.items():
        if len(whole) > 1 and heads[whole[at]] >= _SEVERAL:
            found.setdefault(whole[:-1] if lexicon.is_head_last else whole[1:], []).append(option)
    return found


def _briefly(
    readings: Iterable[Reading], said: tuple[str, ...], brief: Mapping[tuple[str, ...], list[str]]
) -> Iterator[Reading]:
    """Of the options that the words are a part of, the one of which nothing telling is left out."""
    named = brief.get(said, [])
    for reading in readings:
        if reading.kind != "option" or reading.whole or len(named) != 1 or reading.value == named[0]:
            yield reading


def _whole_first(readings: Iterable[Reading]) -> Iterator[Reading]:
    """Where the words are all of one item's name, the items of which they are a part are not meant; so of options."""
    readings = list(readings)
    whole = {reading.kind for reading in readings if reading.whole}
    for reading in readings:
        if reading.whole or reading.kind not in whole:
            yield reading


def _others(
    instructions: str, items: Sequence[str], options: Sequence[str], lexicon: Lexicon
) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """What the menu says that things are also called; a name that several have may mean each of them."""
    for other, owners in other_names(instructions).items():
        for owner in owners:
            if owner in items:
                yield telling(fold(other).split(), lexicon.small), Reading("item", owner)
            elif owner in options:
                yield telling(fold(other).split(), lexicon.small), Reading("option", owner)


def _sizes(sizes: Iterable[str], lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], Reading]]:
    for size in sizes:
        for said in {fold(size), *SIZE_WORDS.get(fold(size), ())}:
            yield telling(said.split(), lexicon.small), Reading("size", size)


def _categories(outline: Outline, lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], Reading]]:
    for category, items in outline.categories.items():
        for item in items:
            yield telling(fold(category).split(), lexicon.small), Reading("category", item)


def _properties(tools: Sequence[SessionTool], name: str) -> dict[str, Any]:
    found = next((tool.parameters.get("properties") for tool in tools if tool.name == name), None)
    return found if isinstance(found, dict) else {}


def _named(choices: object) -> object:
    """The schema of the name in a list of objects that have one."""
    for key in ("items", "properties", "name"):
        choices = choices.get(key) if isinstance(choices, dict) else None
    return choices


def _half(adding: dict[str, Any]) -> object:
    """The schema of the item that is one of two halves."""
    first = adding.get("first")
    return first["properties"].get("item") if isinstance(first, dict) and "properties" in first else None


def _enum(schema: object) -> tuple[str, ...]:
    values = schema.get("enum") if isinstance(schema, dict) else None
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
