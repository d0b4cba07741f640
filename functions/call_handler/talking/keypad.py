"""Keys that the caller presses: one answer as soon as no more of them come."""

from collections import deque
from collections.abc import Iterator

PAUSE_S = 1.5
MAX_KEYS = 32
MAX_GROUPS = 6  # that one number may be pressed in


class Keypad:
    """Times are seconds of any monotonic clock."""

    def __init__(self) -> None:
        self._keys = ""
        self._at = 0.0
        self._groups: deque[str] = deque(maxlen=MAX_GROUPS)

    @property
    def is_used(self) -> bool:
        return bool(self._keys)

    def pressed(self, digit: str, now: float) -> None:
        self._keys = (self._keys + digit)[-MAX_KEYS:]
        self._at = now

    def entered(self, now: float) -> str:
        """What was pressed, once; "" while more may come."""
        if now - self._at < PAUSE_S:
            return ""
        keys, self._keys = self._keys, ""
        if keys:
            self._groups.append(keys)
        return keys

    def numbers(self) -> Iterator[str]:
        """What was entered last, by itself and with what was before it: a long number is pressed in groups."""
        number = ""
        for group in reversed(self._groups):
            number = group + number
            yield number
