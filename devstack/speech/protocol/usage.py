"""Token counts of a response, estimated.

No tokenizer of the paid engine is here, so text counts as a token for four characters (its documented rule of
thumb) and audio at its documented rates: caller audio a token for each 100 ms, assistant audio for each 50 ms.
What an earlier response had already as its input counts as cached. Good enough to drive cost code with numbers
of the right size; not a bill.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from devstack.speech.protocol.items import FunctionCall, FunctionCallOutput, Item, Message
from devstack.speech.protocol.session_config import SessionConfig

CHARACTERS_PER_TOKEN = 4
INPUT_MS_PER_TOKEN = 100
OUTPUT_MS_PER_TOKEN = 50


def text_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Tokens:
    text: int = 0
    audio: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio)

    @property
    def total(self) -> int:
        return self.text + self.audio


def of_context(config: SessionConfig, items: Iterable[Item], spoken_ms: dict[str, int]) -> Tokens:
    """What the model reads: instructions, tools and items; ``spoken_ms`` is the audio length of user items."""
    tokens = Tokens(text_tokens(config.instructions) + text_tokens(msgspec.json.encode(config.tools).decode()))
    for item in items:
        if isinstance(item, Message):
            audio_ms = spoken_ms.get(item.id, 0)
            tokens += Tokens(0, -(-audio_ms // INPUT_MS_PER_TOKEN)) if audio_ms else Tokens(text_tokens(item.text))
        elif isinstance(item, FunctionCall):
            tokens += Tokens(text_tokens(item.name + item.arguments))
        elif isinstance(item, FunctionCallOutput):
            tokens += Tokens(text_tokens(item.output))
    return tokens


def usage(context: Tokens, cached: Tokens, output: Tokens) -> dict[str, Any]:
    """The protocol's ``usage`` object."""
    hit = Tokens(min(cached.text, context.text), min(cached.audio, context.audio))
    return {
        "total_tokens": context.total + output.total,
        "input_tokens": context.total,
        "output_tokens": output.total,
        "input_token_details": {
            "text_tokens": context.text,
            "audio_tokens": context.audio,
            "image_tokens": 0,
            "cached_tokens": hit.total,
            "cached_tokens_details": {"text_tokens": hit.text, "audio_tokens": hit.audio, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    }
