"""Restaurants-8K: sentences of people who book a table, with what they say marked in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from domain.number_words import spoken_numbers
from evaluation.importing import Drawn, Made, Source

MOST_COVERS = 8
NAME = "Walsh"
# What is asked for where the sentence does not say it.
COVERS, TIME, TIME_SAID = 2, "20:00", "At eight in the evening."

_CLOCK = re.compile(r"(\d{1,2})(?:[:. ]?(\d{2}))? ?([ap])\.? ?m", re.IGNORECASE)
_HALF_DAY = 12


def draw(turns: Sequence[Any], limit: int) -> Drawn:
    """Of turns that open a conversation and name people or a time that can be read without a doubt."""
    scenarios: list[Made] = []
    left_out = 0
    for turn in turns:
        if len(scenarios) >= limit:
            break
        text = turn["userInput"]["text"].strip()
        marked = {label["slot"]: _span(text, label.get("valueSpan") or {}) for label in turn.get("labels") or ()}
        table = None if (turn.get("context") or {}).get("requestedSlots") else _table(marked)
        if table is None or not text or len(text) > 400:
            left_out += 1
            continue
        scenarios.append(_scenario(len(scenarios) + 1, text, table))
    return Drawn(scenarios, None, left_out)


def _span(text: str, span: Made) -> str:
    return text[span.get("startIndex", 0) : span.get("endIndex", len(text))]


def _table(marked: dict[str, str]) -> Made | None:
    """None where the end is not clear: another day, a time without its half of the day, too many people."""
    if not marked.keys() & {"people", "time"} or marked.get("date", "tomorrow").casefold() != "tomorrow":
        return None
    covers, at = _covers(marked.get("people")), _time(marked.get("time"))
    if covers is None or at is None or not 1 <= covers <= MOST_COVERS:
        return None
    name = " ".join(marked[slot] for slot in ("first_name", "last_name") if slot in marked)
    return {"covers": covers, "at": at, "days_ahead": 1, "name": name or NAME}


def _covers(said: str | None) -> int | None:
    if said is None:
        return COVERS
    numbers = re.findall(r"\d+", spoken_numbers(said, "en"))
    return int(numbers[0]) if len(numbers) == 1 else None


def _time(said: str | None) -> str | None:
    if said is None:
        return TIME
    match = _CLOCK.search(said)
    if match is None:
        return None
    hour = int(match[1]) % _HALF_DAY + (_HALF_DAY if match[3].lower() == "p" else 0)
    return f"{hour:02}:{int(match[2] or 0):02}"


def _scenario(number: int, text: str, table: Made) -> Made:
    return {
        "id": f"restaurants-8k-{number:04}",
        "menu": "harbour-pizza",
        "persona": "a crowd worker",
        "goal": "a table",
        "say": [text],
        "answers": {
            "party": f"{table['covers']} people.",
            "day": "Tomorrow.",
            "time": TIME_SAID if table["at"] == TIME else f"At {table['at']}.",
            "name": f"{table['name']}.",
            "open": f"A table for {table['covers']} tomorrow at {table['at']}.",
        },
        "expect": [{"table": table}],
    }


SOURCE = Source(
    "restaurants-8k",
    "Restaurants-8K (PolyAI)",
    "CC BY 4.0",
    "https://github.com/PolyAI-LDN/task-specific-datasets, span_extraction/restaurant8k",
    draw,
)
