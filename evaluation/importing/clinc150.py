"""CLINC150: sentences for an assistant of another kind, and some for none. No restaurant sells anything to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evaluation.importing import Drawn, Made, Source

# Intents that a restaurant's phone hears, and that alone order nothing; besides, what is in no intent's scope.
HEARD = (
    *("oos", "how_busy", "ingredients_list", "meal_suggestion", "restaurant_reviews", "food_last", "calories"),
    *("cancel", "cancel_reservation", "confirm_reservation", "goodbye", "greeting", "repeat", "thank_you"),
    *("are_you_a_bot", "what_can_i_ask_you", "who_made_you", "tell_joke", "change_language", "insurance", "weather"),
)
PARTS = ("oos_test", "test")


def draw(content: Mapping[str, Any], limit: int) -> Drawn:
    """As many of each intent as the limit leaves, in the file's order."""
    by_intent: dict[str, list[str]] = {intent: [] for intent in HEARD}
    left_out = 0
    for text, intent in _sentences(content):
        if intent in by_intent:
            by_intent[intent].append(text)
        else:
            left_out += 1
    each = max(1, limit // len(HEARD))
    chosen = [(intent, text) for intent, texts in by_intent.items() for text in texts[:each]][:limit]
    return Drawn([_scenario(at + 1, intent, text) for at, (intent, text) in enumerate(chosen)], None, left_out)


def _sentences(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not any(part in content for part in PARTS):
        raise KeyError("oos_test")
    for part in PARTS:
        for text, intent in content.get(part, ()):
            yield str(text), str(intent)


def _scenario(number: int, intent: str, text: str) -> Made:
    done = "No, nothing, thank you. Goodbye."
    topics = ("open", "more", "again", "size", "option", "which", "name", "party", "day", "time", "fulfilment", "human")
    return {
        "id": f"clinc150-{number:04}",
        "menu": "harbour-pizza",
        "persona": "a crowd worker",
        "goal": intent.replace("_", " "),
        "say": [f"{text[:1].upper()}{text[1:]}."],
        "answers": dict.fromkeys(topics, done),
        "expect": [{"nothing": True}, {"transferred": True}],
    }


SOURCE = Source(
    "clinc150",
    "CLINC150 (Larson and others)",
    "CC BY 3.0",
    "https://github.com/clinc/oos-eval, data/data_full.json",
    draw,
)
