"""Where the sentences of what is said begin."""

from __future__ import annotations

import re

_ENDS = re.compile(r"[.!?…]\s+")


def from_sentence_at(text: str, at: float) -> str:
    """``text`` from the beginning of the sentence on in which its ``at``-th letter stands, from 0."""
    return text[max((one.end() for one in _ENDS.finditer(text) if one.end() <= at), default=0) :]
