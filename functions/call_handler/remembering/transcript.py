"""Who said what, in the order it was said. A caller's words come late: their place is kept by their turn."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

MAX_LINES = 400
NO_WORDS = "[…]"


class TranscriptLine(msgspec.Struct):
    """One line. ``cut`` when the caller spoke over it; ``item_id`` is the engine's, "" for the greeting."""

    who: Literal["caller", "assistant"]
    text: str
    at: datetime
    item_id: str = ""
    cut: bool = False


class Transcript:
    """At most MAX_LINES lines, the oldest go first. Lines without text are not given out."""

    def __init__(self, lines: list[TranscriptLine] | None = None) -> None:
        self._lines = list(lines or [])
        self._by_item: dict[str, TranscriptLine] = {line.item_id: line for line in self._lines if line.item_id}

    def greeting(self, text: str) -> None:
        self._append(TranscriptLine("assistant", text, datetime.now(UTC)))

    def caller_turn(self, item_id: str) -> None:
        self._item("caller", item_id)

    def caller_said(self, item_id: str, text: str) -> None:
        self._item("caller", item_id).text = text

    def caption_failed(self, item_id: str) -> None:
        """The caller said something, and nobody will know what."""
        self._item("caller", item_id).text = NO_WORDS

    def assistant_says(self, item_id: str, text: str, whole: bool) -> None:
        line = self._item("assistant", item_id)
        line.text = text if whole else line.text + text

    def cut(self, item_id: str) -> None:
        if item_id in self._by_item:
            self._by_item[item_id].cut = True

    def text_of(self, item_id: str) -> str:
        """What the assistant says in it, as far as it is known; of "" the greeting."""
        greeting = (line for line in self._lines if line.who == "assistant" and not line.item_id)
        line = self._by_item.get(item_id) if item_id else next(greeting, None)
        return line.text if line is not None else ""

    def lines(self) -> list[TranscriptLine]:
        return [line for line in self._lines if line.text]

    def caller_spoke(self) -> bool:
        return any(line.who == "caller" for line in self._lines)

    def _item(self, who: Literal["caller", "assistant"], item_id: str) -> TranscriptLine:
        line = self._by_item.get(item_id)
        if line is None:
            line = self._by_item[item_id] = TranscriptLine(who, "", datetime.now(UTC), item_id)
            self._append(line)
        return line

    def _append(self, line: TranscriptLine) -> None:
        self._lines.append(line)
        if len(self._lines) > MAX_LINES:
            self._by_item.pop(self._lines.pop(0).item_id, None)
