"""Spoken sentences, 8 kHz µ-law, through VAD, speech-to-text and the agent, to the tool calls that they mean.

The callers have other voices than the assistant's English one. There is one French voice only, so French callers
share the assistant's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from domain.prompts import transcription_prompt
from domain.tools import tool_schemas
from tests.integration.speech.talking import caller_audio, speak, until, update
from tests.unit.speech.ordering import seeded

pytestmark = pytest.mark.integration

ENGLISH: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "am_michael",
        "I'd like a large Margherita with extra olives and two cheeseburgers, please.",
        [
            {"item": "Margherita", "size": "Large", "modifiers": ["Extra olives"], "quantity": 1},
            {"item": "Cheeseburger", "quantity": 2},
        ],
    ),
    (
        "af_heart",
        "Can I have a crispy chicken burger with green salad and a ginger beer?",
        [
            {"item": "Crispy chicken burger", "modifiers": ["With green salad"], "quantity": 1},
            {"item": "Ginger beer", "quantity": 1},
        ],
    ),
    (
        "am_michael",
        "Two small pepperoni pizzas and three garlic breads, please.",
        [{"item": "Pepperoni", "size": "Small", "quantity": 2}, {"item": "Garlic bread", "quantity": 3}],
    ),
    (
        "af_heart",
        "A Caesar salad with no dressing, and a tiramisu.",
        [{"item": "Caesar salad", "modifiers": ["No dressing"], "quantity": 1}, {"item": "Tiramisu", "quantity": 1}],
    ),
    ("am_michael", "I'd like to order for pickup.", [{"kind": "pickup"}]),
    ("am_michael", "My name is Anna.", [{"name": "Anna"}]),
]
FRENCH: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "ff_siwis",
        "Je voudrais une grande Reine et deux quatre fromages, s'il vous plaît.",
        [{"item": "Reine", "size": "Grande", "quantity": 1}, {"item": "Quatre fromages", "quantity": 2}],
    ),
    (
        "ff_siwis",
        "Une petite Margherita avec un supplément champignons.",
        [{"item": "Margherita", "size": "Petite", "modifiers": ["Supplément champignons"], "quantity": 1}],
    ),
    ("ff_siwis", "C'est pour emporter.", [{"kind": "pickup"}]),
]


async def calls_for(
    realtime: AsyncRealtimeConnection, language: str, voice: str, sentence: str
) -> list[dict[str, Any]]:
    state = seeded(language)
    assert len(state.menu.items) >= 30
    tools = tool_schemas(state.restaurant, state.menu)
    await update(realtime, language=language, tools=tools, prompt=transcription_prompt(state.menu))
    await speak(realtime, caller_audio(sentence, voice))
    done = (await until(realtime, "response.done"))[-1].response
    return [json.loads(item.arguments) for item in done.output if item.type == "function_call"]


@pytest.mark.parametrize(("voice", "sentence", "expected"), ENGLISH)
async def test_an_english_sentence_becomes_its_tool_calls(
    realtime: AsyncRealtimeConnection, voice: str, sentence: str, expected: list[dict[str, Any]]
) -> None:
    assert await calls_for(realtime, "en", voice, sentence) == expected


@pytest.mark.parametrize(("voice", "sentence", "expected"), FRENCH)
async def test_a_french_sentence_becomes_its_tool_calls(
    realtime: AsyncRealtimeConnection, voice: str, sentence: str, expected: list[dict[str, Any]]
) -> None:
    assert await calls_for(realtime, "fr", voice, sentence) == expected
