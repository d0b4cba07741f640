"""A table in a caller's words: the day, the time, how many; and the time that an order is wanted for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from devstack.speech.lexicon import Lexicon
from domain.number_words import number_at

_BEFORE_COVERS = re.compile(r"\b(?:for|pour|table de|party of|we are|we re|be|serons|est|sera|of) ")
_PEOPLE = re.compile(r"people|persons|guests|personnes|couverts|adults|adultes|pers")
_TIME_UNITS = frozenset(("h", "heure", "heures", "pm", "am", "p", "o", "clock"))
_MORNING = re.compile(r"\b(?:am|a m|midi|lunch|morning|matin|noon)\b")


@dataclass(frozen=True, slots=True)
class TableWish:
    """What is known so far; "" and 0 for what is not."""

    day: str = ""
    time: str = ""
    covers: int = 0

    def with_more(self, said: TableWish) -> TableWish:
        return replace(self, day=said.day or self.day, time=said.time or self.time, covers=said.covers or self.covers)


def table_in(folded: str, lexicon: Lexicon, language: str) -> TableWish:
    return TableWish(day_in(folded, lexicon), time_in(folded, language, strict=False), _covers(folded, language))


def day_in(folded: str, lexicon: Lexicon) -> str:
    """As the tools take it; "" where no day is said."""
    return next((day for said, day in lexicon.days.items() if re.search(rf"\b{said}s?\b", folded)), "")


def time_in(folded: str, language: str, *, strict: bool = True) -> str:
    """``HH:MM``; "" where no time is said. ``strict``: only with a word of the clock, for a number may be another."""
    words = folded.split()
    if re.search(r"\b(?:at|a|for|pour|vers) (?:noon|midi)\b", folded):
        return "12:00"
    for at in range(len(words)):
        found = number_at(words, at, language)
        if found is None or not 0 < found[0] < 25:
            continue
        hour, end = found
        marked = words[at - 1] in ("at", "a", "vers", "around", "by", "past") if at else False
        unit = " ".join(words[end : end + 2])
        clock = re.match(r"(?:h|heures?|o clock|pm|am|p m|a m)\b", unit)
        if not clock and (strict or not marked):
            continue
        end += len(clock.group().split()) if clock else 0
        minute = number_at(words, end, language)
        minutes = (
            minute[0]
            if minute and minute[0] < 60
            else 30
            if words[end : end + 2] in (["et", "demie"], ["et", "demi"])
            else 0
        )
        half_past = words[at - 2 : at] == ["half", "past"]
        return _clock(hour, 30 if half_past else minutes, folded, clock.group() if clock else "", language)
    return ""


def _clock(hour: int, minutes: int, folded: str, unit: str, language: str) -> str:
    """Hours without a half of the day are of the evening, as far as a restaurant is meant."""
    morning = unit in ("am", "a m") or _MORNING.search(folded) is not None
    evening = hour < 12 and not morning and (unit in ("pm", "p m") or language == "en" or hour < 10)
    return f"{(hour + 12 if evening else hour) % 24:02d}:{minutes:02d}"


def _covers(folded: str, language: str) -> int:
    """The number before "people", else the one after "for" that is no time."""
    words = folded.split()
    for at in range(len(words)):
        found = number_at(words, at, language)
        if found is not None and found[1] < len(words) and _PEOPLE.fullmatch(words[found[1]]):
            return found[0]
    for before in _BEFORE_COVERS.finditer(folded):
        after = folded[before.end() :].split()
        found = number_at(after, 0, language)
        if found is not None and found[0] > 0 and not set(after[found[1] : found[1] + 1]) & _TIME_UNITS:
            return found[0]
    return 0
