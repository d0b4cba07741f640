"""When a caller who has a handler hears nothing for longer than any part of the system allows."""

# A handler asks a caller who says nothing after 15 s, and no caller talks for so long without an answer: whoever hears
# nothing for this time is on a call that has gone wrong in a way that no process has noticed.
UNEXPLAINED_AFTER_S = 20.0


class SilenceWatch:
    """Of one call; ``now`` is a monotonic clock's."""

    def __init__(self, now: float) -> None:
        self._heard_at = now

    def look(self, now: float, *, hears_or_waits: bool) -> bool:
        """True once for each UNEXPLAINED_AFTER_S without a sound that nothing excuses."""
        if hears_or_waits or now - self._heard_at >= UNEXPLAINED_AFTER_S:
            unexplained = not hears_or_waits
            self._heard_at = now
            return unexplained
        return False
