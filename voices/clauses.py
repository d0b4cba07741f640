"""Where to cut a reply so that its first words are heard while the rest is made."""

from __future__ import annotations

import re

SHORTEST = 14  # characters: a shorter clause sounds chopped and costs a model run of its own
LONGEST = 160  # Kokoro's memory grows with the clause, and its limit is 510 phonemes

_AFTER_PUNCTUATION = re.compile(r"(?<=[.!?;:,…])\s+")
_SENTENCE_END = (".", "!", "?", "…")


def clauses(text: str) -> list[str]:
    """``text`` in the pieces to synthesize, in order; a sentence's end always ends a piece."""
    pieces: list[str] = []
    current = ""
    for part in _AFTER_PUNCTUATION.split(text.strip()):
        current = f"{current} {part}".strip()
        if current.endswith(_SENTENCE_END) or len(current) >= SHORTEST:
            pieces.extend(_shorter(current))
            current = ""
    return [*pieces, *_shorter(current)] if current else pieces


def _shorter(clause: str) -> list[str]:
    pieces: list[str] = []
    while len(clause) > LONGEST:
        cut = clause.rfind(" ", 0, LONGEST)
        cut = cut if cut > 0 else LONGEST
        pieces.append(clause[:cut])
        clause = clause[cut:].strip()
    return [*pieces, clause]
