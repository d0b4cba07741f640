"""Cuts a text that comes in pieces into sentences to speak, each as soon as it is whole."""

import re

SHORTEST = 12  # characters: "Sure." alone would be a request of its own
LONGEST = 240

# An end is punctuation with a space behind it, so "12.50" is none; nor is the point of a short title.
_END = re.compile(r"(?<!\bM)(?<!\bMr)(?<!\bMrs)(?<!\bDr)[.!?…]+[\"»)]*\s+|\n+")


class Sentences:
    """``add`` gives what is whole by now, ``rest`` what is left at the end."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str) -> list[str]:
        self._text += piece
        whole: list[str] = []
        while (cut := self._cut()) is not None:
            sentence = self._text[:cut].strip()
            self._text = self._text[cut:]
            if sentence:
                whole.append(sentence)
        return whole

    def rest(self) -> str:
        text, self._text = self._text.strip(), ""
        return text

    def _cut(self) -> int | None:
        for end in _END.finditer(self._text):
            if end.end() >= SHORTEST:
                return end.end()
        if len(self._text) > LONGEST:
            at = self._text.rfind(" ", 0, LONGEST)
            return at if at > 0 else LONGEST
        return None
