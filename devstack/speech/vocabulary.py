"""What can be ordered, as the session's tools say it (the enums of ``add_item`` and ``set_fulfilment``), and what it is
called beside that, as the instructions say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from devstack.speech.lexicon import LEXICONS, OTHER_NAMES, SIZES, Lexicon
from devstack.speech.matching import fold, sound
from devstack.speech.menu_card import other_names
from devstack.speech.protocol.session_config import SessionTool

WHOLE = 1.0
SIZE_WORDS = {said: group for group in SIZES for said in group}
PART = 0.9  # recognised by a telling part


@dataclass(frozen=True, slots=True)
class Name:
    """One way to say something: its words by sound, and how much a hit is worth."""

    value: str
    sounds: str
    word_count: int
    worth: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    items: tuple[Name, ...]
    modifiers: tuple[Name, ...]
    sizes: tuple[tuple[str, str], ...]  # (what is said, folded; the menu's size)
    kinds: tuple[str, ...]
    tools: frozenset[str]


def vocabulary_of(tools: Sequence[SessionTool], language: str, instructions: str = "") -> Vocabulary:
    """Built once for each set of tools and instructions."""
    adding = _properties(tools, "add_item")
    return _vocabulary(
        _enum(adding.get("item")),
        _enum(adding.get("size")),
        _enum(_named(adding.get("modifiers"))),
        _enum(_properties(tools, "set_fulfilment").get("kind")),
        frozenset(tool.name for tool in tools),
        language,
        tuple(other_names(instructions).items()),
    )


def names_of(
    values: Iterable[str], language: str, *, qualifiers: bool, also: Iterable[tuple[str, tuple[str, ...]]] = ()
) -> tuple[Name, ...]:
    """Every way to say each of ``values``: whole, by other names, or by a word that no other value has.

    ``also`` are the menu's own other names, and whose; one that several have stands for itself: the tool asks which.

    ``qualifiers``: they are options, whose first word (``extra``, ``with``, ``supplément``) may be left out.
    """
    values = list(values)
    lexicon = LEXICONS[language]
    words = {value: fold(value).split() for value in values}
    names: list[Name] = []
    for value in values:
        said = [words[value]]
        said += [fold(other).split() for other, known in OTHER_NAMES.items() if fold(value) in known]
        if qualifiers and len(words[value]) > 1 and words[value][0] in lexicon.with_words | {"sauce", "base", "dip"}:
            said.append(words[value][1:])
        if qualifiers and words[value][0] in lexicon.without_words:
            said += [[without, *words[value][1:]] for without in ("without", "no", "sans")]
        names += [Name(value, _sounds(one), len(one), WHOLE) for one in said]
        names += [Name(value, _sounds(part), len(part), PART) for part in _telling_parts(words[value], words, lexicon)]
    for other, owners in also:
        own = [value for value in owners if value in words]
        if own and _sounds(fold(other).split()):
            value = own[0] if len(own) == 1 else other
            names.append(Name(value, _sounds(fold(other).split()), len(fold(other).split()), WHOLE))
    return tuple(dict.fromkeys(names))


def _telling_parts(name: list[str], names: dict[str, list[str]], lexicon: Lexicon) -> list[list[str]]:
    """Runs of words of ``name`` that no other name has: ``chicken burger`` of ``crispy chicken burger``."""
    runs = [name[i:j] for i in range(len(name)) for j in range(i + 1, len(name) + 1) if j - i < len(name)]
    others = [f" {' '.join(other)} " for other in names.values() if other != name]
    return [
        run
        for run in runs
        if any(len(word) > 3 and word not in lexicon.weak_words for word in run)
        and not {run[0], run[-1]} & (lexicon.articles | lexicon.joiners)
        and not any(f" {' '.join(run)} " in other for other in others)
    ]


@lru_cache(maxsize=64)
def _vocabulary(
    items: tuple[str, ...],
    sizes: tuple[str, ...],
    modifiers: tuple[str, ...],
    kinds: tuple[str, ...],
    tools: frozenset[str],
    language: str,
    also: tuple[tuple[str, tuple[str, ...]], ...],
) -> Vocabulary:
    return Vocabulary(
        items=names_of(items, language, qualifiers=False, also=also),
        modifiers=names_of(modifiers, language, qualifiers=True, also=also),
        sizes=tuple(
            (said, size)
            for size in sizes
            for said in [fold(size), *sorted(SIZE_WORDS.get(fold(size), frozenset()) - {fold(size)})]
        ),
        kinds=kinds,
        tools=tools,
    )


def _sounds(words: Sequence[str]) -> str:
    return "".join(sound(word) for word in words)


def _properties(tools: Sequence[SessionTool], name: str) -> dict[str, Any]:
    found = next((tool.parameters.get("properties") for tool in tools if tool.name == name), None)
    return found if isinstance(found, dict) else {}


def _named(choices: object) -> object:
    """The schema of the name in a list of objects that have one."""
    for key in ("items", "properties", "name"):
        choices = choices.get(key) if isinstance(choices, dict) else None
    return choices


def _enum(schema: object) -> tuple[str, ...]:
    values = schema.get("enum") if isinstance(schema, dict) else None
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
