"""What a caller has not heard of a reply that a sound of theirs cut off, until it is known whether they said anything.

A cough, a door or a "mhm" without a word stops a reply as a sentence does. When no word comes of it and the engine does
not reply by itself, the rest is said, from the beginning of the sentence that was cut: a warning, a total or the notice
of a recording must not be lost to a noise.

Pure: times are arguments (seconds, any monotonic clock).
"""

from collections.abc import Iterable

from domain.sentences import from_sentence_at

WITHOUT_WORDS_S = 2.0  # from the caller's pause
MOST_IN_A_ROW = 2  # a noise that comes again and again is not talked against


class Unheard:
    """One a conversation."""

    def __init__(self) -> None:
        self._rest = ""
        self._due_at: float | None = None
        self._said_again = 0

    def cut(self, parts: Iterable[tuple[str, float]]) -> None:
        """Of each text that was being played or waited for it, which share was heard."""
        self._rest = " ".join(from_sentence_at(text, heard * len(text)) for text, heard in parts if text)

    def caller_pauses(self, now: float) -> None:
        self._due_at = now + WITHOUT_WORDS_S if self._rest else None

    def caller_speaks(self) -> None:
        self._due_at = None

    def words(self) -> None:
        """The caller has said something, or has pressed a key: it is for the engine to answer."""
        self.forget()
        self._said_again = 0

    def forget(self) -> None:
        """The engine replies by itself, or is gone."""
        self._rest, self._due_at = "", None

    def due(self, now: float) -> str:
        """What to say now, once; "" for nothing."""
        if self._due_at is None or now < self._due_at:
            return ""
        rest = self._rest if self._said_again < MOST_IN_A_ROW else ""
        self.forget()
        self._said_again += bool(rest)
        return rest
