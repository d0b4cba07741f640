"""How long it takes from the end of a caller's turn until its words are there.

Only engines that tell when a turn ended and give its words of their own can be measured: the protocol's sessions and a
cascade's ear. From a full-duplex engine nobody learns when it had understood. The turn's end is the moment at which it
was found to be over, so the silence that says so (``VAD_SILENCE_MS``) is not in it.
"""

from __future__ import annotations

MOST_TURNS = 16
"""Of turns whose words never come: an engine may leave them out, and a call may be long."""


class Recognition:
    """One a conversation; times are on the conversation's clock, in seconds."""

    def __init__(self) -> None:
        self._paused_at: float | None = None
        self._ended: dict[str, float] = {}

    def paused(self, now: float) -> None:
        self._paused_at = now

    def turn(self, item_id: str) -> None:
        """What was said until the last pause is item ``item_id``."""
        if self._paused_at is None:
            return
        self._ended[item_id] = self._paused_at
        self._paused_at = None
        if len(self._ended) > MOST_TURNS:
            del self._ended[next(iter(self._ended))]

    def words(self, item_id: str, now: float) -> float | None:
        """The turn's words are there, or will never be: the seconds that it took; None where its end is not known."""
        ended = self._ended.pop(item_id, None)
        return None if ended is None else now - ended

    def lost(self) -> None:
        """Another engine knows nothing of these turns."""
        self._paused_at = None
        self._ended.clear()
