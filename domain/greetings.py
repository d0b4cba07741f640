"""What a caller hears first: the restaurant's words, and after them what it has to say and left out.

Apart from the prompts: a call handler, whose start a caller waits for, needs those and not the patterns of the notices.
"""

from __future__ import annotations

from typing import Protocol

from domain import notices
from domain.prompt_texts import TEXTS
from domain.spoken_time import language_of


class Greeter(Protocol):
    """What a greeting is made of: a Restaurant, or as much of one."""

    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def greeting(self) -> str: ...
    @property
    def record_calls(self) -> bool: ...


def greeting_text(restaurant: Greeter) -> str:
    """What the caller hears first: the restaurant's own words, or the default, which says that an AI speaks.

    The restaurant's own words are followed by what they leave out of ``notices_due``.
    """
    return " ".join((_own_words(restaurant), *notices_due(restaurant)))


def notices_due(restaurant: Greeter) -> tuple[str, ...]:
    """The sentences that its greeting does not say itself: that an AI speaks, and where calls are recorded, that."""
    language = language_of(restaurant.language)
    texts, greeting = TEXTS[language], _own_words(restaurant)
    due: list[str] = []
    if not notices.tells_of_ai(greeting, restaurant.name, language):
        due.append(texts.spoken_by_ai)
    if restaurant.record_calls and not notices.tells_of_recording(greeting, restaurant.name, language):
        due.append(texts.recorded)
    return tuple(due)


def _own_words(restaurant: Greeter) -> str:
    texts = TEXTS[language_of(restaurant.language)]
    return restaurant.greeting.strip() or texts.greeting.format(name=restaurant.name)
