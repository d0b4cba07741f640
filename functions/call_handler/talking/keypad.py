"""Keys that the caller presses: one answer as soon as no more of them come."""

PAUSE_S = 1.5
MAX_KEYS = 32


class Keypad:
    """Times are seconds of any monotonic clock."""

    def __init__(self) -> None:
        self._keys = ""
        self._at = 0.0

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
        return keys
