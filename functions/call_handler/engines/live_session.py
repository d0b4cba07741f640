"""The ``session`` of OpenAI's Live protocol: a full-duplex voice that delegates to a text model with our tools.

It is fixed once it has started, so what was said before goes along: 128 messages at most, of some 8,000 tokens.
"""

from collections.abc import Sequence
from typing import Any

from functions.call_handler.engines.base import Line, Setup
from functions.call_handler.settings import LiveEndpoint

PCMU = {"type": "audio/pcmu", "rate": 8000}
LINES_MOST = 100
CHARACTERS_MOST = 20_000

FRONT = (
    "You are the voice on a restaurant's phone. You talk; a backend works for you and uses the tools that the "
    "text below speaks of. Delegate to it whenever the caller orders or changes something, asks about dishes, "
    "prices, allergens, opening hours or a table, gives a name, a number or an address, agrees to what was read "
    "out, wants to speak to a person, or says goodbye. Never say a price or a total, and never that something is "
    "done, before the backend has told you so; say names, numbers and prices exactly as it tells them. When you "
    "are told that the caller has heard something word for word, do not say it again: wait for the answer.\n\n"
)

_ROLES = {
    "caller": ("user", "input_text"),
    "assistant": ("assistant", "output_text"),
    "system": ("developer", "input_text"),
}


def session_of(setup: Setup, endpoint: LiveEndpoint, history: Sequence[Line], voice: str) -> dict[str, Any]:
    """``voice`` "" is the engine's own."""
    backend: dict[str, Any] = {
        "model": endpoint.backend,
        "instructions": setup.instructions,
        "tools": list(setup.tools),
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    }
    if endpoint.effort:
        backend["reasoning"] = {"effort": endpoint.effort}
    audio: dict[str, Any] = {"format": PCMU}
    if voice:
        audio["output"] = {"voice": voice}
    return {
        "model": endpoint.model,
        "instructions": FRONT + setup.instructions,
        "audio": audio,
        "delegation": {"type": "responses", "responses": backend},
        "input": [_message(line) for line in _latest(history)],
        "store": False,
    }


def _latest(history: Sequence[Line]) -> list[Line]:
    kept: list[Line] = []
    room = CHARACTERS_MOST
    for line in reversed(history[-LINES_MOST:]):
        room -= len(line.text)
        if room < 0:
            break
        kept.insert(0, line)
    return kept


def _message(line: Line) -> dict[str, Any]:
    role, kind = _ROLES[line.who]
    return {"type": "message", "role": role, "content": [{"type": kind, "text": line.text}]}
